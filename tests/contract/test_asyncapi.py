"""The AsyncAPI document is what the contracts give, and holds together."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from services.chassis import topics

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]

SHAPE = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations", "components"],
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {"version": {"pattern": r"^\d+\.\d+\.\d+"}},
        },
        "channels": {
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["address", "messages", "description"],
                "properties": {
                    "address": {"type": "string"},
                    "messages": {
                        "minProperties": 1,
                        "additionalProperties": {"type": "object", "required": ["$ref"]},
                    },
                    "bindings": {"type": "object", "required": ["kafka"]},
                },
            },
        },
        "operations": {
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel"],
                "properties": {"action": {"enum": ["send", "receive"]}},
            },
        },
    },
}
"""As much of the AsyncAPI 3.0.0 schema as the document uses."""


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_the_document_is_fresh() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "asyncapi.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr


def test_the_document_has_the_shape_of_asyncapi() -> None:
    jsonschema.validate(DOCUMENT, SHAPE)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_every_topic_is_a_channel_with_its_messages() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert channels.keys() == {topic.name for topic in topics.load()}
    for topic in topics.load():
        wanted = topic.types or {"DeadLetter"}
        assert set(channels[topic.name]["messages"]) == wanted
        for parameter in re.findall(r"\{(\w+)\}", topic.name):
            assert parameter in channels[topic.name]["parameters"]


def test_everybody_who_writes_or_reads_a_topic_has_an_operation() -> None:
    found = {
        (
            DOCUMENT["channels"][op["channel"]["$ref"].rpartition("/")[2]]["address"],
            op["action"],
            op["x-party"],
        )
        for op in DOCUMENT["operations"].values()
    }
    sends = {(topic.name, "send", party) for topic in topics.load() for party in topic.producers}
    receives = {(topic.name, "receive", party) for topic in topics.load() for party in topic.consumers}
    assert found == sends | receives


@pytest.mark.parametrize("name", sorted(MESSAGES.keys() - {"DeadLetter"}))
def test_a_messages_example_obeys_its_schema(name: str) -> None:
    message = MESSAGES[name]
    schema = {"$ref": message["payload"]["$ref"], "components": DOCUMENT["components"]}
    for example in message["examples"]:
        jsonschema.validate(example["payload"], schema)
        jsonschema.validate(example["headers"], message["headers"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**example["payload"], "unknown": 1}, schema)
