"""A joint meeting (S14): agenda, minutes, dated tasks that are never silent, closure."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import meeting_events_pb2 as ev
from services.chassis.calendar import LibraryCalendar
from services.chassis.errors import IllegalTransition, Invalid, NotFound
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant
from services.routing.domain.meetings import commands as c
from services.routing.domain.meetings import meeting as m
from services.routing.domain.meetings.deciding import call, table
from services.routing.domain.meetings.folding import evolve
from services.routing.domain.meetings.meeting import Meeting
from services.routing.domain.meetings.tasks import digest_of
from services.routing.store import meetings

# A Thursday, 16:00 at the site.
START = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ON = date(2026, 3, 5)
MONDAY = datetime(2026, 3, 16, 0, 30, tzinfo=UTC)


class Jili:
    zone = ZoneInfo("Asia/Shanghai")
    calendar = LibraryCalendar("CN")


CELLS = table({"jili": Jili()})
MODEL = meetings(CELLS)
CALL = c.CallMeeting("jili", ON, ("jili/hexi",), ("works", "fire-rescue"), "p-desk")
CASE = c.PutOnAgenda("1", "c-1", "JILI-1", "", "", "works", ("fire-rescue",), "p-desk")
MATTER = c.PutOnAgenda("2", "", "", "noise.street", "jili/hexi", "works", (), "p-desk")
MINUTES = c.RecordMinutes("1", "议定：装隔音屏。", "p-desk")
TASK = c.AssignTask("1-a", "1", "jili/hexi", date(2026, 3, 13), "装隔音屏。", "p-desk")


def context(at: datetime = START, now: datetime | None = None) -> Context:
    return Context("m-1", "jili", at, now or at, now or at)


def folded(there: Meeting | None, decision: Decision, at: datetime = START) -> Meeting:
    for emit in decision.events:
        there = evolve(there, emit.message, context(at))
    assert there is not None
    assert MODEL.load(MODEL.dump(there)) == there
    return there


def decided(there: Meeting, command: Any, at: datetime = START) -> Decision:
    return transition(CELLS, there.status, there, command, context(at))


def after(*commands: Any) -> Meeting:
    there = folded(None, call(CALL, context(), Jili()))
    for command in commands:
        there = folded(there, decided(there, command))
    return there


def fired(there: Meeting, now: datetime | None = None) -> tuple[Any, Meeting]:
    deadline = min(m.deadlines(there), key=lambda each: each.due_at)
    assert MODEL.fire
    decision = MODEL.fire(there, deadline, context(deadline.due_at, now))
    [emit] = decision.events
    return emit.message, folded(there, decision, deadline.due_at)


def refusal(there: Meeting, command: Any, at: datetime = START) -> list[str]:
    with pytest.raises(Invalid) as error:
        decided(there, command, at)
    return [f"{each.field}: {each.reason}" for each in error.value.violations]


def test_an_item_is_about_a_case_or_about_a_kind_at_a_place() -> None:
    there = after(CASE, MATTER)
    assert [item.matter for item in there.items] == [("c-1",), ("noise.street", "jili/hexi")]
    assert (there.items[0].lead, there.items[0].assisting) == ("works", ("fire-rescue",))


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (CASE, "item_id: twice"),
        (replace(CASE, item_id="3"), "case_id: twice"),
        (replace(MATTER, item_id="3"), "kind: twice"),
        (replace(CASE, item_id="3", case_id=""), "kind: required"),
        (replace(CASE, item_id="3", case_id="c-2", kind="x"), "case_id: either_case_or_kind_and_place"),
        (replace(CASE, item_id="3", case_id="c-2", assisting=("works",)), "assisting: is_the_lead"),
        (replace(CASE, item_id="3", case_id="c-2", absent=("lead",)), "lead: not_standing"),
    ],
)
def test_an_item_that_is_wrong_is_refused_with_its_field(command: c.PutOnAgenda, wrong: str) -> None:
    assert wrong in refusal(after(CASE, MATTER), command)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (replace(CALL, on=date(2026, 3, 4)), "on: in_the_past"),
        (replace(CALL, units=(), departments=()), "departments: nobody_invited"),
        (replace(CALL, absent=("units[0]", "departments[1]")), "units[0]: not_standing"),
    ],
)
def test_a_call_that_is_wrong_is_refused_with_its_field(command: c.CallMeeting, wrong: str) -> None:
    with pytest.raises(Invalid, match=wrong.replace("[", r"\[").replace("]", r"\]")):
        call(command, context(), Jili())


def test_minutes_make_it_a_held_meeting_and_their_text_stays_in_the_store() -> None:
    there = after(CASE)
    decision = decided(there, MINUTES)
    [emit] = decision.events
    event: Any = emit.message
    assert (event.digest, decision.private) == (
        digest_of(MINUTES.text),
        {digest_of(MINUTES.text): MINUTES.text},
    )
    assert MINUTES.text.encode() not in event.SerializeToString()
    assert folded(there, decision).status == m.HELD


def test_there_are_no_minutes_before_its_day() -> None:
    assert refusal(after(CASE), MINUTES, START - DAY) == ["meeting_id: not_yet_held"]


def test_a_task_is_due_at_the_end_of_its_day_by_the_sites_zone() -> None:
    [task] = after(CASE, MINUTES, TASK).tasks
    assert task.clock.due_at == datetime(2026, 3, 13, 15, 59, 59, 999_000, tzinfo=UTC)
    assert not task.overdue(task.clock.due_at)
    assert task.overdue(task.clock.due_at + timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (replace(TASK, due_on=date(2026, 3, 4)), "due_on: before_the_meeting"),
        (replace(TASK, due_on=ON), "due_on: not_after_today"),
        (replace(TASK, due_on=date(2099, 1, 1)), "due_on: too_far_ahead"),
        (replace(TASK, absent=("unit_code",)), "unit_code: not_standing"),
        (replace(TASK, item_id="2"), "item_id: not_in_the_minutes"),
        (replace(TASK, item_id="9"), "item_id: no_such_item"),
        (replace(TASK, text=" "), "text: required"),
    ],
)
def test_a_task_that_is_wrong_is_refused_with_its_field(command: c.AssignTask, wrong: str) -> None:
    assert refusal(after(CASE, MATTER, MINUTES), command) == [wrong]


def test_a_task_is_set_once() -> None:
    assert refusal(after(CASE, MINUTES, TASK), TASK) == ["task_id: twice"]


def test_what_is_overdue_is_told_at_the_opening_of_each_working_day_until_it_is_done() -> None:
    there, told = after(CASE, MINUTES, TASK), list[datetime]()
    for times in (1, 2, 3):
        told += [each.due_at for each in m.deadlines(there)]
        event, there = fired(there)
        assert (event.times, event.unit_id, event.due_on) == (times, "jili/hexi", "2026-03-13")
    assert told == [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY]
    assert list(m.deadlines(folded(there, decided(there, c.FinishTask("1-a", "repaired", "p-1"))))) == []


def test_after_an_outage_it_is_told_once_for_all_the_days_of_it() -> None:
    event, there = fired(after(CASE, MINUTES, TASK), MONDAY + 9 * DAY)
    assert instant(event.again_at) == MONDAY + 10 * DAY
    assert [each.due_at for each in m.deadlines(there)] == [MONDAY + 10 * DAY]


def test_a_reason_on_record_ends_the_reminders_and_the_task_may_still_be_done() -> None:
    there = after(CASE, MINUTES, TASK, c.LeaveOpen("1-a", "awaits_budget", "p-desk"))
    assert (there.tasks[0].status, there.tasks[0].outcome) == (m.LEFT_OPEN, "awaits_budget")
    assert list(m.deadlines(there)) == []
    assert folded(there, decided(there, c.FinishTask("1-a", "repaired", "p-1"))).tasks[0].status == m.DONE


def test_it_is_not_closed_with_a_task_open_or_an_item_without_minutes() -> None:
    there = after(CASE, MATTER, MINUTES, TASK)
    assert refusal(there, c.CloseMeeting("p-desk")) == ["items.2: not_in_the_minutes", "tasks.1-a: open"]


@pytest.mark.parametrize(
    ("settled", "counts"),
    [
        (c.FinishTask("1-a", "repaired", "p-1"), (1, 0)),
        (c.LeaveOpen("1-a", "awaits_budget", "p-desk"), (0, 1)),
    ],
)
def test_it_is_closed_once_each_task_is_done_or_left_open_for_a_reason(
    settled: Any, counts: tuple[int, int]
) -> None:
    there = after(CASE, MINUTES, TASK, settled)
    [emit] = decided(there, c.CloseMeeting("p-desk")).events
    event: Any = emit.message
    assert (event.done, event.left_open) == counts
    assert evolve(there, event, context()).status == m.CLOSED


def test_a_meeting_without_minutes_is_told_of_each_working_day_until_it_is_held_or_cancelled() -> None:
    there = after(CASE)
    [deadline] = m.deadlines(there)
    assert deadline.due_at == datetime(2026, 3, 6, 0, 30, tzinfo=UTC)
    event, there = fired(there)
    assert (event.times, instant(event.again_at)) == (1, datetime(2026, 3, 9, 0, 30, tzinfo=UTC))
    assert [each.due_at for each in m.deadlines(there)] == [instant(event.again_at)]
    assert list(m.deadlines(folded(there, decided(there, c.CancelMeeting("settled", "p-desk"))))) == []
    assert list(m.deadlines(folded(there, decided(there, MINUTES)))) == []


def test_what_is_held_is_not_cancelled_and_what_is_over_takes_no_order() -> None:
    held = after(CASE, MINUTES)
    with pytest.raises(IllegalTransition):
        decided(held, c.CancelMeeting("settled", "p-desk"))
    over = after(CASE, MINUTES, c.CloseMeeting("p-desk"))
    for command in (MATTER, MINUTES, TASK, c.CloseMeeting("p-desk")):
        with pytest.raises(IllegalTransition):
            decided(over, command)


ids = st.sampled_from("12")
tasks = st.sampled_from("ab")
steps = st.one_of(
    st.builds(lambda n: replace(CASE, item_id=n, case_id=f"c-{n}"), ids),
    st.builds(lambda n: replace(MINUTES, item_id=n), ids),
    st.builds(lambda n, t: replace(TASK, item_id=n, task_id=t), ids, tasks),
    st.builds(lambda t: c.FinishTask(t, "repaired", "p-1"), tasks),
    st.builds(lambda t: c.LeaveOpen(t, "awaits_budget", "p-desk"), tasks),
    st.just(c.CloseMeeting("p-desk")),
    st.just(c.CancelMeeting("settled", "p-desk")),
    st.just("time"),
)


@given(st.lists(steps, max_size=25))
def test_whatever_happens_no_open_task_is_silent_and_none_is_open_when_it_is_closed(taken: list[Any]) -> None:
    there, at = after(), START
    for step in taken:
        if step == "time":
            if not m.deadlines(there):
                continue
            at = max(at, min(each.due_at for each in m.deadlines(there)))
            _, there = fired(there)
        else:
            try:
                there = folded(there, decided(there, step, at), at)
            except (Invalid, IllegalTransition, NotFound):
                continue
        waiting = {each.name for each in m.deadlines(there)}
        open_ones = {f"{m.OF_A_TASK}{task.id}" for task in there.tasks if task.status == m.OPEN}
        if there.status == m.CALLED:
            assert (waiting, there.tasks) == ({m.MEETING}, ())
        elif there.status == m.HELD:
            assert waiting == open_ones
        else:
            assert not waiting
            assert not open_ones
        assert len({item.matter for item in there.items}) == len(there.items)
        assert all(there.item(task.item_id).minutes for task in there.tasks)  # type: ignore[union-attr]  # it is there
    assert isinstance(there.place, str)


def test_the_events_of_a_meeting_name_nobody_and_no_text() -> None:
    there = after(CASE, MINUTES)
    [emit] = decided(there, TASK).events
    assert isinstance(emit.message, ev.MeetingTaskAssigned)
    assert TASK.text.encode() not in emit.message.SerializeToString()
