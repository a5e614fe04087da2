"""Whose case it is: returned and ruled on, or transferred. The resident's clock runs on all the while."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid
from services.routing import domain
from services.routing.rules import RETURN
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

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEADER, CHIEF = "h-1", "h-2"


def not_mine(to: str = "", by: str = LEADER, reason: int = ev.RETURN_REASON_OTHER_PLACE) -> domain.ReturnCase:
    return domain.ReturnCase("不是我们的", reason, to, by)


def goes(to: str, by: str = CHIEF) -> domain.RuleOnReturn:
    return domain.RuleOnReturn(ev.RULING_GOES, to, by)


def moves(to: str, reason: int = ev.TRANSFER_REASON_OTHER_PLACE) -> domain.TransferCase:
    return domain.TransferCase(to, reason, "desk-1", "街道办决定")


STAYS = domain.RuleOnReturn(ev.RULING_STAYS, by=CHIEF)
TAKEN = domain.RuleOnReturn(ev.RULING_TAKEN, by=CHIEF)


def refused(walk: Walk, command: object, at: datetime | None = None) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command, at=at)
    assert walk.case == before
    return error.value


def wrong(error: CommandError) -> list[tuple[str, str]]:
    assert isinstance(error, Invalid)
    return [(each.field, each.reason) for each in error.violations]


# -- returns -----------------------------------------------------------------------------------------------


def test_a_returned_case_stays_with_its_unit_until_it_is_ruled_on_and_no_clock_stops() -> None:
    walk = Walk().submit(due_in=4 * DAY)
    before = walk.case
    walk.order(not_mine(NEXT_DOOR))
    assert walk.events[-1] == "CaseReturned"
    assert (walk.case.unit_id, walk.case.steps) == (NEIGHBOURS, ())
    assert (walk.case.due_at, walk.case.plan, walk.case.running) == (before.due_at, before.plan, 1)
    assert walk.case.returned is not None
    assert walk.case.returned.superior_unit_id == SECTION


@pytest.mark.parametrize(
    ("proposed", "superior"),
    [
        ("", SECTION),
        (NEXT_DOOR, SECTION),
        (OTHER_SECTION, VILLAGE),
        (OTHER_VILLAGE, STREET),
        (VILLAGE, VILLAGE),
    ],
)
def test_the_lowest_unit_above_both_rules(proposed: str, superior: str) -> None:
    pending = Walk().submit().order(not_mine(proposed)).case.returned
    assert pending is not None
    assert pending.superior_unit_id == superior


def test_with_a_vacant_superior_the_next_one_up_rules() -> None:
    pending = Walk(rules(vacant=frozenset({SECTION}))).submit().order(not_mine()).case.returned
    assert pending is not None
    assert pending.superior_unit_id == VILLAGE


def test_a_case_is_returned_within_a_working_day_of_its_assignment_and_not_later() -> None:
    walk = Walk().submit(due_in=20 * DAY).wait(DAY)
    walk.order(not_mine())
    late = Walk().submit(due_in=20 * DAY).wait(DAY + timedelta(seconds=1))
    error = refused(late, not_mine())
    assert (error.reason, error.details["rule"]) == ("too_late", "routing.return@1")


def test_the_working_day_is_that_of_the_unit_that_has_it_now() -> None:
    walk = Walk().submit(due_in=20 * DAY).wait(2 * DAY).hear(EscalationRequested(reason="too_slow"))
    assert walk.wait(DAY).order(not_mine(by="h-2")).case.returned


def test_a_site_may_give_another_time_to_return_a_case() -> None:
    two_hours = replace(rules().moves[RETURN], version=2, term=Term(7200, TermUnit.SECONDS))
    walk = Walk(replace(rules(), moves={**rules().moves, RETURN: two_hours})).submit().wait(3 * HOUR)
    assert refused(walk, not_mine()).details["rule"] == "routing.return@2"


@pytest.mark.parametrize(
    ("proposed", "reason"),
    [(NEIGHBOURS, "same_unit"), ("jili/c77", "unknown_unit"), (NEXT_DOOR, "not_staffed")],
)
def test_what_is_proposed_must_be_another_unit_that_is_staffed(proposed: str, reason: str) -> None:
    walk = Walk(rules(vacant=frozenset({NEXT_DOOR}))).submit()
    assert wrong(refused(walk, not_mine(proposed))) == [("proposed_unit_id", reason)]


def test_the_top_has_nobody_above_to_rule() -> None:
    assert refused(Walk().submit(unit_id=STREET), not_mine()).reason == "top_of_ladder"


def test_one_return_at_a_time() -> None:
    walk = Walk().submit().order(not_mine())
    assert refused(walk, not_mine()).reason == "ruling_awaited"
    assert refused(walk, domain.ReturnCase("不是我们的")).reason == "ruling_awaited"


def test_who_takes_the_case_on_takes_the_return_back() -> None:
    walk = Walk().submit().order(not_mine()).order(domain.AcceptCase())
    assert (walk.case.status, walk.case.returned) == (domain.IN_PROGRESS, None)
    assert refused(walk, STAYS).reason == "nothing_returned"


def test_a_case_that_climbs_meanwhile_waits_for_no_ruling_any_more() -> None:
    walk = Walk().submit(due_in=4 * HOUR).order(not_mine()).wait(HOUR + timedelta(seconds=1))
    assert (walk.case.unit_id, walk.case.returned) == (SECTION, None)


def test_a_settled_case_waits_for_no_ruling_any_more() -> None:
    walk = Walk().submit().order(not_mine()).order(domain.ResolveCase("mended"))
    assert walk.case.returned is None
    assert walk.record.next_due_at is None


def test_a_return_without_a_reason_goes_one_tier_up_as_before() -> None:
    walk = Walk().submit().order(domain.ReturnCase("不是我们的"))
    assert (walk.case.unit_id, walk.case.steps[-1].reason) == (SECTION, ev.MOVE_REASON_RETURNED)


def test_who_proposes_a_unit_says_why() -> None:
    assert wrong(refused(Walk().submit(), not_mine(NEXT_DOOR, reason=0))) == [("reason", "required")]


# -- rulings -----------------------------------------------------------------------------------------------


def test_by_the_ruling_it_goes_to_the_other_unit_with_its_history() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(HOUR).order(not_mine(NEXT_DOOR)).order(goes(NEXT_DOOR))
    assert walk.events[-2:] == ["ReturnRuled", "CaseReassigned"]
    assert (walk.case.unit_id, walk.case.holder_ref) == (NEXT_DOOR, "h-1")
    step = walk.case.steps[-1]
    assert (step.from_unit_id, step.to_unit_id, step.reason) == (NEIGHBOURS, NEXT_DOOR, ev.MOVE_REASON_RULING)
    assert walk.case.due_at == OPENED + 4 * DAY
    assert walk.record.next_due_at == OPENED + DAY


def test_by_the_ruling_it_stays_and_is_not_returned_again() -> None:
    walk = Walk().submit().order(not_mine()).order(STAYS)
    assert (walk.case.unit_id, walk.case.steps, walk.case.returned) == (NEIGHBOURS, (), None)
    error = refused(walk, not_mine())
    assert (error.reason, error.details["rule"]) == ("ruled_already", "routing.ruling@1")


def test_by_the_ruling_the_superior_takes_it() -> None:
    walk = Walk().submit().order(not_mine()).order(TAKEN)
    assert (walk.case.unit_id, walk.case.tier, walk.case.running) == (SECTION, 2, 2)


def test_nobody_rules_on_their_own_return() -> None:
    walk = Walk().submit().order(not_mine(by=CHIEF))
    error = refused(walk, STAYS)
    assert isinstance(error, Forbidden)
    assert error.reason == "own_return"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (goes(""), "unknown_unit"),
        (goes("jili/c77"), "unknown_unit"),
        (goes(NEIGHBOURS), "same_unit"),
        (goes(OTHER_VILLAGE), "not_below_the_superior"),
        (goes(NEXT_DOOR), "not_staffed"),
        (domain.RuleOnReturn(ev.RULING_STAYS, NEXT_DOOR, CHIEF), "only_where_it_goes"),
    ],
)
def test_a_ruling_that_cannot_be_is_refused_by_its_field(command: object, reason: str) -> None:
    walk = Walk(rules(vacant=frozenset({NEXT_DOOR}))).submit().order(not_mine())
    assert wrong(refused(walk, command)) == [("unit_id", reason)]


def test_a_ruling_is_not_older_than_the_return() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(HOUR).order(not_mine())
    assert wrong(refused(walk, STAYS, at=OPENED)) == [("meta.occurred_at", "before_the_return")]


def test_two_units_do_not_return_a_case_to_each_other_a_third_time() -> None:
    walk = Walk().submit().order(not_mine(NEXT_DOOR)).order(goes(NEXT_DOOR))
    walk.order(not_mine(NEIGHBOURS, by="h-n2")).order(goes(NEIGHBOURS))
    assert walk.case.unit_id == NEIGHBOURS
    for proposed in (NEXT_DOOR, ""):
        error = refused(walk, not_mine(proposed))
        assert (error.reason, error.details["rule"]) == ("ruled_already", "routing.ruling@1")


def test_a_return_that_nobody_rules_on_goes_up_to_the_superior_by_itself() -> None:
    walk = Walk().submit(due_in=20 * DAY).order(not_mine(OTHER_SECTION)).wait(DAY + timedelta(seconds=1))
    assert (walk.case.unit_id, walk.case.steps[-1].at) == (VILLAGE, OPENED + DAY)
    escalated = ev.CaseEscalated.FromString(walk.record.outbox[-1].data)
    assert (escalated.clock, escalated.epoch, escalated.reason) == ("ruling", 1, ev.MOVE_REASON_RETURNED)
    assert (walk.case.running, walk.case.returned) == (3, None)


def test_the_clock_of_a_ruling_says_how_it_was_reckoned() -> None:
    pending = Walk().submit().order(not_mine()).case.returned
    assert pending is not None
    assert (pending.clock.rule, pending.clock.due_at) == ("routing.ruling@1", OPENED + DAY)
    assert [code for code, _, _ in pending.clock.explanation] == ["start", "working_day"]


# -- transfers ---------------------------------------------------------------------------------------------


def test_a_transfer_keeps_history_and_due_time_and_says_who_and_why() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(domain.AcceptCase()).wait(HOUR).order(moves(OTHER_VILLAGE))
    assert (walk.case.unit_id, walk.case.status) == (OTHER_VILLAGE, domain.ASSIGNED)
    assert (walk.case.steps[0].from_unit_id, walk.case.steps[0].reason) == (
        NEIGHBOURS,
        ev.MOVE_REASON_TRANSFER,
    )
    assert walk.case.due_at == OPENED + 4 * DAY
    moved = ev.CaseReassigned.FromString(walk.record.outbox[-1].data)
    assert (moved.transfer_reason, moved.decided_by) == (ev.TRANSFER_REASON_OTHER_PLACE, "desk-1")
    assert "街道办决定".encode() not in walk.record.outbox[-1].data


def test_after_a_transfer_the_clock_of_the_new_units_tier_runs_as_planned() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(moves(OTHER_VILLAGE))
    assert (walk.case.running, walk.record.next_due_at) == (3, OPENED + 3 * DAY)


def test_a_transfer_back_down_does_not_start_a_clock_anew_that_is_over() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY + HOUR)
    assert walk.case.unit_id == SECTION
    walk.order(moves(NEXT_DOOR))
    assert (walk.case.unit_id, walk.case.running, walk.record.next_due_at) == (NEXT_DOOR, 2, OPENED + 2 * DAY)
    walk.wait(DAY)
    assert (walk.case.unit_id, walk.case.running) == (SECTION, 3)


def test_when_the_matters_time_is_over_below_the_top_a_supervision_order_stands_there() -> None:
    walk = Walk(replay=True).submit(due_in=4 * DAY).wait(3 * DAY + HOUR).order(moves(NEXT_DOOR))
    assert (walk.case.unit_id, walk.case.running) == (NEXT_DOOR, 4)
    walk.wait(DAY)
    assert (walk.case.unit_id, walk.case.running, walk.case.supervised_at) == (SECTION, 0, OPENED + 4 * DAY)
    assert walk.events[-2:] == ["CaseEscalated", "SupervisionOrdered"]


@pytest.mark.parametrize(
    ("to", "reason"), [(NEIGHBOURS, "same_unit"), ("jili/c77", "unknown_unit"), (NEXT_DOOR, "not_staffed")]
)
def test_a_case_is_transferred_to_another_unit_that_stands_and_is_staffed(to: str, reason: str) -> None:
    walk = Walk(rules(vacant=frozenset({NEXT_DOOR}))).submit()
    assert wrong(refused(walk, moves(to))) == [("unit_id", reason)]


def test_a_settled_case_is_not_transferred() -> None:
    walk = Walk().submit().order(domain.ResolveCase("mended"))
    assert isinstance(refused(walk, moves(NEXT_DOOR)), IllegalTransition)


def test_while_a_ruling_is_awaited_a_case_is_not_transferred() -> None:
    assert refused(Walk().submit().order(not_mine()), moves(NEXT_DOOR)).reason == "ruling_awaited"


def test_who_has_a_case_again_can_enter_nothing_late_from_before_but_a_settlement() -> None:
    walk = Walk().submit(due_in=8 * DAY).wait(HOUR).order(moves(NEXT_DOOR))
    walk.wait(HOUR).order(moves(NEIGHBOURS))
    assert refused(walk, domain.EscalateCase("太难"), at=OPENED + timedelta(minutes=1)).reason == "moved_on"
    assert walk.order(domain.ResolveCase("mended"), at=OPENED + timedelta(minutes=1)).case.resolved_at
