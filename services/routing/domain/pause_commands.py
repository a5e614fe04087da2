"""What can be ordered about a case's clocks, and what happens by itself."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class AskForPause:
    """The owner asks for a pause; `kind` is a `PauseKind`, `length` 0 stands for what the rule allows."""

    kind: int
    length: int = 0
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class AskForExtension:
    """The owner asks for more time, `length` in the unit of the rule."""

    length: int
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class GrantTime:
    """What was asked for is granted; `units` are those that `by` acts for, none for the desk."""

    ask: int
    by: str
    units: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class RefuseTime:
    """What was asked for is refused; `units` as for `GrantTime`."""

    ask: int
    by: str
    units: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResumeCase:
    """A pause ends early."""

    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PauseRanOut:
    """A pause lasted as long as it may."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int
