"""A scene as it is played: what was told so far, what was checked, and how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import grpc

from services.chassis.clock import monotonic
from services.cli.demo.second.clock import TownClock
from services.cli.demo.second.people import Person, Town

T = TypeVar("T")

PAUSE_S = 0.05
WITHIN_S = 20.0
ON_ITS_WAY = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED})
"""How a service refuses a case that it has not heard of yet: as one that is out of reach."""


class NeverCame(Exception):
    """What a scene waited for did not come; the message says what."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was told: a key of the scene's `steps` in the texts, and when by the town's clock."""

    key: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be so; `wrong` says how it is instead, empty when it holds."""

    what: str
    wrong: str = ""


@dataclass(slots=True)
class Scene:
    """One scene. `name` is its key in the texts, `facts` fill in the places of its texts.

    `path` and `state` are words of the texts: which way the case took, and how it stands at the end.
    """

    name: str
    town: Town
    clock: TownClock
    told: Callable[["Scene"], None]
    steps: list[Step] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    state: str = ""
    case_id: str = ""
    listener: Person | None = None
    """Who may list the notices of the case: the desk when nobody is named."""
    notices: int = 0
    shown: str = ""
    """What the summary prints whole below the scene's two lines."""
    ended: bool = False

    def tell(self, key: str, **facts: str) -> None:
        """Say what has just happened."""
        self.facts |= facts
        self.steps.append(Step(key, self.clock.now))
        self.told(self)

    def check(self, what: str, found: object, expected: object) -> None:
        """Two things are the same, or the scene fails and names this."""
        wrong = "" if found == expected else f"{found!r} instead of {expected!r}"
        self.checks.append(Check(what, wrong))

    def holds(self, what: str, found: object) -> None:
        """Something is so, or the scene fails and names it."""
        self.checks.append(Check(what, "" if found else "it is not so"))

    async def until(
        self,
        look: Callable[[], Awaitable[T]],
        holds: Callable[[T], object],
        what: str,
        say: Callable[[T], str] = str,
    ) -> T:
        """Look again and again until it holds: news travel through Kafka.

        Raises:
            NeverCame: it did not in time; it tells `what`, and what was seen last as `say` puts it.
            grpc.aio.AioRpcError: refused, for another reason than that it is not there yet.
        """
        end, last = monotonic() + WITHIN_S, "nothing"
        while True:
            try:
                seen = await look()
            except grpc.aio.AioRpcError as error:
                if error.code() not in ON_ITS_WAY:
                    raise
                last = error.code().name
            else:
                if holds(seen):
                    return seen
                last = " ".join(say(seen).split())[:300]
            if monotonic() > end:
                raise NeverCame(f"{what}: did not come in {WITHIN_S:.0f} s; last seen: {last}")
            await asyncio.sleep(PAUSE_S)

    @property
    def failed(self) -> list[Check]:
        """What did not hold."""
        return [check for check in self.checks if check.wrong]
