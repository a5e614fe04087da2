"""Personal data and free text that can be told apart from everything else, wherever they turn up."""

import itertools
import re

WORD = "zqx7canary"
NUMBER = "997700900"
FOUND = re.compile(rb"(?i)zqx7canary|997700900")
_COUNT = itertools.count(1)


def text(what: str) -> str:
    """A free text."""
    return f"{what} {WORD}{next(_COUNT)} 王小明"


def contact() -> dict[str, str]:
    """A contact: name, e-mail address, telephone number."""
    number = next(_COUNT)
    return {
        "name": f"Zqx7canary {number}",
        "email": f"{WORD}{number}@example.org",
        "phone": f"+{NUMBER}{number:06d}",
        "locale": "en",
    }


def hits(data: bytes) -> int:
    """How many there are."""
    return len(FOUND.findall(data))
