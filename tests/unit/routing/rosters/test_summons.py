"""A summons (S15): each has a set time, then the next is asked; with nobody left the desk is told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import roster_events_pb2 as ev
from services.chassis.calendar import LibraryCalendar
from services.chassis.errors import Forbidden, IllegalTransition
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant
from services.routing.domain.rosters import summons as s
from services.routing.domain.rosters.summons import Summons
from services.routing.store import summonses

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


class Jili:
    zone = ZoneInfo("Asia/Shanghai")
    calendar = LibraryCalendar("CN")


CELLS = s.table({"jili": Jili()})
MODEL = summonses(CELLS)


def context(at: datetime = START, now: datetime | None = None) -> Context:
    return Context("s-1", "jili", at, now or at, now or at)


def begun(*refs: str) -> tuple[Decision, Summons]:
    command = s.SummonDepartment("fire-rescue", "c-1", "JILI-1", "jili/c1", "fire_hazard", refs, 900, "h-1")
    decision = s.summon(command, context(), Jili())
    [emit] = decision.events
    return decision, s.evolve(None, emit.message, context())


def message(decision: Decision) -> Any:
    [emit] = decision.events
    return emit.message


def answered(there: Summons, ref: str, *, accept: bool, at: datetime = START) -> Decision:
    return transition(CELLS, there.status, there, s.AnswerSummons(ref, accept), context(at))


def ran_out(there: Summons, now: datetime | None = None) -> Decision:
    [deadline] = s.deadlines(there)
    assert MODEL.fire
    return MODEL.fire(there, deadline, context(deadline.due_at, now))


def test_the_first_on_duty_is_asked_and_has_the_departments_time() -> None:
    decision, there = begun("a", "b")
    event = message(decision)
    assert (event.person_ref, list(event.next_refs), event.number) == ("a", ["b"], 1)
    assert instant(event.clock.due_at) == START + QUARTER
    assert (there.status, there.person_ref, there.asked) == (s.WAITING, "a", 1)


def test_whoever_comes_ends_the_summons() -> None:
    _, there = begun("a", "b")
    event = message(answered(there, "a", accept=True))
    assert event.person_ref == "a"
    after = s.evolve(there, event, context())
    assert after.status == s.ANSWERED
    assert s.deadlines(after) == []


def test_whoever_cannot_come_is_followed_by_the_next_at_once() -> None:
    _, there = begun("a", "b")
    at = START + timedelta(minutes=3)
    event = message(answered(there, "a", accept=False, at=at))
    assert (event.person_ref, event.reason, event.number) == ("b", ev.SUMMONS_REASON_DECLINED, 2)
    assert instant(event.clock.due_at) == at + QUARTER


def test_when_the_time_is_over_the_next_is_asked_and_their_time_begins_when_it_was_over() -> None:
    _, there = begun("a", "b")
    event = message(ran_out(there, START + QUARTER + timedelta(seconds=1)))
    assert (event.person_ref, event.reason) == ("b", ev.SUMMONS_REASON_NO_ANSWER)
    assert instant(event.clock.started_at) == START + QUARTER
    assert event.clock.epoch == 2


def test_after_an_outage_the_next_has_their_whole_time() -> None:
    _, there = begun("a", "b")
    late = START + timedelta(hours=3)
    assert instant(message(ran_out(there, late)).clock.due_at) == late + QUARTER


def test_with_nobody_left_it_ends_unanswered() -> None:
    _, there = begun("a")
    event = message(ran_out(there))
    assert isinstance(event, ev.SummonsUnanswered)
    assert event.asked == 1
    assert s.evolve(there, event, context()).status == s.UNANSWERED


def test_with_nobody_on_duty_it_ends_unanswered_at_once() -> None:
    decision, there = begun()
    assert isinstance(message(decision), ev.SummonsUnanswered)
    assert (there.status, there.asked, there.kind, there.summoned_by) == (
        s.UNANSWERED,
        0,
        "fire_hazard",
        "h-1",
    )


def test_who_is_not_asked_can_neither_come_nor_decline() -> None:
    _, there = begun("a", "b")
    for accept in (True, False):
        with pytest.raises(Forbidden):
            answered(there, "b", accept=accept)


def test_a_summons_that_is_over_takes_no_answer() -> None:
    _, there = begun("a")
    over = s.evolve(there, message(ran_out(there)), context())
    for command in (s.AnswerSummons("a", accept=True), s.WithdrawSummons("h-1")):
        with pytest.raises(IllegalTransition):
            transition(CELLS, over.status, over, command, context())


def test_a_withdrawn_summons_waits_for_nobody_and_whoever_was_asked_is_named() -> None:
    _, there = begun("a", "b")
    event = message(transition(CELLS, there.status, there, s.WithdrawSummons("h-1"), context()))
    assert event.person_ref == "a"
    after = s.evolve(there, event, context())
    assert (after.status, s.deadlines(after)) == (s.WITHDRAWN, [])


steps = st.lists(st.sampled_from(["accept", "decline", "time", "withdraw"]), max_size=8)


@given(st.integers(0, 4), steps)
def test_whatever_happens_each_is_asked_once_in_order_and_it_ends_once(size: int, taken: list[str]) -> None:
    refs = [f"p-{n}" for n in range(size)]
    decision, there = begun(*refs)
    events = [message(decision)]
    for step in taken:
        if there.status != s.WAITING:
            break
        if step == "time":
            made = ran_out(there)
        elif step == "withdraw":
            made = transition(CELLS, there.status, there, s.WithdrawSummons("h-1"), context())
        else:
            made = answered(there, there.person_ref, accept=step == "accept")
        events.append(message(made))
        there = s.evolve(there, events[-1], context())
        assert MODEL.load(MODEL.dump(there)) == there
    asked = [each.person_ref for each in events if isinstance(each, ev.AnswererSummoned)]
    ends = [each for each in events if not isinstance(each, ev.AnswererSummoned)]
    assert asked == refs[: len(asked)]
    assert len(ends) == (there.status != s.WAITING)
    assert len(list(s.deadlines(there))) == (there.status == s.WAITING)
    if there.status == s.UNANSWERED:
        assert asked == refs
