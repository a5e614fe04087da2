from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.errors import PartMissing
from deploy.local.parts import Choice, Kind, Part, brokers, stores, take, wanted
from deploy.local.supervisor import Supervisor


@dataclass(frozen=True)
class FakePart:
    name: str
    lacking: str | None = None
    unfetchable: str | None = None
    durable: bool = True
    genuine: bool = True
    ours: bool = True

    def lacks(self) -> str | None:
        return self.lacking

    def prepare(self, say: Callable[[str], None]) -> None:
        if self.unfetchable:
            raise PartMissing(self.unfetchable)
        say(f"fetched {self.name}")

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        return self.name


def names(parts: list[Part]) -> list[str]:
    return [part.name for part in parts]


def test_the_first_part_that_lacks_nothing_is_taken_and_the_others_say_why_not() -> None:
    said: list[str] = []
    found = take(
        Kind.BROKER,
        [
            FakePart("docker", lacking="an engine"),
            FakePart("maven", unfetchable="no network"),
            FakePart("wheel"),
        ],
        said.append,
    )
    assert found.part.name == "wheel"
    assert found.passed_over == ("docker: an engine", "maven: no network")
    assert said == ["fetched wheel"]


def test_no_part_at_all_is_an_error_that_names_what_each_lacks() -> None:
    with pytest.raises(PartMissing, match=r"no store to be had:\n  mongod: mongod on PATH"):
        take(Kind.STORE, [FakePart("mongod", lacking="mongod on PATH")], print)


def test_the_wheels_are_the_default_and_given_servers_go_before_them() -> None:
    assert names(wanted(Choice.WHEELS, brokers({}))) == [brokers({})["wheel"].name]
    assert names(wanted(Choice.WHEELS, stores({}))) == [stores({})["wheel"].name]
    given = {"KAFKA_BOOTSTRAP": "kafka:9092", "MONGO_URL": "mongodb://mongo"}
    assert not wanted(Choice.WHEELS, brokers(given))[0].ours
    assert not wanted(Choice.BEST, stores(given))[0].ours
    assert names(wanted(Choice.EMBEDDED, brokers(given))) == [brokers({})["wheel"].name]


def test_best_goes_from_docker_over_programs_of_the_machine_to_the_wheels() -> None:
    assert list(brokers({})) == ["docker", "maven", "wheel"]
    assert list(stores({})) == ["docker", "mongod", "secantusd-rs", "wheel"]
    assert wanted(Choice.BEST, stores({})) == list(stores({}).values())
    assert wanted(Choice.DOCKER, stores({})) == [stores({})["docker"]]


def test_only_a_part_that_forgets_is_marked_as_not_durable() -> None:
    assert {word for word, part in brokers({}).items() if part.durable} == {"maven"}
    assert {word for word, part in brokers({}).items() if part.genuine} == {"docker", "maven"}


def test_programs_are_what_best_takes_without_docker() -> None:
    for parts in (brokers({}), stores({})):
        best, programs = wanted(Choice.BEST, parts), wanted(Choice.PROGRAMS, parts)
        assert programs == [part for part in best if part is not parts["docker"]]
    assert names(wanted(Choice.PROGRAMS, brokers({"KAFKA_BOOTSTRAP": "b:9092"}))) == [
        "the brokers at KAFKA_BOOTSTRAP (b:9092)"
    ]
