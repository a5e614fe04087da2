"""What the watch concludes from what it sees, and how long an operator's question may take."""

import asyncio
import threading
from datetime import timedelta

import pytest

from services.chassis import glance
from services.chassis.errors import Infrastructure
from services.chassis.glance import Glance
from services.chassis.standing import Due
from services.chassis.watch import Unfired
from tests.kit.timing import START

HERE, THERE = ("jili", "cases"), ("boston", "cases")
FIRST, SECOND = Due("a", START), Due("a", START + timedelta(minutes=1))


def test_a_deadline_that_stays_the_oldest_is_unfired_for_as_long_as_it_was_seen() -> None:
    unfired = Unfired()
    assert unfired.look({HERE: FIRST}, now=100.0) == 0.0
    assert unfired.look({HERE: FIRST}, now=102.0) == 2.0
    assert unfired.look({HERE: FIRST}, now=133.0) == 33.0


def test_a_backlog_that_is_being_fired_is_none_however_long_it_takes() -> None:
    unfired = Unfired()
    for number in range(60):
        due = Due(f"case-{number}", START)
        assert unfired.look({HERE: due}, now=2.0 * number) == 0.0
    assert unfired.look({HERE: SECOND}, now=200.0) == 0.0
    assert unfired.look({HERE: FIRST}, now=202.0) == 0.0, "the same case's next deadline is another"


def test_a_deadline_that_was_gone_in_between_begins_anew() -> None:
    unfired = Unfired()
    unfired.look({HERE: FIRST}, now=0.0)
    assert unfired.look({}, now=20.0) == 0.0
    assert unfired.look({HERE: FIRST}, now=40.0) == 0.0


def test_a_site_whose_clock_is_busy_hides_no_other_that_stands_still() -> None:
    unfired = Unfired()
    unfired.look({HERE: FIRST, THERE: FIRST}, now=0.0)
    assert unfired.look({HERE: SECOND, THERE: FIRST}, now=31.0) == 31.0


async def test_who_asks_gets_an_answer_or_none_in_time_and_shares_the_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glance, "PATIENCE_S", 0.05)
    asked, go_on = [0], threading.Event()

    def slow() -> str:
        asked[0] += 1
        go_on.wait(10)
        return "figures"

    slowly = Glance(slow)
    assert set(await asyncio.gather(slowly.ask(), slowly.ask())) == {None}
    assert asked == [1], "one question at a time, however many ask"
    go_on.set()
    monkeypatch.setattr(glance, "PATIENCE_S", 10.0)
    assert await slowly.ask() == "figures"
    assert await slowly.ask() == "figures"
    assert asked[0] in {2, 3}
    slowly.close()


async def test_whoever_is_away_has_no_answer_and_is_asked_again() -> None:
    away = [True]

    def look() -> str:
        if away[0]:
            raise Infrastructure("store: NetworkTimeout")
        return "figures"

    asked = Glance(look)
    assert await asked.ask() is None
    away[0] = False
    assert await asked.ask() == "figures"
    asked.close()
