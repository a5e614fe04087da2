"""Golden examples: what was once published can always be read, and means the same."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import protovalidate
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from services.chassis import topics
from services.chassis.engine import parse
from services.chassis.envelope import event_id, from_foreign, from_record, header_map, iso, to_headers
from services.chassis.topics import Topic

EXAMPLES = Path(__file__).parents[2] / "protos" / "examples"
INBOUND = "fengqiao.inbound.requests"


@dataclass(frozen=True, slots=True)
class Example:
    contract: str
    type: str
    headers: dict[str, str]
    data: Any
    value: bytes

    @property
    def topic(self) -> Topic:
        [found] = (t for t in topics.load() if t.name.replace("{source}.", "") == self.contract)
        return found


def load() -> list[Example]:
    found = []
    for path in sorted(EXAMPLES.glob("*/*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        value = base64.b64decode(raw["value_base64"], validate=True)
        name = path.name.partition(".")[0]
        found.append(Example(path.parent.name, name, raw["headers"], raw["data"], value))
    return found


ALL = load()
EVENTS = [example for example in ALL if example.contract != INBOUND]
every = pytest.mark.parametrize("example", ALL, ids=lambda e: f"{e.contract}/{e.type}")
every_event = pytest.mark.parametrize("example", EVENTS, ids=lambda e: f"{e.contract}/{e.type}")


def read(example: Example) -> Message:
    topics.know_generated_types()
    return parse(example.headers["ce_type"], example.value)


@every
def test_an_example_is_of_a_type_that_its_topic_declares(example: Example) -> None:
    assert example.headers["ce_type"].rpartition(".")[2] == example.type
    assert example.headers["ce_type"] in (example.topic.types or ())


@every
def test_an_examples_bytes_say_what_its_data_says_and_obey_the_rules(example: Example) -> None:
    message = read(example)
    protovalidate.validate(message)
    assert json_format.MessageToDict(message) == example.data
    assert json_format.ParseDict(example.data, type(message)()) == message


@every
def test_an_example_is_written_with_the_same_bytes_again(example: Example) -> None:
    assert read(example).SerializeToString(deterministic=True) == example.value


@every
def test_an_example_shows_no_field_that_the_contract_does_not_know(example: Example) -> None:
    message = read(example)
    bare = type(message)()
    bare.CopyFrom(message)
    bare.DiscardUnknownFields()
    assert bare == message


@every_event
def test_a_record_is_read_with_its_headers_and_its_headers_are_written_the_same(example: Example) -> None:
    envelope = from_record(example.headers, example.value)
    assert envelope.data == example.value
    assert header_map(to_headers(envelope)) == example.headers


@every_event
def test_an_events_headers_agree_with_each_other(example: Example) -> None:
    envelope = from_record(example.headers, example.value)
    [producer] = example.topic.producers
    topic = example.topic.name.replace("{source}", "hotline")
    assert envelope.source == f"/fengqiao/{producer}"
    assert envelope.id == event_id(producer, envelope.subject, topic, envelope.sequence)
    assert envelope.recorded_at >= envelope.time
    assert iso(envelope.time) == example.headers["ce_time"]
    assert re.fullmatch(r"([a-z.]+:\d+:\d+:\d+)?", envelope.cause)
    assert len(envelope.head) == 32


def test_an_agencys_record_is_read_as_it_comes() -> None:
    [example] = (e for e in ALL if e.contract == INBOUND)
    read_event = from_foreign(example.headers, example.value)
    assert read_event.protobuf == example.value
    assert read_event.attributes["ce_type"] == example.headers["ce_type"]
