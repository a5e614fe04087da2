"""Cases of one matter: joined they have no clock of their own, parted they go on as they stood."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested, WithdrawalRequested
from fengqiao.mediation.v1.events_pb2 import END_REASON_AGREEMENT
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.routing import domain
from services.routing.domain import Lead
from services.routing.domain.case import Citation
from services.routing.rules import JOIN
from tests.unit.routing.ladder import (
    CASE,
    NEIGHBOURS,
    NEXT_DOOR,
    OPENED,
    SECTION,
    STREET,
    Walk,
    rules,
    without,
)
from tests.unit.routing.test_pauses import more, paused, steps

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHER = "5d2b7c1e-0000-4000-8000-000000000002"
LEAD = Lead(OTHER, "JILI-000002", "jili", NEXT_DOOR, domain.ASSIGNED)
DESK = "desk-1"


def join(lead: Lead | None = LEAD, *, leads: int = 0, reason: int = ev.JOIN_REASON_SAME_MATTER) -> object:
    case_id = lead.case_id if lead else OTHER
    return domain.JoinCase(case_id, reason, DESK, "同一水管", lead, leads)


def joined(walk: Walk | None = None) -> Walk:
    return (walk or Walk().submit(due_in=4 * HOUR)).order(join())


def followed(walk: Walk, at: datetime | None = None, **end: object) -> Walk:
    ended = replace(LEAD, **{"status": domain.RESOLVED, "outcome": "mended", **end})  # type: ignore[arg-type]
    return walk.order(domain.FollowLead(ended), at=at)


PART = domain.PartCase(ev.PART_REASON_DIFFERENT_MATTER, DESK)


def refused(walk: Walk, command: object, at: datetime | None = None) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command, at=at)
    assert walk.case == before
    return error.value


def broken(error: CommandError) -> tuple[str, str, str]:
    assert isinstance(error, Invalid)
    [only] = error.violations
    return only.field, only.reason, error.details.get("rule", "")


# -- joining -------------------------------------------------------------------------------------------------


def test_a_merged_case_never_escalates_however_long_it_is_joined() -> None:
    walk = joined()
    before = walk.case
    assert walk.record.next_due_at is None
    walk.wait(400 * DAY)
    assert walk.case == before
    assert (walk.events, domain.deadlines(walk.case)) == (["CaseRouted", "CaseJoined"], ())
    assert not walk.case.overdue(walk.now)


def test_intake_hears_that_cases_were_joined_and_parted() -> None:
    walk = joined().order(PART)
    assert walk.sent(domain.OUTCOMES) == ["CaseJoined", "CaseParted"]


def test_a_joined_case_says_what_leads_it_and_who_joined_them() -> None:
    told = joined().case.joined
    assert told
    assert (told.lead_case_id, told.lead_request_no, told.joined_by) == (OTHER, "JILI-000002", DESK)


@pytest.mark.parametrize(
    "command",
    [
        domain.AcceptCase(),
        domain.ReportProgress("visited"),
        domain.ResolveCase("mended"),
        domain.EscalateCase(),
        domain.ReturnCase("x"),
        domain.TransferCase(SECTION, ev.TRANSFER_REASON_WORKLOAD, DESK),
        domain.OrderSupervision(ev.ORDER_REASON_RISK, DESK),
        domain.ReferCase(ev.TRACK_MEDIATION),
        domain.AskForPause(1),
        domain.AskForExtension(1),
        join(),
    ],
)
def test_no_handler_decides_about_a_joined_case(command: object) -> None:
    error = refused(joined(), command)
    assert isinstance(error, IllegalTransition)
    assert (error.details["state"], error.details["allowed"]) == ("joined", "PartCase")


def test_a_return_an_order_a_pause_and_what_was_asked_for_end_with_joining() -> None:
    not_mine = domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, "", "h-1")
    returned = joined(Walk().submit().order(not_mine)).case
    assert returned.returned is None
    ordered = joined(Walk().submit().order(domain.OrderSupervision(ev.ORDER_REASON_RISK, DESK)))
    assert (ordered.case.order, ordered.record.next_due_at) == (None, None)
    waiting = joined(paused(Walk().submit()))
    assert waiting.events[-2:] == ["ClocksResumed", "CaseJoined"]
    assert (waiting.case.pause, waiting.record.next_due_at) == (None, None)
    assert joined(Walk().submit().order(more(1))).case.asked is None


@pytest.mark.parametrize(
    ("lead", "why"),
    [
        (replace(LEAD, case_id=CASE), "same_case"),
        (None, "unknown_case"),
        (replace(LEAD, site_id="lishi"), "other_site"),
        (replace(LEAD, status=domain.RESOLVED), "ended"),
        (replace(LEAD, status=domain.WITHDRAWN), "ended"),
        (replace(LEAD, status=domain.REFERRED), "on_another_track"),
        (replace(LEAD, status=domain.JOINED), "joined_itself"),
        (replace(LEAD, followers=500), "leads_too_many"),
    ],
)
def test_what_can_not_lead_a_case_is_refused_by_field_and_rule(lead: Lead | None, why: str) -> None:
    assert broken(refused(Walk().submit(), join(lead))) == ("lead_case_id", why, "routing.join@1")


def test_a_case_that_leads_others_joins_none_so_that_no_circle_closes() -> None:
    assert broken(refused(Walk().submit(), join(leads=1))) == ("case_id", "leads_others", "routing.join@1")
    assert broken(refused(Walk().submit(), join(reason=0))) == ("reason", "required", "routing.join@1")


def test_a_case_on_another_track_or_at_its_end_joins_none() -> None:
    for walk in (Walk().submit(kind="dispute.kin"), Walk().submit().order(domain.ResolveCase("mended"))):
        assert isinstance(refused(walk, join()), IllegalTransition)


# -- what the resident can do all the same -------------------------------------------------------------------


def test_the_resident_of_a_joined_case_withdraws_at_any_time() -> None:
    walk = joined().hear(WithdrawalRequested(reason="mistake"))
    assert (walk.case.status, walk.case.joined) == (domain.WITHDRAWN, None)


def test_the_resident_of_a_joined_case_goes_up_and_it_is_parted_first() -> None:
    walk = joined().wait(2 * DAY).hear(EscalationRequested(reason="too_slow"))
    assert walk.events[-2:] == ["CaseParted", "CaseEscalated"]
    assert (walk.case.unit_id, walk.case.status, walk.case.joined) == (SECTION, domain.ASSIGNED, None)
    assert walk.record.next_due_at == walk.case.plan[1].due_at == OPENED + 2 * DAY + 2 * HOUR


def test_at_the_top_the_wish_to_go_up_parts_it_and_an_order_stands() -> None:
    walk = joined(Walk().submit(unit_id=STREET)).hear(EscalationRequested(reason="too_slow"))
    assert walk.events[-2:] == ["CaseParted", "SupervisionOrdered"]
    assert walk.case.order


def test_a_wish_to_reopen_a_joined_case_is_declined_as_it_is_not_settled() -> None:
    walk = joined()
    before = walk.case
    walk.hear(ReopeningRequested(reason="not_solved")).mediated(END_REASON_AGREEMENT)
    assert (walk.events[-1], walk.case) == ("WishDeclined", before)


# -- parting -------------------------------------------------------------------------------------------------


def test_parting_restores_the_case_and_the_time_joined_counts_as_a_pause() -> None:
    walk = Walk().submit(due_in=4 * HOUR).order(domain.AcceptCase()).wait(HOUR / 2)
    before, since = walk.case, walk.now
    joined(walk).wait(3 * DAY).order(PART)
    case = walk.case
    assert (case.status, case.unit_id, case.running) == (domain.IN_PROGRESS, NEIGHBOURS, 1)
    assert case.due_at == before.due_at + 3 * DAY
    assert [c.due_at for c in case.plan] == [c.due_at + 3 * DAY for c in before.plan]
    assert steps(case, "joined") == [[("joined", since.isoformat(), 259_200)]] * 4
    walk.wait(HOUR / 2 + timedelta(seconds=1))
    assert walk.case.unit_id == SECTION


def test_parted_it_is_with_whoever_answers_there_by_then() -> None:
    walk = joined(Walk().submit(due_in=4 * HOUR))
    vacant = Walk(without(walk, NEIGHBOURS))
    vacant.record, vacant.now = walk.record, walk.now
    vacant.order(PART, key="parting")
    assert vacant.events[-2:] == ["CaseParted", "CaseReassigned"]
    assert (vacant.case.unit_id, vacant.case.running) == (SECTION, 1)


def test_parted_without_a_clock_left_it_is_not_left_in_silence() -> None:
    walk = Walk().submit(unit_id=STREET, due_in=HOUR).wait(2 * HOUR)
    assert walk.case.running == 0
    joined(walk).wait(DAY).order(PART)
    assert walk.events[-2:] == ["CaseParted", "SupervisionOrdered"]
    assert walk.case.order
    assert walk.case.order.clock
    assert walk.record.next_due_at == walk.case.order.clock.due_at


def test_what_was_over_before_is_no_less_overdue_after_parting() -> None:
    walk = Walk().submit(unit_id=STREET, due_in=HOUR).wait(2 * HOUR)
    before = walk.case.due_at
    assert joined(walk).wait(DAY).order(PART).case.due_at == before


def test_nothing_is_parted_before_it_was_joined_or_without_being_joined() -> None:
    walk = joined(Walk().submit().wait(HOUR))
    early = refused(walk, PART, at=walk.now - HOUR / 2)
    assert broken(early)[:2] == ("meta.occurred_at", "before_they_were_joined")
    assert isinstance(refused(Walk().submit(), PART), IllegalTransition)


# -- what leads the matter has ended -------------------------------------------------------------------------


def test_what_settles_the_lead_settles_each_joined_case_with_the_same_outcome() -> None:
    walk = joined().wait(2 * DAY)
    followed(walk, clauses=(Citation("jili/c01", 2, "12"),))
    case = walk.case
    assert (case.status, case.outcome, case.joined) == (domain.RESOLVED, "mended", None)
    assert case.clauses == (Citation("jili/c01", 2, "12"),)
    assert walk.sent(domain.OUTCOMES) == ["CaseJoined", "CaseResolved"]


def test_settled_with_the_lead_it_is_in_time_if_it_was_when_it_was_joined() -> None:
    walk = followed(joined().wait(2 * DAY))
    assert walk.case.resolved_at
    assert walk.case.due_at == OPENED + 4 * HOUR + 2 * DAY
    assert not walk.case.overdue(walk.now)
    assert steps(walk.case, "joined")[-1] == [("joined", OPENED.isoformat(), 172_800)]


@pytest.mark.parametrize("status", [domain.WITHDRAWN, domain.JOINED])
def test_after_any_other_end_of_the_lead_it_goes_on_by_itself(status: str) -> None:
    walk = followed(joined().wait(2 * DAY), status=status)
    assert (walk.events[-1], walk.case.status) == ("CaseParted", domain.ASSIGNED)
    assert walk.record.next_due_at == OPENED + HOUR + 2 * DAY


def test_the_end_of_another_case_changes_nothing() -> None:
    walk = joined()
    before = walk.case
    assert followed(walk, case_id="5d2b7c1e-0000-4000-8000-000000000003").case == before


def test_the_end_of_the_lead_is_followed_once() -> None:
    walk = followed(joined())
    assert isinstance(refused(walk, domain.FollowLead(LEAD)), IllegalTransition)


def test_who_was_joined_with_a_petition_may_still_say_that_it_is_not_settled() -> None:
    walk = followed(joined(), outcome="petition_explained").hear(ReopeningRequested(reason="not_solved"))
    assert (walk.case.status, walk.case.unit_id) == (domain.ASSIGNED, SECTION)


def test_a_site_says_how_many_cases_one_may_lead() -> None:
    fewer = replace(rules(), moves={**rules().moves, JOIN: replace(rules().moves[JOIN], version=2, limit=3)})
    error = refused(Walk(fewer).submit(), join(replace(LEAD, followers=3)))
    assert broken(error) == ("lead_case_id", "leads_too_many", "routing.join@2")
