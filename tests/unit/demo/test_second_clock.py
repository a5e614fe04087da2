"""The town's clock moves when all scenes wait, to the earliest moment that one of them waits for."""

import asyncio
from datetime import datetime

import pytest

from services.cli.demo.second.clock import TownClock
from services.cli.demo.second.days import at

MORNING, NOON, EVENING = at(8, 3, 9), at(8, 3, 12), at(8, 3, 18)


class Moves:
    def __init__(self) -> None:
        self.made: list[datetime] = []

    async def __call__(self, moment: datetime) -> None:
        await asyncio.sleep(0)
        self.made.append(moment)


async def test_it_goes_from_moment_to_moment_and_nobody_is_overtaken() -> None:
    moves, seen = Moves(), list[tuple[str, datetime | None]]()
    clock = TownClock(2, moves)

    async def scene(name: str, *moments: datetime) -> None:
        for moment in moments:
            await clock.until(moment)
            seen.append((name, clock.now))
        clock.leave()

    await asyncio.gather(scene("a", MORNING, EVENING), scene("b", MORNING, NOON))
    assert moves.made == [MORNING, NOON, EVENING]
    assert sorted(seen[:2]) == [("a", MORNING), ("b", MORNING)]
    assert seen[2:] == [("b", NOON), ("a", EVENING)]
    assert clock.moves == 3


async def test_it_stands_still_while_a_scene_is_busy() -> None:
    moves = Moves()
    clock = TownClock(2, moves)
    waiting = asyncio.create_task(clock.until(NOON))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not moves.made
    clock.leave()
    await waiting
    assert moves.made == [NOON]


async def test_a_clock_that_can_not_be_moved_is_told_to_who_waits_for_that_moment() -> None:
    async def fail(_moment: datetime) -> None:
        raise OSError("away")

    clock = TownClock(1, fail)
    with pytest.raises(OSError, match="away"):
        await clock.until(NOON)
