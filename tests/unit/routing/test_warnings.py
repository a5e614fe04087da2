"""Before a tier's clock ends its holder is warned: in working hours, each stage once, never after the end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested
from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from services.chassis.calendar import Term, Unit
from services.chassis.hours import WorkingTime
from services.chassis.terms import start_term
from services.routing import domain
from services.routing.clocking import Row
from services.routing.domain.watching import PLANS
from tests.unit.routing.clocked import (
    DAY,
    EVENING,
    HOUR,
    OFFICE,
    SHANGHAI,
    SHORT,
    at,
    profile,
    until,
    walk,
)
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, Walk, rules

CONTACTED = domain.AcceptCase()
AT_WORK = WorkingTime(OFFICE, SHANGHAI, rules().calendar)


def told(walk: Walk) -> list[tuple[int, str]]:
    """Stages of warnings, and when they were told by the clock of the wall."""
    return [(event.stage, f"{when.astimezone(SHANGHAI):%d %H:%M}") for event, when in neared(walk)]


def neared(walk: Walk) -> list[tuple[clock_ev.DeadlineNeared, datetime]]:
    return [
        (clock_ev.DeadlineNeared.FromString(entry.data), entry.recorded_at)
        for entry in walk.record.outbox
        if entry.type.endswith(".DeadlineNeared")
    ]


def planned(walk: Walk, number: int = 0) -> list[str]:
    return [f"{at.astimezone(SHANGHAI):%d %H:%M}" for _, at in walk.case.plan[number].warnings]


def test_a_stage_is_a_part_of_the_working_time_or_what_is_left_of_it() -> None:
    """A working day from Monday at nine: seven hours, of which half are over at two in the afternoon."""
    assert planned(walk().submit()) == ["02 14:00", "02 15:30"]


def test_the_holder_is_warned_at_each_stage_once_and_no_clock_moves() -> None:
    one = walk().submit().order(CONTACTED)
    plan = one.case.plan
    until(one, "03 08:59")
    assert told(one) == [(1, "02 14:00"), (2, "02 15:30")]
    last, _ = neared(one)[-1]
    assert (last.clock, last.epoch, last.assignment.holder_ref) == ("tier-1", 1, "h-1")
    assert last.due_at.ToDatetime(UTC) == OPENED + DAY
    assert (one.case.plan, one.case.unit_id, one.case.status) == (plan, NEIGHBOURS, domain.IN_PROGRESS)


def test_the_next_tier_has_warnings_of_its_own() -> None:
    one = until(walk().submit(), "05 09:01")
    assert told(one)[2:] == [(1, "03 17:30"), (2, "04 15:30")]
    assert [event.clock for event, _ in neared(one)] == ["tier-1", "tier-1", "tier-2", "tier-2"]


def test_what_is_settled_or_left_the_tier_is_not_warned_of() -> None:
    assert told(until(walk().submit().order(domain.ResolveCase("done")), "05 09:00")) == []
    lifted = walk().submit().hear(EscalationRequested(reason="too_slow"))
    assert told(until(lifted, "03 09:00")) == []


def test_a_reopened_case_is_warned_of_again() -> None:
    one = until(walk().submit(), "02 14:01").order(domain.ResolveCase("done")).wait(DAY)
    one.hear(ReopeningRequested(reason="not_solved"))
    until(one, "06 09:00")
    assert [stage for stage, _ in told(one)] == [1, 1, 2]


def test_reminders_at_night() -> None:
    """The failure of others: a promise for the middle of the night is warned of while somebody works."""
    one = walk().submit(due_in=timedelta(hours=17)).order(CONTACTED)
    assert [planned(one, n) for n in range(4)] == [
        ["02 10:00", "02 10:30"],
        ["02 15:30"],
        [],
        [],
    ]
    for n, clock in enumerate(one.case.plan):
        assert all(clock.started_at < at < clock.due_at and AT_WORK.covers(at) for _, at in clock.warnings), n


def test_after_an_outage_in_the_night_a_reminder_waits_for_the_morning() -> None:
    one = walk().submit(due_in=20 * DAY).order(CONTACTED)
    stages = [at for _, at in one.case.plan[0].warnings]
    one.now = stages[0].astimezone(SHANGHAI).replace(hour=23).astimezone(UTC)
    one.wait(timedelta())
    assert told(one) == []
    assert one.sent("fengqiao.routing.events")[-1] == "WarningPutOff"
    morning = AT_WORK.opening(one.now)
    assert one.record.next_due_at == morning
    one.wait(morning + SHORT - one.now)
    assert [stage for stage, _ in told(one)] == [1]


def test_after_an_outage_only_the_latest_stage_is_told() -> None:
    one = walk().submit(due_in=40 * DAY).order(CONTACTED)
    (_, second) = one.case.plan[0].warnings[1]
    one.now = second + HOUR / 60
    one.wait(timedelta())
    assert [stage for stage, _ in told(one)] == [2]


def test_after_an_outage_beyond_the_end_nobody_is_warned_of_it_any_more() -> None:
    one = walk().submit().order(CONTACTED)
    one.now = at("03 09:30")
    one.wait(timedelta())
    assert told(one) == []
    assert one.case.unit_id == SECTION


def test_after_an_outage_the_warnings_move_with_the_plan_and_stay_in_working_hours() -> None:
    """The neighbours' day ended on Tuesday at nine; the house came back on Wednesday afternoon."""
    one = walk().submit().order(CONTACTED)
    one.now = at("04 16:15")
    one.wait(timedelta())
    assert one.case.clock
    assert (one.case.clock.name, one.case.clock.started_at) == ("tier-2", at("04 16:15"))
    for clock in one.case.plan:
        assert all(
            clock.started_at < when < clock.due_at and AT_WORK.covers(when) for _, when in clock.warnings
        )
    assert planned(one, 1) == ["05 16:15", "06 14:15"]


def test_a_tier_has_hours_of_its_own() -> None:
    one = walk(hours={0: OFFICE, 1: EVENING}).submit()
    assert planned(one) == ["02 19:00", "02 19:30"]


def test_where_the_profile_says_nothing_there_is_no_warning() -> None:
    assert planned(Walk(rules()).submit()) == []
    assert planned(walk(rows={**profile().rows, ("*", 0): Row()}).submit()) == []
    none = {**profile().rows, ("drain.blocked", 0): Row(warnings=())}
    assert planned(walk(rows=none).submit()) == []


@given(
    st.datetimes(
        datetime(2026, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone and adds it
        datetime(2026, 11, 1),  # noqa: DTZ001 - as above
        timezones=st.just(UTC),
    ).map(lambda moment: moment.replace(microsecond=0)),
    st.integers(1, 200_000),
    st.lists(
        st.one_of(st.floats(0.01, 0.99), st.integers(1, 600).map(lambda m: timedelta(minutes=m))), max_size=4
    ),
)
def test_whatever_the_clock_each_warning_is_in_working_time_between_its_start_and_its_end(
    start: datetime, minutes: int, stages: list[float | timedelta]
) -> None:
    row = {("*", 0): Row(warnings=tuple(stages))}
    clock = start_term("tier-1", "test@1", Term(60 * minutes, Unit.SECONDS), start, rules())
    found = profile(rows=row).warnings("drain.blocked", 1, clock, rules())
    assert all(AT_WORK.covers(when) and clock.started_at < when < clock.due_at for _, when in found)
    assert len({stage for stage, _ in found}) == len(found)
    assert [when for _, when in found] == sorted(when for _, when in found)


def test_every_event_that_carries_tiers_clocks_is_one_that_is_watched() -> None:
    """Whoever adds such an event and forgets it here would move clocks without warnings."""
    clocks = {
        kind
        for kind in domain.folding.FOLDS
        for field in kind.DESCRIPTOR.fields
        if field.message_type and field.message_type.full_name == ClockMessage.DESCRIPTOR.full_name
        if field.is_repeated
    }
    assert clocks == PLANS.keys() & domain.folding.FOLDS.keys()


@pytest.mark.parametrize("back", [timedelta(), timedelta(hours=3)])
def test_a_late_entry_moves_no_warning(back: timedelta) -> None:
    one = until(walk().submit().order(CONTACTED), "02 13:00")
    before = one.case.plan
    one.order(domain.ReportProgress("visited"), at=one.now - back)
    assert one.case.plan == before
