"""A screening campaign (S24): scheduled work, told of until it is reported or closed with a reason."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import screening_events_pb2 as ev
from services.chassis.calendar import LibraryCalendar
from services.chassis.errors import IllegalTransition, Invalid
from services.chassis.model import Context, Decision, transition
from services.routing.domain.meetings.tasks import opening_after
from services.routing.domain.screenings import commands as c
from services.routing.domain.screenings import screening as s
from services.routing.domain.screenings.deciding import table
from services.routing.domain.screenings.folding import evolve
from services.routing.domain.screenings.planning import MOST, plan
from services.routing.domain.screenings.screening import Screening
from services.routing.rules import FixedPlaces, Post, Rules, Unit
from services.routing.store import screenings
from tests.kit import ladder


class Jili:
    zone = ZoneInfo("Asia/Shanghai")
    calendar = LibraryCalendar("CN")


# A Friday, 10:00 at the site.
START = datetime(2026, 2, 27, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TOP, VILLAGE = "jili", "jili/hexi"
ONE, TWO = "jili/hexi/s1", "jili/hexi/s2"
UNITS = {TOP: 4, VILLAGE: 3, ONE: 2, TWO: 2, f"{ONE}/n1": 1, f"{TWO}/n1": 1}


def opening(day: str) -> datetime:
    """When work begins, by the site's zone."""
    return datetime.fromisoformat(f"{day}T00:30:00+00:00")


def site(*vacant: str, units: dict[str, int] | None = None) -> Rules:
    """A site with these units, of which some have nobody at work."""
    there = units or UNITS
    places = FixedPlaces(
        {code: Unit(code, tier, code.rpartition("/")[0] or None) for code, tier in there.items()},
        {code: Post(f"post:{code}", None if code in vacant else "p-1") for code in there},
        TOP,
    )
    return replace(ladder.rules(), places=places, zone=Jili.zone, calendar=Jili.calendar)


PLAN = c.PlanScreening(
    code="gas-safety",
    unit_code=VILLAGE,
    kinds=("gas.safety", "fire.hazard"),
    tier=2,
    since=date(2026, 3, 2),
    until=date(2026, 3, 13),
    due_on=date(2026, 3, 10),
    planned_by="p-desk",
)
REPORT = c.ReportScreening(ONE, 61, (("gas.safety", 2),), "p-1", 64)
OTHER = replace(REPORT, unit_code=TWO, findings=())
CLOSE = c.CloseScreening("p-desk")


class Campaign:
    """A campaign as its decisions leave it."""

    def __init__(
        self, command: c.PlanScreening = PLAN, rules: Rules | None = None, at: datetime = START
    ) -> None:
        self.rules = {"jili": rules or site()}
        self.cells = table(self.rules)
        self.model = screenings(self.cells)
        self.there: Screening | None = None
        self.fold(plan(command, context(at), self.rules["jili"]), at)

    @property
    def state(self) -> Screening:
        assert self.there is not None
        return self.there

    @property
    def waiting(self) -> dict[str, datetime]:
        return {each.name: each.due_at for each in s.deadlines(self.state)}

    def fold(self, decision: Decision, at: datetime) -> list[Any]:
        for emit in decision.events:
            self.there = evolve(self.there, emit.message, context(at))
        assert self.model.load(self.model.dump(self.state)) == self.state
        return [emit.message for emit in decision.events]

    def order(self, command: Any, at: datetime = START) -> list[Any]:
        return self.fold(transition(self.cells, self.state.status, self.state, command, context(at)), at)

    def fire(self, now: datetime | None = None) -> list[Any]:
        deadline = min(s.deadlines(self.state), key=lambda each: each.due_at)
        assert self.model.fire
        decision = self.model.fire(self.state, deadline, context(deadline.due_at, now))
        return self.fold(decision, deadline.due_at)

    def refusal(self, command: Any, at: datetime = START) -> list[str]:
        with pytest.raises(Invalid) as error:
            self.order(command, at)
        return [f"{each.field}: {each.reason}" for each in error.value.violations]


def context(at: datetime, now: datetime | None = None) -> Context:
    return Context("s-1", "jili", at, now or at, now or at)


def begun(**more: Any) -> Campaign:
    """A campaign under way."""
    there = Campaign(**more)
    there.fire()
    return there


def test_each_unit_of_the_tier_below_the_area_has_a_part() -> None:
    there = Campaign()
    assert [piece.unit_code for piece in there.state.pieces] == [ONE, TWO]
    below = Campaign(replace(PLAN, unit_code=TOP, tier=1))
    assert [piece.unit_code for piece in below.state.pieces] == [f"{ONE}/n1", f"{TWO}/n1"]


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (replace(PLAN, since=date(2026, 2, 26)), "since: in_the_past"),
        (replace(PLAN, until=date(2026, 3, 1)), "until: before_the_first_day"),
        (replace(PLAN, until=date(2027, 4, 1)), "until: too_long"),
        (replace(PLAN, due_on=date(2026, 3, 14)), "due_on: not_within_its_days"),
        (replace(PLAN, tier=3), "tier: no_unit_there"),
        (replace(PLAN, unit_code="jili/hexi/s9"), "unit_code: not_standing"),
        (replace(PLAN, absent=("lead",)), "lead: not_standing"),
        (replace(PLAN, repeat_every=1), "repeat_unit: required"),
        (replace(PLAN, repeat_unit=ev.REPEAT_UNIT_WEEKS), "repeat_every: required"),
        (replace(PLAN, repeat_every=1, repeat_unit=ev.REPEAT_UNIT_WEEKS), "repeat_every: rounds_overlap"),
    ],
)
def test_a_plan_that_is_wrong_is_refused_with_its_field(command: c.PlanScreening, wrong: str) -> None:
    with pytest.raises(Invalid) as error:
        plan(command, context(START), site())
    assert [f"{each.field}: {each.reason}" for each in error.value.violations] == [wrong]


def test_more_units_than_a_campaign_holds_are_refused() -> None:
    many = {TOP: 4, VILLAGE: 3} | {f"{VILLAGE}/s{n}": 2 for n in range(MOST + 1)}
    with pytest.raises(Invalid, match="too_many_units"):
        plan(PLAN, context(START), site(units=many))


def test_its_units_are_told_at_the_opening_of_its_first_working_day() -> None:
    there = Campaign(replace(PLAN, since=date(2026, 2, 28)))
    # A make-up workday: they work on that Saturday.
    assert there.waiting == {s.BEGINNING: opening("2026-02-28")}
    [event] = there.fire()
    assert isinstance(event, ev.ScreeningBegan)
    assert list(event.told) == [ONE, TWO]
    assert there.state.status == s.UNDER_WAY


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-03-02T04:00:00+00:00", "2026-03-02T04:00:00+00:00"),
        ("2026-03-02T13:00:00+00:00", "2026-03-03T00:30:00+00:00"),
        ("2026-03-01T20:00:00+00:00", "2026-03-02T00:30:00+00:00"),
    ],
)
def test_what_begins_on_the_day_that_it_is_planned_is_told_in_working_hours(now: str, told: str) -> None:
    there = Campaign(at=datetime.fromisoformat(now))
    assert there.waiting == {s.BEGINNING: datetime.fromisoformat(told)}


def test_a_unit_reports_visits_and_findings_and_may_correct_them() -> None:
    there = begun()
    [event] = there.order(REPORT, opening("2026-03-09"))
    assert (event.visited, event.households, event.late) == (61, 64, False)
    there.order(replace(REPORT, visited=62, findings=()), opening("2026-03-11"))
    piece = there.state.piece(ONE)
    assert piece
    assert (piece.visited, piece.findings, piece.late) == (62, (), True)


@pytest.mark.parametrize(
    ("command", "at", "wrong"),
    [
        (replace(REPORT, unit_code=VILLAGE), START + 4 * DAY, "unit_code: no_part_in_it"),
        (REPORT, START, "meta.occurred_at: before_the_first_day"),
        (
            replace(REPORT, findings=(("noise.street", 1),)),
            START + 4 * DAY,
            "findings[0].kind: not_looked_for",
        ),
        (
            replace(REPORT, findings=(("gas.safety", 1), ("gas.safety", 2))),
            START + 4 * DAY,
            "findings[1].kind: twice",
        ),
        (replace(REPORT, findings=(("gas.safety", 0),)), START + 4 * DAY, "findings[0].count: not_positive"),
    ],
)
def test_a_report_that_is_wrong_is_refused_with_its_field(
    command: c.ReportScreening, at: datetime, wrong: str
) -> None:
    assert begun().refusal(command, at) == [wrong]


def test_who_has_not_reported_is_told_each_working_day_and_then_their_superior_too() -> None:
    there = begun()
    there.order(REPORT, opening("2026-03-09"))
    told = []
    for _ in range(3):
        at = there.waiting[s.OVERDUE]
        [event] = there.fire()
        assert isinstance(event, ev.ScreeningOverdue)
        assert (list(event.units), event.unreported) == ([TWO], 1)
        told.append((at, event.times, list(event.told)))
    assert told == [
        (opening("2026-03-11"), 1, [TWO]),
        (opening("2026-03-12"), 2, [VILLAGE, TWO]),
        (opening("2026-03-13"), 3, [VILLAGE, TWO]),
    ]
    there.order(OTHER, opening("2026-03-13"))
    assert set(there.waiting) == {s.END}


def test_nobody_is_told_at_night_or_on_a_holiday() -> None:
    # The week of Qingming: 4 to 6 April are free.
    there = begun(command=replace(PLAN, due_on=date(2026, 4, 3), until=date(2026, 4, 30)))
    assert there.waiting[s.OVERDUE] == opening("2026-04-07")


def test_where_nobody_is_at_work_whoever_answers_is_told() -> None:
    there = Campaign(rules=site(TWO))
    [event] = there.fire()
    assert list(event.told) == [VILLAGE, ONE]


def test_after_an_outage_it_is_told_once_for_all_the_days_of_it() -> None:
    there = begun(command=replace(PLAN, until=date(2026, 4, 30)))
    [event] = there.fire(opening("2026-03-20") + timedelta(hours=2))
    assert event.times == 1
    assert there.waiting[s.OVERDUE] == opening("2026-03-23")


def test_it_closes_by_itself_after_its_last_day_and_names_what_is_left() -> None:
    there = begun()
    there.order(REPORT, opening("2026-03-09"))
    while there.state.status == s.UNDER_WAY:
        at = min(there.waiting.values())
        [event] = there.fire()
    assert at == opening("2026-03-16")
    assert isinstance(event, ev.ScreeningClosed)
    assert (event.reported, event.visited, event.findings, event.closed_by) == (1, 61, 2, "")
    assert [(each.unit_id, each.reason) for each in event.left] == [(TWO, s.NOT_REPORTED)]
    assert (list(event.told), event.for_good) == ([VILLAGE, TWO], True)
    assert there.waiting == {}


def test_it_is_not_closed_while_a_unit_has_neither_reported_nor_a_reason() -> None:
    there = begun()
    assert there.refusal(CLOSE) == [f"reasons.{ONE}: required", f"reasons.{TWO}: required"]
    assert there.refusal(replace(CLOSE, reasons={ONE: "flood"})) == [f"reasons.{TWO}: required"]
    there.order(REPORT, opening("2026-03-09"))
    assert there.refusal(replace(CLOSE, reasons={ONE: "flood", TWO: "flood"})) == [
        f"reasons.{ONE}: nothing_is_left_of_it"
    ]


def test_it_is_closed_early_with_a_reason_for_each_unit_that_has_not_reported() -> None:
    there = begun()
    [event] = there.order(replace(CLOSE, reasons={ONE: "flood"}, reason="called_off"))
    assert [(each.unit_id, each.reason) for each in event.left] == [(ONE, "flood"), (TWO, "called_off")]
    assert event.closed_by == "p-desk"
    for command in (REPORT, CLOSE):
        with pytest.raises(IllegalTransition):
            there.order(command)


MONTHLY = replace(
    PLAN,
    since=date(2026, 3, 31),
    until=date(2026, 4, 10),
    due_on=date(2026, 4, 8),
    repeat_every=1,
    repeat_unit=ev.REPEAT_UNIT_MONTHS,
)


def test_a_repeating_campaign_plans_its_next_round_when_it_closes() -> None:
    there, rounds = Campaign(MONTHLY), list[tuple[int, date, date, date]]()
    for _ in range(4):
        state = there.state
        rounds.append((state.round, state.since, state.due_on, state.until))
        assert not any(piece.reported_at for piece in state.pieces)
        while there.state.round == state.round:
            there.fire()
    assert rounds == [
        (1, date(2026, 3, 31), date(2026, 4, 8), date(2026, 4, 10)),
        (2, date(2026, 4, 30), date(2026, 5, 8), date(2026, 5, 10)),
        (3, date(2026, 5, 31), date(2026, 6, 8), date(2026, 6, 10)),
        (4, date(2026, 6, 30), date(2026, 7, 8), date(2026, 7, 10)),
    ]
    assert [each.number for each in there.state.rounds] == [1, 2, 3, 4]


def test_the_next_round_is_of_the_units_that_stand_by_then() -> None:
    there = Campaign(MONTHLY)
    there.rules["jili"] = site(units={TOP: 4, VILLAGE: 3, TWO: 2, "jili/hexi/s3": 2})
    there.order(replace(CLOSE, reason="called_off"))
    assert [piece.unit_code for piece in there.state.pieces] == [TWO, "jili/hexi/s3"]


def test_where_no_unit_is_left_for_another_round_it_is_closed_for_good() -> None:
    there = Campaign(MONTHLY)
    there.rules["jili"] = site(units={TOP: 4, VILLAGE: 3})
    [event] = there.order(replace(CLOSE, reason="called_off"))
    assert event.for_good
    assert there.state.status == s.CLOSED


def test_closed_for_good_it_repeats_no_more() -> None:
    there = Campaign(MONTHLY)
    [event] = there.order(replace(CLOSE, reason="called_off", for_good=True))
    assert event.for_good
    assert there.waiting == {}


def test_after_a_long_outage_rounds_that_are_over_are_passed_by() -> None:
    there = Campaign(MONTHLY)
    there.fire()
    there.order(REPORT, opening("2026-04-01"))
    there.order(OTHER, opening("2026-04-01"))
    there.fire(datetime(2026, 7, 20, tzinfo=UTC))
    assert (there.state.round, there.state.since) == (5, date(2026, 7, 31))


units = st.sampled_from((ONE, TWO))
steps = st.one_of(
    st.builds(lambda unit: replace(OTHER, unit_code=unit), units),
    st.builds(lambda unit: replace(CLOSE, reasons={unit: "flood"}), units),
    st.just(replace(CLOSE, reason="called_off")),
    st.just(replace(CLOSE, reason="called_off", for_good=True)),
    st.just(CLOSE),
    st.just("time"),
    st.just("time"),
    st.integers(1, 40),
)


@given(st.sampled_from((PLAN, MONTHLY)), st.lists(steps, max_size=30))
def test_whatever_happens_no_part_is_silent_and_none_is_open_without_a_reason_when_it_is_closed(
    command: c.PlanScreening, taken: list[Any]
) -> None:
    there, at = Campaign(command), START
    for step in taken:
        events: list[Any] = []
        before = there.state
        if isinstance(step, int):
            at += step * DAY
        elif step == "time":
            if there.waiting:
                at = max(at, min(there.waiting.values()))
                events = there.fire(at)
        else:
            try:
                events = there.order(step, at)
            except (Invalid, IllegalTransition):
                continue
        for event in events:
            if isinstance(event, ev.ScreeningClosed):
                unreported = {piece.unit_code for piece in before.pieces if not piece.reported_at}
                assert {each.unit_id for each in event.left} == unreported
                assert all(each.reason for each in event.left)
                assert set(event.told) >= unreported
        waiting = there.waiting
        local = [each.astimezone(Jili.zone) for each in waiting.values()]
        assert all("08:30" <= f"{each:%H:%M}" < "17:30" for each in local)
        if there.state.status == s.CLOSED:
            assert not waiting
        elif there.state.status == s.PLANNED:
            assert set(waiting) == {s.BEGINNING}
        else:
            assert s.END in waiting
            day = max(there.state.due_on, at.astimezone(Jili.zone).date())
            # Told of at the next opening, be it the one at which the round ends.
            assert not there.state.unreported or min(waiting.values()) <= opening_after(day, Jili())


def test_the_events_of_a_campaign_name_no_household() -> None:
    names = {
        field.name for message in ev.DESCRIPTOR.message_types_by_name.values() for field in message.fields
    }
    assert not names & {"household", "household_keys", "person_ref", "text", "note"}
