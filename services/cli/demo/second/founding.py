"""The town's directory, taken over before the first scene: its own units in a made-up sub-district.

A replay begins with nothing in the directory; what a runtime has already is left alone.
"""

from collections.abc import Callable, Iterator
from datetime import date

from services.cli.demo.second.people import LEADERS, SITE, Town
from services.cli.sheets import synthetic
from services.cli.sheets.grouping import gather
from services.cli.sheets.sending import send
from services.cli.sheets.table import POSTS, UNITS, Row

ON = date(2026, 7, 27)
SINCE = ON - synthetic.AGE
SEED = 7


class NotFounded(Exception):
    """The directory refused a unit; the message says which, and why."""


async def found(town: Town, leaders: int, told: Callable[[int, int], None]) -> int:
    """Take the directory over; `told` hears how many of how many units are there. Returns how many.

    Raises:
        NotFounded: a unit was refused.
        grpc.aio.AioRpcError: the directory is not to be had.
    """
    wanted = synthetic.Wanted(SITE, leaders, SEED, ON)
    around = (
        row for row in synthetic.sub_district(wanted) if row.get("code") != SITE and row.get("unit") != SITE
    )
    sheets = gather([*own(), *around])
    done, total = 0, len(sheets.units)

    def more(units: int) -> None:
        nonlocal done
        done += units
        told(done, total)

    desk = town.desk()
    sent = await send(desk.asks, town.directory, sheets, more)
    if wrong := [*sheets.wrong, *sent.wrong]:
        first = wrong[0]
        raise NotFounded(f"{len(wrong)} refused: {first.sheet} {first.row}: {first.column}: {first.reason}")
    return total


def own() -> Iterator[Row]:
    """The town's own units and those who lead them, as its site has them."""
    for number, (code, (kind, leader)) in enumerate(LEADERS.items(), 2):
        yield Row(UNITS, number, {"code": code, "kind": kind, "since": SINCE.isoformat()})
        days = {"nominated_on": "2026-01-05", "vetted_on": "2026-01-12", "appointed_on": "2026-01-15"}
        held = {"person": leader, "nominators": "9", **days} if leader else {}
        yield Row(POSTS, number, {"unit": code, "post": "leader", **held})
