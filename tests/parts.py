"""The parts that tests run on: a broker and a store for the whole session, a fresh database name per test.

The wheels by default; KAFKA_BOOTSTRAP and MONGO_URL are honoured; `--parts best` takes the best there is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import MongoClient

from deploy.local import containers
from deploy.local.parts import Choice, Kind, Part, brokers, stores, take, wanted
from deploy.local.supervisor import Supervisor


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--parts`."""
    parser.addoption(
        "--parts",
        choices=[str(choice) for choice in Choice],
        default=str(Choice.WHEELS),
        help="broker and store to test on (default: the wheels, or KAFKA_BOOTSTRAP and MONGO_URL)",
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of this session, and where their processes live."""

    supervisor: Supervisor
    folder: Path
    broker: Part
    store: Part


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """The parts chosen, nothing started yet; what is started later ends with the session."""
    choice = Choice(request.config.getoption("--parts"))
    with Supervisor() as supervisor:
        yield Parts(
            supervisor,
            tmp_path_factory.mktemp("parts"),
            take(Kind.BROKER, wanted(choice, brokers()), print).part,
            take(Kind.STORE, wanted(choice, stores()), print).part,
        )


@pytest.fixture(scope="session")
def broker(parts: Parts) -> str:
    """Bootstrap address of the session's broker. Topics outlive a test: give them names of their own."""
    return parts.broker.start(parts.supervisor, parts.folder)


@pytest.fixture(scope="session")
def store(parts: Parts) -> str:
    """URL of the session's store."""
    return parts.store.start(parts.supervisor, parts.folder)


@pytest.fixture
def database_name(store: str) -> Iterator[str]:
    """The name of a database that doesn't exist yet; what begins with it is dropped after the test."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, object]](store) as client:
        for made in client.list_database_names():
            if made.startswith(name):
                client.drop_database(made)


@pytest.fixture
def topic_suffix() -> str:
    """Something to end the names of a test's topics and groups with."""
    return uuid4().hex[:12]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips tests marked `docker` where no engine answers, and where the quick parts were asked for: before
    any of their fixtures is made, of whatever scope, as one of them builds the image.
    """
    if item.get_closest_marker("docker"):
        if Choice(item.config.getoption("--parts")) not in {Choice.BEST, Choice.DOCKER}:
            pytest.skip("builds images: run with --parts best")
        if lacking := containers.lacks():
            pytest.skip(f"needs {lacking}")


@pytest.fixture(autouse=True)
def _skip_without_real_broker(request: pytest.FixtureRequest) -> None:
    """Skips tests marked `broker` where the broker isn't Apache Kafka."""
    if request.node.get_closest_marker("broker"):
        chosen: Parts = request.getfixturevalue("parts")
        if not chosen.broker.genuine:
            pytest.skip(f"needs a real Apache Kafka, this is {chosen.broker.name}: run with --parts best")
