"""Call-outs (召集): who is asked, who comes, for how long; too few is never silent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.calendar import LibraryCalendar
from services.chassis.errors import IllegalTransition, Invalid
from services.chassis.model import Context, Decision
from services.routing.domain.forces import attendance
from services.routing.domain.forces import calling as k
from services.routing.domain.forces import callout as c
from services.routing.domain.forces.callout import CallOut
from services.routing.domain.forces.matching import Suggestion, Wanted

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
BEGINS, ENDS = START + timedelta(minutes=30), START + timedelta(hours=4)
WANTED = Wanted("first_aid", "jili/hexi/s1/n1", BEGINS, ENDS)


class Jili:
    zone = ZoneInfo("Asia/Shanghai")
    calendar = LibraryCalendar("CN")


def context(at: datetime = START) -> Context:
    return Context("c-1", "jili", at, at, at)


def order(*refs: str, needed: int = 1, wanted: Wanted = WANTED) -> Decision:
    asked = tuple(Suggestion(ref, ()) for ref in refs)
    command = c.CallOutVolunteers(wanted, "case-1", "JILI-1", "jili/hexi/s1", "", needed, asked, "h-1")
    return k.call_out(command, context(), Jili())


def folded(decision: Decision, there: CallOut | None = None, at: datetime = START) -> CallOut:
    for emit in decision.events:
        there = attendance.evolve(there, emit.message, context(at))
    assert there is not None
    return there


def called(*refs: str, needed: int = 1) -> CallOut:
    return folded(order(*refs, needed=needed))


def after(there: CallOut, command: Any, at: datetime = START) -> CallOut:
    return folded(k.decide(there, command, context(at)), there, at)


def fired(there: CallOut) -> tuple[list[Any], CallOut]:
    [deadline] = c.deadlines(there)
    decision = k.fire(there, deadline, context(deadline.due_at))
    return [emit.message for emit in decision.events], folded(decision, there, deadline.due_at)


def kinds(decision: Decision) -> list[str]:
    return [type(emit.message).__name__ for emit in decision.events]


def refusal(there: CallOut, command: Any, at: datetime = START) -> str:
    with pytest.raises(Invalid) as error:
        k.decide(there, command, context(at))
    [violation] = error.value.violations
    return f"{violation.field}: {violation.reason}"


def test_volunteers_are_asked_for_a_place_and_a_time() -> None:
    there = called("a", "b")
    assert [each.status for each in there.volunteers] == [c.ASKED, c.ASKED]
    assert (there.begins.due_at, there.ends.due_at, there.status) == (BEGINS, ENDS, c.GATHERING)


def test_fewer_than_needed_is_said_at_once() -> None:
    assert kinds(order("a", needed=2)) == ["VolunteersCalledOut", "VolunteersAsked", "CallOutRanShort"]
    assert kinds(order(needed=1)) == ["VolunteersCalledOut", "CallOutRanShort"]
    assert kinds(order("a", "b", needed=2)) == ["VolunteersCalledOut", "VolunteersAsked"]


def test_fewer_coming_than_needed_is_said_when_it_begins() -> None:
    there = after(called("a", "b", needed=2), c.AnswerCallOut("a", accept=True))
    [began, short], under_way = fired(there)
    assert isinstance(began, ev.CallOutBegan)
    assert isinstance(short, ev.CallOutRanShort)
    assert (short.asked, short.coming, short.needed) == (2, 1, 2)
    assert under_way.status == c.UNDER_WAY


def test_with_enough_coming_it_just_begins() -> None:
    there = after(called("a"), c.AnswerCallOut("a", accept=True))
    assert [type(each) for each in fired(there)[0]] == [ev.CallOutBegan]


def test_hours_count_between_coming_and_going() -> None:
    _, there = fired(after(called("a"), c.AnswerCallOut("a", accept=True)))
    there = after(there, c.CheckIn("a"), BEGINS + timedelta(minutes=5))
    there = after(there, c.CheckOut("a"), BEGINS + timedelta(minutes=95, seconds=59))
    [volunteer] = there.volunteers
    assert (volunteer.status, volunteer.minutes, volunteer.by_end) == (c.LEFT, 90, False)


def test_who_forgets_to_check_out_has_the_hours_until_its_end() -> None:
    _, there = fired(after(called("a"), c.CheckIn("a"), START))
    [gone, ended], over = fired(there)
    assert (gone.minutes, gone.by_end) == (240, True)
    assert (ended.came, ended.minutes, ended.ended_by) == (1, 240, "")
    assert (over.status, c.deadlines(over)) == (c.ENDED, [])


def test_nobody_has_hours_beyond_the_planned_end() -> None:
    _, there = fired(after(called("a"), c.CheckIn("a"), START))
    there = after(there, c.CheckOut("a"), ENDS + timedelta(hours=9))
    assert there.volunteers[0].minutes == 240
    assert there.volunteers[0].checked_out_at == ENDS


def test_whoever_calls_can_end_it_early() -> None:
    _, there = fired(after(called("a"), c.CheckIn("a"), START))
    over = after(there, c.EndCallOut("h-1"), BEGINS + timedelta(minutes=30))
    assert (over.status, over.volunteers[0].minutes) == (c.ENDED, 60)


def test_nobody_checks_in_hours_before_it_begins() -> None:
    far = Wanted("first_aid", "jili/hexi", START + timedelta(hours=3), START + timedelta(hours=4))
    there = folded(order("a", wanted=far))
    assert refusal(there, c.CheckIn("a")) == "meta.occurred_at: too_early"


def test_who_was_not_asked_is_not_counted() -> None:
    for command in (c.AnswerCallOut("x", accept=True), c.CheckIn("x"), c.CheckOut("x")):
        assert refusal(called("a"), command) == "person_ref: not_asked"


def test_who_declined_can_still_say_yes() -> None:
    there = after(called("a"), c.AnswerCallOut("a", accept=False))
    assert refusal(there, c.CheckIn("a")) == "person_ref: is_declined"
    assert after(there, c.AnswerCallOut("a", accept=True)).volunteers[0].status == c.COMING


def test_nobody_is_asked_twice() -> None:
    there = called("a")
    assert refusal(there, c.AskVolunteers((Suggestion("a", ()),))) == "person_refs[0]: asked_already"
    assert len(after(there, c.AskVolunteers((Suggestion("b", ()),))).volunteers) == 2


def test_a_cancelled_one_names_whom_it_was_expected_of() -> None:
    there = after(called("a", "b"), c.AnswerCallOut("b", accept=False))
    [emit] = k.decide(there, c.CancelCallOut("h-1"), context()).events
    cancelled: Any = emit.message
    assert list(cancelled.person_refs) == ["a"]
    assert refusal(after(there, c.CheckIn("a")), c.CancelCallOut("h-1")) == "call_out_id: somebody_came"


def test_times_are_in_order() -> None:
    past = Wanted("first_aid", "jili", START - timedelta(minutes=1), ENDS)
    backwards = Wanted("first_aid", "jili", ENDS, BEGINS)
    for wanted, expected in ((past, "begins_at"), (backwards, "ends_at")):
        with pytest.raises(Invalid) as error:
            order("a", wanted=wanted)
        assert [each.field for each in error.value.violations] == [expected]


def test_while_it_lasts_its_volunteers_are_busy() -> None:
    there = after(called("a", "b"), c.AnswerCallOut("b", accept=False))
    later = Wanted("x", "jili", ENDS, ENDS + timedelta(hours=1))
    assert (there.keeps_busy("a", WANTED), there.keeps_busy("b", WANTED)) == (True, False)
    assert not there.keeps_busy("a", later)
    assert not after(there, c.CancelCallOut("h-1")).keeps_busy("a", WANTED)


minutes = st.integers(min_value=0, max_value=300)


@given(st.lists(st.tuples(minutes, minutes), max_size=6))
def test_each_minute_counts_once_where_stays_overlap(stays: list[tuple[int, int]]) -> None:
    times = [
        (START + timedelta(minutes=since), START + timedelta(minutes=since + length))
        for since, length in stays
    ]
    covered = {minute for since, length in stays for minute in range(since, since + length)}
    assert c.minutes_of(times) == len(covered)


actions = st.lists(
    st.tuples(
        st.sampled_from(["yes", "no", "in", "out", "more", "time", "end", "cancel"]),
        st.sampled_from("abc"),
        st.integers(min_value=0, max_value=45),
    ),
    max_size=25,
)


@given(actions)
def test_whatever_happens_it_ends_and_nobody_has_more_hours_than_it_lasted(
    happened: list[tuple[str, str, int]],
) -> None:
    there, at = called("a", "b", needed=2), START
    for what, who, later in happened:
        at += timedelta(minutes=later)
        while not there.is_over and next(iter(c.deadlines(there))).due_at < at:
            _, there = fired(there)
        commands: dict[str, Any] = {
            "yes": c.AnswerCallOut(who, accept=True),
            "no": c.AnswerCallOut(who, accept=False),
            "in": c.CheckIn(who),
            "out": c.CheckOut(who),
            "more": c.AskVolunteers((Suggestion("c", ()),)),
            "end": c.EndCallOut("h-1"),
            "cancel": c.CancelCallOut("h-1"),
        }
        if what == "time":
            if not there.is_over:
                at = max(at, next(iter(c.deadlines(there))).due_at)
                _, there = fired(there)
            continue
        try:
            there = after(there, commands[what], at)
        except (Invalid, IllegalTransition):
            continue
    while not there.is_over:
        _, there = fired(there)
    assert c.deadlines(there) == []
    assert next(there.having(c.THERE), None) is None
    for each in there.volunteers:
        assert each.minutes <= 270
        assert (each.status == c.LEFT) == (each.checked_out_at is not None)
