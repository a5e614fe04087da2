"""Which cases want attention, and why: by a case and the time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1.events_pb2 import ReopeningRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.calendar import Term, Unit
from services.routing import domain
from services.routing.domain.attention import (
    DUE_SOON,
    OVERDUE,
    PROVISIONAL,
    REOPENED,
    RETURNED_TWICE,
    UNASSIGNED,
    attention,
    facts_of,
    lines,
    moved,
    unrouted,
)
from tests.unit.routing.ladder import OPENED, STREET, Walk, rules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def why(walk: Walk) -> tuple[str, ...]:
    """Why the case of a walk wants attention now."""
    return attention(facts_of(walk.case), lines(walk.rules, walk.now, walk.now))


def test_a_case_that_was_just_assigned_wants_no_attention() -> None:
    assert why(Walk().submit(due_in=5 * DAY)) == ()


def test_a_case_is_overdue_after_its_due_time_and_not_at_it() -> None:
    walk = Walk().submit(due_in=4 * HOUR).order(domain.AcceptCase())
    walk.now = walk.case.due_at
    assert OVERDUE not in why(walk)
    walk.now += timedelta(milliseconds=1)
    assert why(walk) == (OVERDUE,)
    assert walk.case.overdue(walk.now)


def test_a_case_is_due_soon_a_working_day_before_its_due_time() -> None:
    walk = Walk().submit(due_in=2 * DAY).order(domain.AcceptCase())
    walk.now = OPENED + DAY
    assert why(walk) == ()
    walk.now += timedelta(milliseconds=1)
    assert why(walk) == (DUE_SOON,)


def test_on_a_friday_a_case_that_is_due_on_monday_morning_is_due_soon() -> None:
    friday = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)
    walk = Walk().submit(due_in=7 * DAY).order(domain.AcceptCase())
    assert walk.case.due_at == datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
    walk.now = friday
    assert why(walk) == (DUE_SOON,)


def test_a_case_that_nobody_accepted_for_a_working_day_counts_as_unassigned() -> None:
    walk = Walk().submit(due_in=5 * DAY)
    walk.now = OPENED + DAY
    assert why(walk) == ()
    walk.now += timedelta(milliseconds=1)
    assert why(walk) == (UNASSIGNED,)
    assert why(walk.order(domain.AcceptCase())) == ()


def test_a_case_whose_owners_post_nobody_holds_is_unassigned() -> None:
    walk = Walk().submit(due_in=5 * DAY, unit_id=STREET).order(domain.AcceptCase())
    walk.record.state = replace(walk.case, holder_ref="")
    assert why(walk) == (UNASSIGNED,)


def test_what_could_not_be_routed_for_half_a_minute_is_unassigned() -> None:
    waits = unrouted(OPENED)
    assert attention(waits, lines(rules(), OPENED, OPENED + timedelta(seconds=30))) == ()
    assert attention(waits, lines(rules(), OPENED, OPENED + timedelta(seconds=31))) == (UNASSIGNED,)


def test_a_case_that_was_returned_twice_is_shown_until_it_is_settled() -> None:
    walk = Walk().submit(due_in=5 * DAY)
    walk.order(domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_REMIT, by="p-1"))
    walk.order(domain.RuleOnReturn(ev.RULING_TAKEN, by="p-chief"))
    assert RETURNED_TWICE not in why(walk)
    walk.order(domain.ReturnCase("也不是我们的", ev.RETURN_REASON_OTHER_REMIT, by="p-2"))
    assert RETURNED_TWICE in why(walk)
    walk.order(domain.ResolveCase("repaired"))
    assert why(walk) == ()


def test_a_case_that_was_settled_before_is_shown_as_reopened() -> None:
    walk = Walk().submit(due_in=5 * DAY).order(domain.ResolveCase("repaired"))
    assert why(walk) == ()
    walk.hear(ReopeningRequested(reason="not_solved"))
    assert why(walk) == (REOPENED,)


def test_a_due_time_that_touches_an_unknown_year_is_shown_as_provisional() -> None:
    walk = Walk().submit()
    assert why(walk) == ()
    plan = tuple(replace(clock, provisional=True) for clock in walk.case.plan)
    walk.record.state = replace(walk.case, plan=plan)
    assert why(walk) == (PROVISIONAL,)


def test_while_it_is_mediated_a_case_is_neither_overdue_nor_due_soon() -> None:
    walk = Walk().submit(kind="dispute.noise", due_in=4 * HOUR)
    walk.now += DAY
    assert why(walk) == ()


def test_a_case_may_want_attention_for_several_reasons() -> None:
    walk = Walk().submit(due_in=4 * HOUR)
    walk.now += 3 * DAY
    assert why(walk) == (OVERDUE, UNASSIGNED)


@pytest.mark.parametrize("way", [1, -1])
@given(
    at=st.integers(0, 400 * 24 * 60),
    later=st.integers(0, 5 * 24 * 60),
    length=st.integers(1, 6),
    unit=st.sampled_from(Unit),
)
def test_as_time_goes_forward_so_does_every_line(
    way: int, at: int, later: int, length: int, unit: Unit
) -> None:
    now = OPENED + timedelta(minutes=at)
    term = Term(length, unit)
    first, second = (moved(term, each, rules(), way) for each in (now, now + timedelta(minutes=later)))
    assert first <= second
    assert (first - now) * way > timedelta(0) or way == -1


@pytest.mark.parametrize(
    ("now", "back", "forth"),
    [
        # Monday to Friday and to Tuesday, at the same time of day.
        ("2026-03-09T10:00", "2026-03-06T10:00", "2026-03-10T10:00"),
        # On a Saturday and a Sunday, as at the end of Friday.
        ("2026-03-07T10:00", "2026-03-06T00:00", "2026-03-10T00:00"),
        ("2026-03-08T23:00", "2026-03-06T00:00", "2026-03-10T00:00"),
        # Saturday 28 February 2026 was worked.
        ("2026-02-27T10:00", "2026-02-26T10:00", "2026-02-28T10:00"),
    ],
)
def test_a_working_day_back_and_forth(now: str, back: str, forth: str) -> None:
    zone, day = rules().zone, Term(1, Unit.WORKING_DAYS, keeps_time=True)

    def local(word: str) -> datetime:
        return datetime.fromisoformat(word).replace(tzinfo=zone)

    assert moved(day, local(now), rules(), -1) == local(back)
    assert moved(day, local(now), rules(), 1) == local(forth)
