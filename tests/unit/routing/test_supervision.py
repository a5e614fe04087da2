"""Supervision orders (督办) up to their written answer; an order is never silent."""

from datetime import datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid
from services.routing import domain
from services.routing.domain.case import ACCEPTED, ANSWERED, STANDING, Order
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk

DAY, SHORT = timedelta(days=1), timedelta(seconds=1)
TERM = 3 * DAY  # three working days from a Monday
ASKS_UP = EscalationRequested(reason="too_slow")


def told(
    units: tuple[str, ...] = (VILLAGE,), why: int = ev.ORDER_REASON_NO_PROGRESS
) -> domain.OrderSupervision:
    return domain.OrderSupervision(why, "chief-1", units, "三天没有动静")


def answered(number: int = 1, by: str = "h-1") -> domain.AnswerSupervision:
    return domain.AnswerSupervision(number, "visited", "已上门两次，约好周四修。", by)


def judged(number: int = 1, *, accepted: bool, by: str = "chief-1") -> domain.JudgeAnswer:
    return domain.JudgeAnswer(number, accepted, by)


def standing(walk: Walk) -> Order:
    assert walk.case.order is not None
    return walk.case.order


def until(walk: Walk) -> datetime:
    clock = standing(walk).clock
    assert clock is not None
    return clock.due_at


def refused(walk: Walk, command: object, at: datetime | None = None) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command, at=at)
    assert walk.case == before
    return error.value


def patient() -> Walk:
    """A case of the neighbours whose own clocks are far away."""
    return Walk().submit(due_in=400 * DAY)


def test_a_superior_orders_with_a_reason_and_a_time_to_answer() -> None:
    walk = patient().order(told())
    order = standing(walk)
    assert (order.number, order.orderer_unit_id, order.why) == (1, VILLAGE, ev.ORDER_REASON_NO_PROGRESS)
    assert order.clock is not None
    assert (order.clock.rule, order.clock.due_at) == ("supervision.answer@1", OPENED + TERM)
    assert [code for code, _, _ in order.clock.explanation] == ["start", "working_day"]
    assert (walk.case.unit_id, walk.case.running, walk.case.due_at) == (NEIGHBOURS, 1, OPENED + 400 * DAY)


def test_the_desk_orders_for_itself() -> None:
    assert standing(patient().order(told(units=()))).orderer_unit_id == ""


def test_one_order_stands_at_a_time() -> None:
    assert refused(patient().order(told()), told()).reason == "order_stands"


def test_what_would_order_again_starts_no_clock_anew() -> None:
    walk = Walk().submit(unit_id=STREET, due_in=400 * DAY).hear(ASKS_UP)
    before = walk.case.order
    assert walk.wait(DAY).hear(ASKS_UP).case.order == before
    again = ev.SupervisionOrdered.FromString(walk.record.outbox[-1].data)
    assert (again.order, again.HasField("answer_clock")) == (1, False)


def test_an_order_is_answered_in_writing_and_no_event_holds_the_text() -> None:
    walk = patient().order(told()).order(answered())
    order = standing(walk)
    assert (order.status, order.result, order.answered_by) == (ANSWERED, "visited", "h-1")
    assert walk.record.private["supervision_answer"].startswith("已上门两次")
    assert not any("上门".encode() in each.data for each in walk.record.outbox)


def test_an_accepted_answer_ends_the_order_while_the_cases_own_clock_runs() -> None:
    walk = patient().order(told()).order(answered()).order(judged(accepted=True))
    assert walk.case.order is None
    assert walk.record.next_due_at == OPENED + 100 * DAY
    assert standing(walk.order(told())).number == 2


def test_an_answer_that_is_sent_back_is_due_again() -> None:
    walk = patient().order(told()).wait(DAY).order(answered()).order(judged(accepted=False))
    assert (standing(walk).status, until(walk)) == (STANDING, OPENED + DAY + TERM)
    assert standing(walk.order(answered())).status == ANSWERED


def test_nobody_judges_their_own_answer() -> None:
    walk = patient().order(told()).order(answered(by="chief-1"))
    error = refused(walk, judged(accepted=True))
    assert isinstance(error, Forbidden)
    assert error.reason == "own_answer"


def test_an_unanswered_order_goes_to_the_next_superior_and_at_last_to_the_desk_again_and_again() -> None:
    walk = patient().order(told())
    seen = []
    for _ in range(4):
        walk.wait(until(walk) - walk.now + SHORT)
        seen.append((standing(walk).orderer_unit_id, standing(walk).repeats))
    assert seen == [(STREET, 1), ("", 2), ("", 3), ("", 4)]
    assert walk.events[-1] == "SupervisionRepeated"
    assert standing(walk).status == STANDING


def test_an_answer_that_nobody_judges_goes_to_the_next_superior() -> None:
    walk = patient().order(told()).order(answered()).wait(TERM + SHORT)
    order = standing(walk)
    assert (order.status, order.orderer_unit_id, order.repeats) == (ANSWERED, STREET, 1)
    repeated = ev.SupervisionRepeated.FromString(walk.record.outbox[-1].data)
    assert (repeated.answered, repeated.answer_clock.rule) == (True, "supervision.judgement@1")


def test_at_the_top_the_order_by_the_clock_has_to_be_answered_as_well() -> None:
    walk = Walk().submit(due_in=4 * timedelta(minutes=10)).wait(timedelta(minutes=41))
    assert (walk.case.unit_id, walk.case.running) == (STREET, 0)
    assert until(walk) == OPENED + timedelta(minutes=40) + TERM
    walk.wait(TERM)
    assert (standing(walk).repeats, walk.events[-1]) == (1, "SupervisionRepeated")


def test_an_open_case_without_another_clock_is_reported_on_again_after_an_accepted_answer() -> None:
    walk = Walk().submit(due_in=timedelta(minutes=40)).wait(timedelta(minutes=41)).order(answered())
    walk.order(judged(accepted=True))
    order = standing(walk)
    assert order.clock is not None
    assert (order.status, order.clock.rule) == (ACCEPTED, "supervision.report@1")
    walk.wait(until(walk) - walk.now + SHORT)
    assert (standing(walk).status, standing(walk).repeats) == (STANDING, 1)
    assert standing(walk.order(answered())).status == ANSWERED


def test_in_a_replay_an_order_that_nobody_gave_waits_for_nobody() -> None:
    walk = Walk(replay=True).submit(due_in=4 * DAY).wait(300 * DAY)
    assert standing(walk).clock is None
    assert walk.events.count("SupervisionOrdered") == 1
    assert walk.record.next_due_at is None
    assert standing(walk.order(answered())).clock is not None


@pytest.mark.parametrize("end", [domain.ResolveCase("mended")])
def test_an_order_ends_with_its_case(end: object) -> None:
    walk = patient().order(told()).order(end)
    assert (walk.case.order, walk.record.next_due_at) == (None, None)
    assert isinstance(refused(walk, answered()), IllegalTransition)


def test_an_order_goes_along_with_the_case_and_is_the_new_owners_to_answer() -> None:
    walk = patient().order(told()).order(domain.EscalateCase("太难"))
    assert (walk.case.unit_id, standing(walk).number) == (SECTION, 1)
    walk.order(answered(by="h-2"))
    event = ev.SupervisionAnswered.FromString(walk.record.outbox[-1].data)
    assert (event.unit_id, event.orderer_unit_id) == (SECTION, VILLAGE)


def test_a_referral_ends_the_order_as_other_clocks_run_there() -> None:
    walk = Walk().submit(unit_id=STREET).hear(ASKS_UP).order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert (walk.case.order, walk.record.next_due_at) == (None, None)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (judged(accepted=True), "not_answered"),
        (answered(2), [("order", "not_the_standing_order")]),
        (judged(7, accepted=True), [("order", "not_the_standing_order")]),
    ],
)
def test_what_is_out_of_turn_is_refused(command: object, reason: object) -> None:
    error = refused(patient().order(told()), command)
    found = [(v.field, v.reason) for v in error.violations] if isinstance(error, Invalid) else error.reason
    assert found == reason


def test_without_an_order_there_is_nothing_to_answer() -> None:
    assert refused(patient(), answered()).reason == "no_order"
    assert refused(patient().order(told()).order(answered()), answered()).reason == "answered_already"


def test_an_answer_is_not_older_than_the_order() -> None:
    walk = patient().wait(DAY).order(told())
    error = refused(walk, answered(), at=OPENED)
    assert isinstance(error, Invalid)
    assert [(v.field, v.reason) for v in error.violations] == [("meta.occurred_at", "before_the_order")]
