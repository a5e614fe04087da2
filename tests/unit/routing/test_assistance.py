"""Assisting units: one team, one matter, one network (三个一), and one owner all the time."""

from datetime import timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, WithdrawalRequested
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.routing import domain
from services.routing.domain.assist import ASKED, DECLINED, DONE, ENDED, TAKEN_ON, Assist
from tests.unit.routing.ladder import (
    NEIGHBOURS,
    NEXT_DOOR,
    OPENED,
    OTHER_SECTION,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
)

DAY, SHORT = timedelta(days=1), timedelta(seconds=1)
NAMES: dict[int, str] = {
    hv.ASSISTANCE_ANSWER_ACCEPTED: TAKEN_ON,
    hv.ASSISTANCE_ANSWER_DECLINED: DECLINED,
    hv.ASSISTANCE_ANSWER_DONE: DONE,
}


def ask(unit_id: str = OTHER_SECTION, note: str = "请派电工看一下") -> domain.AskForAssistance:
    return domain.AskForAssistance(unit_id, "", "inspect_wiring", "h-1", note)


def answer(said: int = hv.ASSISTANCE_ANSWER_ACCEPTED, number: int = 1) -> domain.AnswerAssistance:
    result = "" if said == hv.ASSISTANCE_ANSWER_ACCEPTED else "no_electrician"
    return domain.AnswerAssistance(number, said, result, "h-2", "本周没有电工")


def patient() -> Walk:
    """A case of the neighbours whose own clocks are far away."""
    return Walk().submit(due_in=400 * DAY)


def only(walk: Walk) -> Assist:
    [assist] = walk.case.assists
    return assist


def refused(walk: Walk, command: object) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command)
    assert walk.case == before
    return error.value


def fields(error: CommandError) -> list[tuple[str, str]]:
    assert isinstance(error, Invalid)
    return [(each.field, each.reason) for each in error.violations]


def test_who_is_asked_has_a_clock_of_its_own_and_the_cases_clocks_and_owner_stay() -> None:
    before = patient().case
    walk = patient().order(ask())
    assist = only(walk)
    assert (assist.unit_id, assist.status) == (OTHER_SECTION, ASKED)
    assert assist.clock is not None
    assert (assist.clock.rule, assist.clock.due_at) == ("routing.assistance@1", OPENED + DAY)
    case = walk.case
    assert (case.unit_id, case.running, case.due_at, case.plan) == (
        before.unit_id,
        before.running,
        before.due_at,
        before.plan,
    )


def test_several_units_assist_each_with_its_clock() -> None:
    walk = patient().order(ask()).wait(timedelta(hours=1)).order(ask(NEXT_DOOR))
    assert [each.clock and each.clock.name for each in walk.case.assists] == ["assistance-1", "assistance-2"]
    walk.order(answer(number=2))
    assert [each.status for each in walk.case.assists] == [ASKED, TAKEN_ON]


def test_who_accepts_has_time_for_the_work() -> None:
    clock = only(patient().order(ask()).order(answer())).clock
    assert clock is not None
    assert (clock.rule, clock.due_at, clock.epoch) == ("routing.assistance.work@1", OPENED + 3 * DAY, 2)


@pytest.mark.parametrize("said", [hv.ASSISTANCE_ANSWER_DECLINED, hv.ASSISTANCE_ANSWER_DONE])
def test_who_declines_or_has_done_it_says_why_and_nothing_is_due_any_more(said: int) -> None:
    walk = patient().order(ask()).order(answer(said))
    assert (only(walk).status, only(walk).result, only(walk).clock) == (NAMES[said], "no_electrician", None)
    assert walk.record.next_due_at == OPENED + 100 * DAY


def test_a_refusal_without_a_reason_and_an_acceptance_with_one_are_refused() -> None:
    walk = patient().order(ask())
    without = domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_DECLINED, "", "h-2")
    assert fields(refused(walk, without)) == [("result", "required")]
    with_one = domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_ACCEPTED, "sure", "h-2")
    assert fields(refused(walk, with_one)) == [("result", "only_with_an_end")]


def test_no_event_of_an_assistance_holds_a_text() -> None:
    walk = patient().order(ask()).order(answer(hv.ASSISTANCE_ANSWER_DECLINED))
    assert walk.record.private["assistance_1_asked"] == "请派电工看一下"
    assert walk.record.private["assistance_1_answered"] == "本周没有电工"
    assert not any("电工".encode() in each.data for each in walk.record.outbox)


@pytest.mark.parametrize("first", [(), (answer(),)], ids=["unanswered", "taken on and not done"])
def test_an_overdue_assistance_is_told_to_the_next_superior_and_at_last_to_the_desk_again_and_again(
    first: tuple[object, ...],
) -> None:
    walk = patient().order(ask())
    for command in first:
        walk.order(command)
    told = []
    for _ in range(4):
        clock = only(walk).clock
        assert clock is not None
        walk.wait(clock.due_at - walk.now + SHORT)
        event = hv.AssistanceOverdue.FromString(walk.record.outbox[-1].data)
        told.append((event.superior_unit_id, event.repeats, event.accepted))
    accepted = bool(first)
    assert told == [(VILLAGE, 1, accepted), (STREET, 2, accepted), ("", 3, accepted), ("", 4, accepted)]
    assert (walk.case.unit_id, walk.case.running) == (NEIGHBOURS, 1)


@pytest.mark.parametrize(
    "end",
    [domain.ResolveCase("mended"), WithdrawalRequested(reason="mistake")],
    ids=["resolved", "withdrawn"],
)
def test_an_assistance_ends_with_its_case(end: object) -> None:
    walk = patient().order(ask())
    walk.hear(end) if isinstance(end, WithdrawalRequested) else walk.order(end)
    assert (only(walk).status, walk.record.next_due_at) == (ENDED, None)
    assert walk.events[-1] == "AssistanceEnded"


def test_an_assistance_ends_when_the_case_is_referred() -> None:
    walk = Walk().submit(unit_id=STREET).order(ask()).order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert (only(walk).status, walk.record.next_due_at) == (ENDED, None)


def test_the_owner_ends_an_assistance_that_is_not_needed_any_more() -> None:
    walk = patient().order(ask()).order(domain.EndAssistance(1, "h-1"))
    assert only(walk).status == ENDED
    assert refused(walk, answer()).reason == "ended_already"
    assert only(walk).clock is None


def test_an_assistance_goes_along_with_the_case_to_its_next_owner() -> None:
    walk = patient().order(ask()).hear(EscalationRequested(reason="too_slow"))
    assert (walk.case.unit_id, only(walk).status) == (SECTION, ASKED)


def test_nobody_assists_with_their_own_case() -> None:
    walk = patient().order(ask(SECTION)).hear(EscalationRequested(reason="too_slow"))
    assert (walk.case.unit_id, only(walk).status) == (SECTION, ENDED)
    event = hv.AssistanceEnded.FromString(walk.record.outbox[-1].data)
    assert event.reason == hv.ASSISTANCE_END_LEADS_NOW
    assert fields(refused(walk, ask(SECTION))) == [("unit_id", "same_unit")]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (ask(""), [("unit_id", "unknown_unit")]),
        (ask("jili/c99"), [("unit_id", "unknown_unit")]),
        (ask(NEIGHBOURS), [("unit_id", "same_unit")]),
        (ask(OTHER_SECTION), [("unit_id", "asked_already")]),
        (domain.AskForAssistance("", "fire", "look", "h-1"), [("department", "unknown_department")]),
        (answer(number=7), [("assistance", "no_such_assistance")]),
        (domain.EndAssistance(2, "h-1"), [("assistance", "no_such_assistance")]),
    ],
)
def test_an_assistance_that_is_wrong_is_refused_with_its_field(
    command: object, expected: list[tuple[str, str]]
) -> None:
    assert fields(refused(patient().order(ask()), command)) == expected


def test_an_assistance_is_accepted_once() -> None:
    assert refused(patient().order(ask()).order(answer()), answer()).reason == "answered_already"


def test_whoever_says_that_a_case_is_not_theirs_asks_nobody_for_help_with_it() -> None:
    walk = patient().order(domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, NEXT_DOOR, "h-1"))
    assert refused(walk, ask()).reason == "ruling_awaited"


def test_a_case_asks_for_help_no_more_often_than_the_rule_allows() -> None:
    walk = patient()
    for number in range(1, 21):
        walk.order(ask()).order(answer(hv.ASSISTANCE_ANSWER_DECLINED, number))
    error = refused(walk, ask())
    assert isinstance(error, IllegalTransition)
    assert (error.reason, error.details["rule"]) == ("too_many", "routing.assistance@1")


def test_a_department_is_asked_through_whoever_is_on_duty_and_its_superior_is_the_desk() -> None:
    command = domain.AskForAssistance("", "fire", "look", "h-1", stands=True, person_ref="p-fire")
    walk = patient().order(command)
    assert (only(walk).department, only(walk).person_ref) == ("fire", "p-fire")
    walk.wait(DAY + SHORT)
    event = hv.AssistanceOverdue.FromString(walk.record.outbox[-1].data)
    assert (event.superior_unit_id, event.person_ref) == ("", "p-fire")


def test_an_answer_is_not_older_than_the_asking() -> None:
    walk = patient().wait(DAY).order(ask())
    before = walk.case
    with pytest.raises(Invalid) as error:
        walk.order(answer(), at=OPENED)
    assert fields(error.value) == [("meta.occurred_at", "before_the_asking")]
    assert walk.case == before
