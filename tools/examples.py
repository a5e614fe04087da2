"""Golden examples: writes `value_base64` of each from its `data`.

An example (`protos/examples/<contract>/<Type>.v1.json`) is one record as it lies on a topic: `headers`,
`data` as proto3
JSON for people, `value_base64` the same as deterministic protobuf bytes for machines. Change `data`, run
this, and
read the difference; released bytes of an unchanged `data` may never change. `--check` writes nothing and
exits 1
when bytes and data differ.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import Default

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "protos" / "examples"
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen" / "python")]

from services.chassis.topics import know_generated_types  # noqa: E402 - found by the path set above


def encode(example: dict[str, Any]) -> bytes:
    """The record's value. Raises KeyError for an unknown type, ParseError for data that isn't of the type."""
    descriptor = Default().FindMessageTypeByName(example["headers"]["ce_type"])
    message = json_format.ParseDict(example["data"], message_factory.GetMessageClass(descriptor)())
    return bytes(message.SerializeToString(deterministic=True))


def main() -> None:
    """Write, or check."""
    know_generated_types()
    stale = []
    for path in sorted(EXAMPLES.glob("*/*.json")):
        before = path.read_text(encoding="utf-8")
        example = json.loads(before)
        example["value_base64"] = base64.b64encode(encode(example)).decode()
        after = json.dumps(example, ensure_ascii=False, indent=2) + "\n"
        if after != before:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv[1:]:
                path.write_text(after, encoding="utf-8")
    if "--check" in sys.argv[1:] and stale:
        sys.exit("Examples are stale, run `python tools/examples.py`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
