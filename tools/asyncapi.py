"""Writes docs/asyncapi.yaml, the topics for people's tools: AsyncAPI 3.0 from protos/topics and the protos.

`--check` writes nothing and exits 1 when the committed document isn't what the contracts give.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "asyncapi.yaml"
EXAMPLES = ROOT / "protos" / "examples"
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen" / "python")]

from services.chassis.topics import SOURCE, Topic, know_generated_types, load  # noqa: E402 - found by the path set above

Plain = dict[str, Any]
FORMAT = "application/vnd.google.protobuf;version=3"
SCALARS: dict[int, Plain] = {
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptor.CPPTYPE_INT64: {"type": "string", "pattern": "^-?[0-9]+$"},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "string", "pattern": "^[0-9]+$"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
OURS = (
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_sequence",
    "content-type",
)
FOREIGN = ("ce_specversion", "ce_id", "ce_type", "ce_source", "content-type")


def document() -> Plain:
    """The whole document."""
    know_generated_types()
    contracts = load()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    types = sorted({name for topic in contracts for name in topic.types or ()})
    schemas: dict[str, Plain] = {}
    for name in types:
        _schema(Default().FindMessageTypeByName(name), schemas)
    inbound = {name for topic in contracts if "agency" in topic.producers for name in topic.types or ()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fengqiao",
            "version": project["version"],
            "description": "CloudEvents 1.0, binary mode; values are protobuf, shown here as proto3 JSON.",
            "license": {"name": project["license"]},
        },
        "defaultContentType": "application/protobuf",
        "channels": {_name(topic): _channel(topic) for topic in contracts},
        "operations": dict(sorted(op for topic in contracts for op in _operations(topic))),
        "components": {
            "messages": {name: _message(name, foreign=name in inbound) for name in types}
            | {"DeadLetter": {"title": "Any record, as it came", "headers": _headers(("dead-reason",))}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _name(topic: Topic) -> str:
    return topic.name.replace(f"{SOURCE}.", "")


def _channel(topic: Topic) -> Plain:
    names = sorted(topic.types) if topic.types else ["DeadLetter"]
    channel: Plain = {
        "address": topic.name,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
        "x-owner": topic.owner,
        "x-key": topic.key,
    }
    if topic.per_source:
        channel["parameters"] = {"source": {"description": "Registered source of an agency."}}
    return channel


def _operations(topic: Topic) -> Iterator[tuple[str, Plain]]:
    for action, parties in (("send", topic.producers), ("receive", topic.consumers)):
        for party in parties:
            yield (
                f"{party}.{action}.{_name(topic)}",
                {"action": action, "channel": {"$ref": f"#/channels/{_name(topic)}"}, "x-party": party},
            )


def _message(name: str, *, foreign: bool) -> Plain:
    short = name.rpartition(".")[2]
    examples = [
        json.loads(p.read_text(encoding="utf-8")) for p in sorted(EXAMPLES.glob(f"*/{short}.v1.json"))
    ]
    shown = next(each for each in examples if each["headers"]["ce_type"] == name)
    return {
        "name": name,
        "title": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", short),
        "contentType": "application/protobuf",
        "headers": _headers(FOREIGN if foreign else OURS),
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"headers": shown["headers"], "payload": shown["data"]}],
        "x-protobuf": {"schemaFormat": FORMAT, "file": Default().FindMessageTypeByName(name).file.name},
    }


def _headers(required: tuple[str, ...]) -> Plain:
    return {
        "type": "object",
        "required": list(required),
        "properties": {n: {"type": "string"} for n in required},
    }


def _schema(message: Descriptor, schemas: dict[str, Plain]) -> Plain:
    """A reference to a message's schema, which is put among the others."""
    if message.full_name == "google.protobuf.Timestamp":
        return {"type": "string", "format": "date-time"}
    if message.full_name not in schemas:
        schemas[message.full_name] = {}
        properties = {field.json_name: _field(field, schemas) for field in message.fields}
        schemas[message.full_name] = {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
        }
    return {"$ref": f"#/components/schemas/{message.full_name}"}


def _field(field: FieldDescriptor, schemas: dict[str, Plain]) -> Plain:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {
            "type": "object",
            "additionalProperties": _one(field.message_type.fields_by_name["value"], schemas),
        }
    return {"type": "array", "items": _one(field, schemas)} if field.is_repeated else _one(field, schemas)


def _one(field: FieldDescriptor, schemas: dict[str, Plain]) -> Plain:
    if field.message_type is not None:
        return _schema(field.message_type, schemas)
    if field.enum_type is not None:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
    return dict(SCALARS[field.cpp_type])


def render() -> str:
    """The document as it is committed."""
    head = "# Made by tools/asyncapi.py from protos/; don't edit.\n"
    return head + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110)


def main() -> None:
    """Write, or check."""
    text = render()
    if "--check" in sys.argv[1:]:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
            sys.exit("docs/asyncapi.yaml is stale, run `make gen`")
        return
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
