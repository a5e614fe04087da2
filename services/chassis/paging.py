"""Places in a list as clients carry them from page to page; opaque to them."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from services.chassis.envelope import iso
from services.chassis.errors import Invalid, Violation

T = TypeVar("T")


def write_token(at: datetime, *rest: str | int) -> str:
    """The token of a place: the time that the list is sorted by, and what tells equal times apart."""
    return base64.urlsafe_b64encode(json.dumps([iso(at), *rest]).encode()).decode()


def read_token(token: str, place: Callable[[datetime, Sequence[Any]], T], field: str = "page_token") -> T:
    """The place of a token, made by `place(at, rest)`; `field` is the request's that it came in.

    Raises:
        Invalid: it is none of ours.
    """
    try:
        at, *rest = json.loads(base64.urlsafe_b64decode(token))
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            raise ValueError(at)
        return place(instant, rest)
    except (ValueError, TypeError, IndexError):
        raise Invalid([Violation(field, "not_a_token_of_ours")]) from None


def write_place(key: str) -> str:
    """The token of a place in a list that is sorted by a key; empty for an empty key: there is no more."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def read_place(token: str) -> str:
    """The key after which a page begins; empty for the first one.

    Raises:
        Invalid: it is none of ours.
    """
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Invalid([Violation("page_token", "not_a_token_of_ours")]) from None
