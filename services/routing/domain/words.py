"""The short names of the contract's enums, by which state and texts call them."""

from typing import Any

ROLE, CAPACITY, FORCE = "PERSON_ROLE_", "MEDIATOR_CAPACITY_", "FORCE_KIND_"


def word(enum: Any, value: int, prefix: str) -> str:
    """The short name of a value; empty where none is given."""
    name: str = enum.Name(value).removeprefix(prefix).lower()
    return "" if name == "unspecified" else name


def value(enum: Any, name: str, prefix: str) -> Any:
    """The value of a short name; none given for an empty one."""
    return enum.Value(f"{prefix}{name.upper() or 'UNSPECIFIED'}")
