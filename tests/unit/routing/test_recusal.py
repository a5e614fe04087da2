"""Recusal for direct interest (回避), and that nobody rules on or approves their own move."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested
from fengqiao.mediation.v1.events_pb2 import END_REASON_TOO_FAR_APART
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.auth import Principal, Role
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid
from services.routing import domain
from services.routing.domain.placing import refuse_recused
from services.routing.ordering import may_order
from services.routing.rules import FixedPlaces, Post
from tests.unit.routing.ladder import (
    NEIGHBOURS,
    NEXT_DOOR,
    OPENED,
    OTHER_SECTION,
    OTHER_VILLAGE,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    rules,
)

DAY, SHORT = timedelta(days=1), timedelta(seconds=1)
RECUSE = domain.RecuseHandler("h-x", "是我表哥")
ASKS_UP = EscalationRequested(reason="too_slow")
RETURN = domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, OTHER_VILLAGE, "someone")


def holding(**holders: str) -> Walk:
    """A case of the neighbours, whose clocks are far away; some posts are held by somebody of a name."""
    its = rules()
    assert isinstance(its.places, FixedPlaces)
    units = {"neighbours": NEIGHBOURS, "section": SECTION, "village": VILLAGE, "street": STREET}
    named = {units[key]: Post(f"post:{units[key]}", ref) for key, ref in holders.items()}
    places = replace(its.places, posts={**its.places.posts, **named})
    return Walk(replace(its, places=places)).submit(due_in=400 * DAY)


def refused(walk: Walk, command: object) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command)
    assert walk.case == before
    return error.value


def owner(walk: Walk) -> tuple[str, str]:
    return walk.case.unit_id, walk.case.holder_ref


def test_whoever_is_recused_hands_the_case_to_the_next_unit_up_and_no_clock_moves() -> None:
    walk = holding()
    before = walk.case
    walk.order(RECUSE)
    assert owner(walk) == (SECTION, "h-2")
    case = walk.case
    assert (case.recused, case.steps[-1].reason) == (("h-1",), ev.MOVE_REASON_RECUSAL)
    assert (case.plan, case.due_at, case.running) == (before.plan, before.due_at, before.running)
    assert case.reasons == (f"recused:{NEIGHBOURS}",)
    assert walk.events[-2:] == ["HandlerRecused", "CaseReassigned"]
    assert not any("表哥".encode() in each.data for each in walk.record.outbox)


def test_who_holds_several_posts_is_passed_over_at_each_of_them() -> None:
    assert owner(holding(neighbours="p", section="p", village="p").order(RECUSE)) == (STREET, "h-4")


def test_where_nobody_else_could_have_it_a_recusal_is_refused_and_the_case_keeps_its_owner() -> None:
    walk = Walk().submit(unit_id=STREET)
    error = refused(walk, RECUSE)
    assert isinstance(error, IllegalTransition)
    assert error.reason == "nobody_else"


@pytest.mark.parametrize(
    "move",
    [
        lambda walk: walk.hear(ASKS_UP),
        lambda walk: walk.order(domain.EscalateCase("太难")),
        lambda walk: walk.order(domain.ReturnCase("不是我们的")),
        lambda walk: walk.order(RETURN).order(domain.RuleOnReturn(ev.RULING_TAKEN, by="h-4")),
        lambda walk: walk.order(RETURN).wait(2 * DAY),
        lambda walk: walk.wait(100 * DAY + SHORT).wait(100 * DAY),
        lambda walk: walk.order(domain.ResolveCase("mended")).hear(ReopeningRequested(reason="not_solved")),
    ],
    ids=["resident", "handler", "return", "ruling", "no ruling", "clock", "reopening"],
)
def test_no_later_move_gives_the_case_back_to_who_is_recused(move: object) -> None:
    walk = holding(neighbours="p", village="p").order(RECUSE)
    assert owner(walk) == (SECTION, "h-2")
    assert callable(move)
    move(walk)
    assert owner(walk) == (STREET, "h-4")


def test_a_mediation_that_failed_does_not_give_it_back_either() -> None:
    walk = holding(neighbours="p", street="h-4")
    walk = Walk(replace(walk.rules, capability={})).submit(unit_id=VILLAGE)
    walk.order(RECUSE)
    assert owner(walk) == (STREET, "h-4")
    walk.order(domain.ReferCase(ev.TRACK_MEDIATION)).mediated(END_REASON_TOO_FAR_APART)
    assert owner(walk) == (STREET, "h-4")


def test_nobody_transfers_or_rules_a_case_to_who_is_recused() -> None:
    walk = holding().order(RECUSE)
    moves = (
        domain.TransferCase(NEXT_DOOR, ev.TRANSFER_REASON_OTHER_PLACE, "desk"),
        domain.TransferCase(NEIGHBOURS, ev.TRANSFER_REASON_WORKLOAD, "desk"),
        domain.AskForAssistance(NEXT_DOOR, "", "inspect", "h-2"),
    )
    for move in moves:
        error = refused(walk, move)
        assert isinstance(error, Invalid)
        assert [(each.field, each.reason) for each in error.violations] == [("unit_id", "recused")]
    walk.order(RETURN)
    error = refused(walk, domain.RuleOnReturn(ev.RULING_GOES, NEIGHBOURS, "h-4"))
    assert isinstance(error, Invalid)


def test_a_vacancy_does_not_give_it_back_to_who_is_recused() -> None:
    walk = holding(neighbours="p", village="p").order(RECUSE)
    its = walk.rules
    assert isinstance(its.places, FixedPlaces)
    its.places.posts[SECTION] = Post(f"post:{SECTION}", None)  # type: ignore[index]
    walk.order(domain.ReassignCase(ev.MOVE_REASON_VACANCY))
    assert owner(walk) == (STREET, "h-4")


def test_who_is_recused_rules_on_no_return_of_it() -> None:
    walk = holding(neighbours="p", village="p").order(RECUSE)
    walk.order(domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, OTHER_SECTION, "h-2"))
    assert walk.case.returned is not None
    assert walk.case.returned.superior_unit_id == STREET


def test_nobody_acts_on_a_case_that_they_are_recused_from() -> None:
    case = holding().order(RECUSE).case
    with pytest.raises(Forbidden) as error:
        refuse_recused("h-1", case)
    assert error.value.reason == "recused"
    refuse_recused("h-2", case)


def test_the_handler_a_superior_and_the_desk_recuse_and_the_desk_alone_as_the_resident_wishes() -> None:
    case = holding().case

    def may(who: Principal) -> tuple[bool, bool]:
        wish = replace(RECUSE, residents_wish=True)
        return may_order(who, RECUSE, case, OPENED), may_order(who, wish, case, OPENED)

    def of(role: Role, unit_id: str, subject: str = "somebody") -> Principal:
        return Principal(subject, role, "jili", (unit_id,))

    assert may(of(Role.HANDLER, NEIGHBOURS, "h-1")) == (True, False)
    assert may(of(Role.HANDLER, NEIGHBOURS)) == (False, False)
    assert may(of(Role.HANDLER, SECTION)) == (True, False)
    assert may(of(Role.HANDLER, NEXT_DOOR)) == (False, False)
    assert may(of(Role.DESK, STREET)) == (True, True)


# -- nobody rules on or approves their own move --------------------------------------------------------------


def test_nobody_rules_on_a_return_of_a_case_that_is_theirs_whoever_returned_it() -> None:
    walk = holding().order(replace(RETURN, by="a-colleague"))
    for by in ("a-colleague", "h-1"):
        assert refused(walk, domain.RuleOnReturn(ev.RULING_TAKEN, by=by)).reason == "own_return"


def test_nobody_transfers_their_own_case() -> None:
    transfer = domain.TransferCase(OTHER_SECTION, ev.TRANSFER_REASON_WORKLOAD, "h-1")
    assert refused(holding(), transfer).reason == "own_case"


def test_nobody_judges_the_answer_to_an_order_about_their_own_case() -> None:
    walk = holding().order(domain.OrderSupervision(ev.ORDER_REASON_RISK, "chief", (VILLAGE,)))
    walk.order(domain.AnswerSupervision(1, "visited", "去过了", "a-colleague"))
    for by in ("a-colleague", "h-1"):
        assert refused(walk, domain.JudgeAnswer(order=1, accepted=True, by=by)).reason == "own_answer"


def test_nobody_answers_their_own_asking_for_help() -> None:
    walk = holding().order(domain.AskForAssistance(OTHER_SECTION, "", "inspect", "h-1"))
    answer = domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_ACCEPTED, "", "h-1")
    assert refused(walk, answer).reason == "own_asking"
