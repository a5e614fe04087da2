"""A calendar comes that knows more: provisional due times are reckoned again, told with the former ones."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1.events_pb2 import EscalationRequested, RequestSubmitted
from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from services.chassis.calendar import OverlayCalendar, Term, Unit, build
from services.chassis.errors import IllegalTransition
from services.chassis.protobuf import instant, timestamp
from services.chassis.reckoning import reached
from services.routing import domain
from services.routing.clocking import Row
from services.routing.domain.clocks import make_plan
from services.routing.domain.recomputing import reckoned
from services.routing.rules import Rules
from tests.unit.routing.clocked import FOUR_HOURS, OFFICE, SHANGHAI, clocked, profile
from tests.unit.routing.ladder import NEIGHBOURS, STREET, Walk, rules

CHINA = build(data="cn_holidays", country="CN")
NOTICED = OverlayCalendar(
    CHINA,
    days_off=[date(2027, 1, 4), date(2027, 1, 5)],
    days_worked=[date(2027, 1, 3)],
    known_years=[2027],
)
"""What a notice may say of 2027: the first Monday and Tuesday are off, the Sunday before is worked."""
OPENS = datetime(2026, 12, 30, 2, 0, tzinfo=UTC)
AGAIN = domain.RecomputeDeadlines()
TIERS = (1, 2, 3, 4)


def opened(site: Rules, *, promised: datetime | None = None, unit_id: str = NEIGHBOURS) -> Walk:
    """A case that came on the second last day of 2026, at ten in the morning."""
    one = Walk(replace(site, calendar=CHINA), now=OPENS)
    event = RequestSubmitted(
        request_no="JILI-000001", site_id="jili", kind="drain.blocked", unit_id=unit_id, channel="counter"
    )
    if promised:
        event.due_at.CopyFrom(timestamp(promised))
    return one.hear(event, OPENS)


def noticed(one: Walk, **changes: Any) -> Walk:
    """The service restarts with the calendar that knows 2027."""
    again = Walk(replace(one.rules, calendar=NOTICED, **changes), now=one.now)
    again.record, again.sequences = one.record, one.sequences
    return again


def ends(walk: Walk) -> list[str]:
    return [f"{clock.due_at.astimezone(SHANGHAI):%m-%d %H:%M}" for clock in walk.case.plan]


def told(walk: Walk) -> list[clock_ev.DeadlineRecomputed]:
    return [
        clock_ev.DeadlineRecomputed.FromString(entry.data)
        for entry in walk.record.outbox
        if entry.type.endswith(".DeadlineRecomputed")
    ]


def test_provisional_due_times_move_by_the_calendar_that_came_and_are_told_with_the_former_ones() -> None:
    """Five working days from 12-30: to 01-07 as it was guessed, to 01-08 with two days off and one worked."""
    one = opened(rules())
    before = one.case
    assert all(clock.provisional for clock in before.plan)
    one = noticed(one).order(AGAIN)
    [event] = told(one)
    assert instant(event.former_due_at) == before.due_at
    assert instant(event.due_at) == one.case.due_at == before.due_at + timedelta(days=1)
    assert (event.former_calendar_version, event.calendar_version) == (CHINA.version, NOTICED.version)
    former = {clock.name: clock for clock in before.plan}
    assert {clock.name: instant(at) for clock, at in zip(event.clocks, event.former, strict=True)} == {
        name: clock.due_at for name, clock in former.items()
    }
    assert not any(clock.provisional for clock in one.case.plan)
    assert [clock.rule for clock in one.case.plan] == [clock.rule for clock in before.plan]


def test_a_clock_keeps_its_start_and_the_rule_it_was_started_by() -> None:
    """The rule was changed since then; the clock is reckoned by the version that it keeps."""
    one = opened(rules())
    changed = noticed(one, default_term=Term(20, Unit.WORKING_DAYS), term_rule="service.default@2").order(
        AGAIN
    )
    assert ends(changed) == ends(noticed(opened(rules())).order(AGAIN))
    assert changed.case.plan[0].started_at == OPENS
    assert {clock.rule for clock in changed.case.plan} == {"service.default@1"}


def test_clocks_one_after_the_other_each_begin_where_the_one_before_ends_now() -> None:
    one = opened(clocked())
    assert ends(one) == ["12-31 10:00", "01-05 10:00", "01-08 10:00", "01-14 10:00"]
    one = noticed(one).order(AGAIN)
    assert ends(one) == ["12-31 10:00", "01-06 10:00", "01-11 10:00", "01-15 10:00"]
    plan = one.case.plan
    assert all(after.started_at == before.due_at for before, after in pairwise(plan))
    assert {event.name for event in told(one)[0].clocks} == {"tier-2", "tier-3", "tier-4"}, "1 does not move"


def test_the_warnings_move_along() -> None:
    one = noticed(opened(clocked())).order(AGAIN)
    assert [f"{at.astimezone(SHANGHAI):%m-%d}" for _, at in one.case.plan[1].warnings] == ["01-03", "01-03"]


def test_it_is_told_once() -> None:
    one = noticed(opened(rules())).order(AGAIN)
    before = one.case
    one.order(AGAIN)
    assert (len(told(one)), one.case) == (1, before)


def test_what_was_promised_stays() -> None:
    one = opened(rules(), promised=OPENS + timedelta(days=6))
    before = one.case
    assert noticed(one).order(AGAIN).case == before
    assert not told(one)


def test_what_runs_beside_the_tiers_moves_as_well() -> None:
    """At the top, on the last day of the year: an order, to be answered within three working days."""
    rows = {**profile().rows, ("*", 0): Row(first_contact=FOUR_HOURS)}
    one = opened(clocked(rows=rows), unit_id=STREET, promised=OPENS + timedelta(days=300))
    one.now = datetime(2026, 12, 31, 7, 0, tzinfo=UTC)
    one.hear(EscalationRequested(reason="too_slow"))
    before = one.case
    assert before.order
    assert before.order.clock
    assert before.order.clock.provisional
    one = noticed(one).order(AGAIN)
    assert one.case.order
    assert one.case.order.clock
    assert one.case.order.clock.due_at == before.order.clock.due_at + timedelta(days=1)
    assert one.case.due_at == before.due_at
    assert [clock.name for clock in told(one)[0].clocks] == ["supervision"]


def test_a_clock_that_is_over_is_not_looked_at() -> None:
    one = opened(clocked())
    while one.now < datetime(2027, 1, 5, 6, 0, tzinfo=UTC):
        one.wait(timedelta(minutes=30))
    assert one.case.running == 3
    one = noticed(one).order(AGAIN)
    assert "tier-2" not in {clock.name for clock in told(one)[0].clocks}


def test_a_settled_case_is_left_alone() -> None:
    one = noticed(opened(rules()).order(domain.ResolveCase("done")))
    with pytest.raises(IllegalTransition):
        one.order(AGAIN, key="another")


def test_hours_that_the_site_no_longer_says_are_named_and_nothing_changes() -> None:
    rows: Any = {("drain.*", 0): Row(resolution=Term(30, Unit.WORKING_HOURS))}
    one = noticed(opened(clocked(rows=rows)), clocks=None)
    before = one.case
    with pytest.raises(IllegalTransition, match="hours") as error:
        one.order(AGAIN)
    assert (error.value.reason, error.value.details["rule"]) == ("no_hours", "jili.clocks.resolution@3")
    assert one.case == before


@given(
    terms=st.lists(
        st.builds(Term, st.integers(1, 20), st.sampled_from(Unit), keeps_time=st.booleans()),
        min_size=4,
        max_size=4,
    ),
    minutes=st.integers(0, 60 * 24 * 60),
    by_kind=st.booleans(),
)
def test_whatever_the_rules_a_plan_reckoned_again_is_the_plan_that_the_calendar_would_have_made(
    terms: list[Term], minutes: int, *, by_kind: bool
) -> None:
    rows = {("*", tier): Row(resolution=term) for tier, term in enumerate(terms, 1)} if by_kind else {}
    default = terms[0] if terms[0].unit.worked is None else Term(5, Unit.WORKING_DAYS)
    site = replace(clocked(rows=rows, hours={0: OFFICE}), default_term=default, calendar=CHINA)
    start = OPENS - timedelta(minutes=minutes)
    due_at, plan = make_plan(site, TIERS, start, None, epoch=1, kind="drain.x")
    case = replace(opened(rules()).case, plan=plan, due_at=due_at, running=1)
    now = replace(site, calendar=NOTICED)
    changed = {each.clock.name: each.clock for each in reckoned(case, now)}
    _, wanted = make_plan(now, TIERS, start, None, epoch=1, kind="drain.x")
    for old, new in zip(plan, wanted, strict=True):
        found = changed.get(old.name, old)
        assert (found.due_at, found.rolled_due_at, found.provisional) == (
            new.due_at,
            new.rolled_due_at,
            new.provisional,
        )
        assert reached(found, now.zone, len(plan))[-1] == found.rolled_due_at
