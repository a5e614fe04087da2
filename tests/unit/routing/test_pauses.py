"""Pauses and extensions of a case's clocks: only by rule, and each to be seen in how a due time was found."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested, WithdrawalRequested
from fengqiao.routing.v1 import clock_events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import (
    MOVE_REASON_VACANCY,
    ORDER_REASON_RISK,
    RETURN_REASON_OTHER_PLACE,
    TRACK_MEDIATION,
    TRANSFER_REASON_OTHER_PLACE,
)
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid
from services.chassis.terms import Rule
from services.routing import domain
from services.routing.domain.case import Case
from services.routing.domain.clocks import clock_of
from services.routing.domain.pauses import rule_of
from services.routing.rules import EXTENSION, SUPERIOR, Rules
from tests.unit.routing.ladder import NEIGHBOURS, NEXT_DOOR, SECTION, STREET, VILLAGE, Walk, rules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEADER, OTHER, CHIEF = "h-1", "h-1b", "h-2"
RESIDENT, APPRAISAL, COURT = (
    ev.PAUSE_KIND_WAITING_FOR_RESIDENT,
    ev.PAUSE_KIND_EXPERT_APPRAISAL,
    ev.PAUSE_KIND_COURT,
)


def pause(kind: int = APPRAISAL, length: int = 1) -> domain.AskForPause:
    return domain.AskForPause(kind, length, LEADER, "等鉴定")


def more(length: int) -> domain.AskForExtension:
    return domain.AskForExtension(length, LEADER, "要等材料")


def grant(ask: int = 1, by: str = CHIEF, *units: str) -> domain.GrantTime:
    return domain.GrantTime(ask, by, units or (SECTION,))


def paused(walk: Walk, kind: int = APPRAISAL, length: int = 1) -> Walk:
    walk.order(pause(kind, length))
    assert walk.case.asked
    return walk.order(grant(walk.case.asked.number))


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


def by_rule(**rule: object) -> Rules:
    """The rules with one of them otherwise."""
    known = rules().moves[str(rule["id"])]
    return replace(rules(), moves={**rules().moves, known.id: replace(known, **rule)})  # type: ignore[arg-type]


def steps(case: Case, code: str) -> list[list[tuple[str, str, int]]]:
    return [[step for step in clock.explanation if step[0] == code] for clock in case.plan]


# -- pauses --------------------------------------------------------------------------------------------------


def test_asking_stops_no_clock_and_granting_does() -> None:
    walk = Walk().submit(due_in=4 * DAY)
    before = walk.case
    walk.order(pause())
    assert (walk.case.plan, walk.case.due_at) == (before.plan, before.due_at)
    assert walk.record.next_due_at == before.plan[0].due_at
    walk.wait(HOUR).order(grant())
    assert walk.case.pause
    assert walk.record.next_due_at == walk.case.pause.clock.due_at == walk.now + DAY
    assert walk.events[-2:] == ["PauseAsked", "ClocksPaused"]


def test_while_it_is_paused_no_clock_of_a_tier_runs_out() -> None:
    walk = paused(Walk().submit(due_in=4 * HOUR)).wait(DAY)
    assert (walk.case.unit_id, walk.case.pause is not None) == (NEIGHBOURS, True)
    assert not walk.case.overdue(walk.now)


def test_a_pause_ends_by_itself_and_the_clocks_go_on_where_they_stood() -> None:
    walk = Walk().submit(due_in=4 * HOUR).wait(HOUR / 2)
    before = walk.case
    paused(walk).wait(DAY + timedelta(seconds=1))
    assert walk.events[-1] == "ClocksResumed"
    assert walk.case.pause is None
    assert walk.case.due_at == before.due_at + DAY
    assert [c.due_at for c in walk.case.plan] == [c.due_at + DAY for c in before.plan]
    walk.wait(HOUR / 2)
    assert (walk.case.unit_id, walk.events[-1]) == (SECTION, "CaseEscalated")


def test_a_pause_that_ends_early_counts_only_as_long_as_it_lasted() -> None:
    walk = Walk().submit(due_in=4 * HOUR)
    before = walk.case
    paused(walk, length=5).wait(2 * HOUR).order(domain.ResumeCase(LEADER))
    assert walk.case.due_at == before.due_at + 2 * HOUR
    assert [c.due_at for c in walk.case.plan] == [c.due_at + 2 * HOUR for c in before.plan]
    assert [c.started_at for c in walk.case.plan] == [
        before.plan[0].started_at + (before.plan[0].started_at >= walk.now - 2 * HOUR) * 2 * HOUR,
        *(c.started_at + 2 * HOUR for c in before.plan[1:]),
    ]


def test_each_pause_is_a_step_of_the_explanation_since_when_and_how_long() -> None:
    walk = Walk().submit(due_in=8 * HOUR).wait(HOUR)
    first = walk.now
    paused(walk, RESIDENT, 1).wait(2 * HOUR).order(domain.ResumeCase(LEADER)).wait(HOUR / 4)
    second = walk.now
    paused(walk, APPRAISAL, 1).wait(3 * DAY)
    assert steps(walk.case, "paused")[-1] == [
        ("paused", first.isoformat(), 7200),
        ("paused", second.isoformat(), 86_400),
    ]


def test_a_clock_that_is_over_does_not_move_with_a_pause() -> None:
    walk = Walk().submit(due_in=8 * HOUR).wait(2 * HOUR + timedelta(seconds=1))
    assert walk.case.unit_id == SECTION
    over = walk.case.plan[0]
    walk.order(domain.AskForPause(APPRAISAL, 1, "h-2")).order(grant(1, "h-3", VILLAGE))
    assert walk.case.plan[0] == over
    assert walk.case.plan[1].due_at > over.due_at + DAY


def test_the_due_time_says_the_whole_pause_while_it_lasts() -> None:
    walk = Walk().submit(due_in=4 * HOUR)
    before = walk.case.due_at
    assert paused(walk).case.due_at == before + DAY


def test_a_pause_without_kind_is_refused() -> None:
    assert broken(refused(Walk().submit(), pause(kind=0))) == ("kind", "required", "")


def test_a_pause_longer_than_its_rule_allows_is_refused_naming_field_and_rule() -> None:
    error = refused(Walk().submit(), pause(COURT, 61))
    assert broken(error) == ("length", "cap_exceeded", "routing.pause.court@1")


def test_without_a_length_it_is_as_long_as_the_rule_allows() -> None:
    walk = Walk().submit().order(pause(COURT, 0))
    assert walk.case.asked
    assert walk.case.asked.length == 60


def test_a_kind_of_pause_comes_only_as_often_as_its_rule_allows() -> None:
    walk = paused(Walk().submit()).order(domain.ResumeCase(LEADER))
    error = refused(walk, pause())
    assert (error.reason, error.details["rule"]) == (
        "as_often_as_allowed",
        "routing.pause.expert_appraisal@1",
    )
    assert paused(walk, RESIDENT).case.pause


def test_what_a_site_says_of_a_pause_counts() -> None:
    site = by_rule(id=rule_of(COURT), version=3, term=Term(2, TermUnit.CALENDAR_DAYS, keeps_time=True))
    assert broken(refused(Walk(site).submit(), pause(COURT, 3)))[2] == "routing.pause.court@3"


# -- who approves --------------------------------------------------------------------------------------------


def test_nobody_approves_their_own_move() -> None:
    walk = Walk().submit().order(pause())
    error = refused(walk, grant(1, LEADER))
    assert isinstance(error, Forbidden)
    assert (error.reason, error.details["rule"]) == ("own_ask", "routing.pause.expert_appraisal@1")
    assert refused(walk, domain.RefuseTime(1, LEADER, ())).reason == "own_ask"


def test_who_is_not_the_rules_approver_is_refused_by_its_name() -> None:
    walk = Walk().submit().order(pause())
    for units in ((NEIGHBOURS,), (NEXT_DOOR,), ("jili/c02",)):
        error = refused(walk, grant(1, OTHER, *units))
        assert (error.reason, error.details["rule"]) == (
            "not_the_approver",
            "routing.pause.expert_appraisal@1",
        )


@pytest.mark.parametrize("units", [(SECTION,), (VILLAGE,), (STREET,), ()])
def test_the_superior_whoever_is_above_and_the_desk_approve(units: tuple[str, ...]) -> None:
    walk = Walk().submit().order(pause()).order(domain.GrantTime(1, "somebody", units))
    assert walk.case.pause


def test_somebody_else_of_the_unit_approves_where_the_rule_says_so() -> None:
    walk = Walk().submit().order(pause(RESIDENT))
    assert refused(walk, grant(1, LEADER, NEIGHBOURS)).reason == "own_ask"
    assert walk.order(grant(1, OTHER, NEIGHBOURS)).case.pause


def test_at_the_top_the_desk_approves_and_no_unit() -> None:
    walk = Walk().submit(unit_id=STREET).order(pause())
    assert walk.case.asked
    assert walk.case.asked.approver_unit_id == ""
    assert refused(walk, grant(1, "h-4b", STREET)).reason == "not_the_approver"
    assert walk.order(domain.GrantTime(1, "desk-1")).case.pause


def test_with_a_vacant_superior_the_next_one_up_approves() -> None:
    walk = Walk(rules(vacant=frozenset({SECTION}))).submit().order(pause())
    assert walk.case.asked
    assert walk.case.asked.approver_unit_id == VILLAGE


def test_what_is_refused_changes_nothing_and_may_be_asked_for_again() -> None:
    walk = Walk().submit()
    before = walk.case
    walk.order(pause()).order(domain.RefuseTime(1, CHIEF, (SECTION,)))
    assert replace(walk.case, asks=0) == before
    assert walk.events[-1] == "TimeRefused"
    assert walk.order(pause()).case.asked


def test_one_thing_is_asked_for_at_a_time_and_only_that_is_decided_on() -> None:
    walk = Walk().submit().order(pause())
    assert refused(walk, more(1)).reason == "asked_already"
    assert broken(refused(walk, grant(2)))[:2] == ("ask", "not_what_is_asked_for")
    early = refused(walk, grant(1), at=walk.now - HOUR)
    assert broken(early)[:2] == ("meta.occurred_at", "before_it_was_asked")
    walk.order(grant())
    assert refused(walk, grant()).reason == "nothing_asked"
    assert refused(walk, pause()).reason == "paused_already"
    assert refused(walk, more(1)).reason == "paused_already"


def test_what_nobody_decides_lapses_when_the_case_moves() -> None:
    walk = Walk().submit(due_in=4 * HOUR).order(pause()).wait(HOUR + timedelta(seconds=1))
    assert (walk.case.unit_id, walk.case.asked) == (SECTION, None)
    assert refused(walk, grant()).reason == "nothing_asked"


def test_accepting_and_reports_do_not_take_back_what_was_asked_for() -> None:
    walk = Walk().submit().order(pause())
    before = walk.case.asked
    walk.order(domain.ReportProgress("visited")).order(domain.AcceptCase())
    assert walk.case.asked == before


def test_where_no_clock_runs_nothing_is_asked_for() -> None:
    walk = Walk().submit(unit_id=STREET, due_in=HOUR).wait(2 * HOUR)
    assert refused(walk, pause()).reason == "no_clock"
    assert refused(walk, more(1)).reason == "no_clock"


# -- what else happens meanwhile -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        domain.AcceptCase(),
        domain.ReportProgress("visited"),
        domain.OrderSupervision(ORDER_REASON_RISK, "desk-1"),
    ],
)
def test_accepting_reports_and_orders_end_no_pause(command: object) -> None:
    walk = paused(Walk().submit())
    before = walk.case
    walk.order(command)
    assert (walk.case.pause, walk.case.plan, walk.case.due_at) == (before.pause, before.plan, before.due_at)


def test_an_order_runs_on_while_the_case_is_paused() -> None:
    walk = paused(Walk().submit(), COURT, 60).order(domain.OrderSupervision(ORDER_REASON_RISK, "desk-1"))
    walk.wait(7 * DAY)
    assert walk.events[-1] == "SupervisionRepeated"
    assert walk.case.pause


@pytest.mark.parametrize(
    "command",
    [
        domain.EscalateCase(),
        domain.ReturnCase("不是我们的", RETURN_REASON_OTHER_PLACE, "", LEADER),
        domain.ReturnCase("不是我们的"),
        domain.TransferCase(NEXT_DOOR, TRANSFER_REASON_OTHER_PLACE, "desk-1"),
        domain.ResolveCase("mended"),
    ],
)
def test_whatever_moves_or_ends_the_case_makes_the_clocks_run_again_first(command: object) -> None:
    walk = Walk().submit(due_in=20 * DAY)
    before = walk.case.due_at
    paused(walk, COURT, 60).wait(2 * HOUR).order(command)
    assert "ClocksResumed" in walk.events[-2:]
    assert walk.events[-1] != "ClocksResumed"
    assert (walk.case.pause, walk.case.due_at) == (None, before + 2 * HOUR)


def test_the_resident_still_goes_up_and_withdraws_while_it_is_paused() -> None:
    up = paused(Walk().submit()).hear(EscalationRequested(reason="too_slow"))
    assert (up.case.unit_id, up.case.pause) == (SECTION, None)
    assert paused(Walk().submit()).hear(WithdrawalRequested(reason="mistake")).case.status == domain.WITHDRAWN


def test_at_the_top_a_pause_ends_with_a_referral() -> None:
    walk = Walk().submit(unit_id=STREET).order(pause()).order(domain.GrantTime(1, "desk-1"))
    walk.order(domain.ReferCase(TRACK_MEDIATION))
    assert (walk.case.status, walk.case.pause, walk.record.next_due_at) == (domain.REFERRED, None, None)


def test_a_vacancy_does_not_end_a_pause() -> None:
    walk = paused(Walk().submit())
    walk.order(domain.ReassignCase(MOVE_REASON_VACANCY))
    assert walk.case.pause


def test_settled_while_it_is_paused_it_is_in_time_if_it_was_before() -> None:
    walk = paused(Walk().submit(due_in=4 * HOUR)).wait(6 * HOUR).order(domain.ResolveCase("mended"))
    assert walk.case.resolved_at
    assert walk.case.resolved_at <= walk.case.due_at
    assert not walk.case.overdue(walk.now)


def test_what_is_entered_late_from_before_the_pause_ends_it_without_a_second() -> None:
    walk = Walk().submit(due_in=4 * HOUR).wait(HOUR / 2)
    before = walk.case
    paused(walk).wait(HOUR).order(domain.ResolveCase("mended"), at=before.submitted_at + HOUR / 4)
    assert walk.case.due_at == before.due_at
    assert refused(walk, domain.ResumeCase(LEADER)).reason == "illegal_transition"


def test_an_overdue_case_is_not_less_overdue_by_a_pause() -> None:
    outage = Walk().submit(due_in=4 * HOUR).wait(12 * HOUR)
    case = outage.case
    assert clock_of(case.plan, case.tier, outage.now) == case.running
    assert case.due_at < outage.now
    outage.order(domain.AskForPause(APPRAISAL, 1, "h-2")).order(domain.GrantTime(1, "desk-1"))
    assert outage.case.due_at == case.due_at
    outage.order(domain.ResumeCase("h-2"))
    assert outage.case.due_at == case.due_at
    assert refused(outage, domain.AskForExtension(1, "h-2")).reason == "overdue"


def test_without_a_pause_there_is_none_to_end() -> None:
    assert refused(Walk().submit(), domain.ResumeCase(LEADER)).reason == "not_paused"
    walk = paused(Walk().submit().wait(HOUR))
    error = refused(walk, domain.ResumeCase(LEADER), at=walk.now - HOUR / 2)
    assert broken(error)[:2] == ("meta.occurred_at", "before_the_pause")


# -- extensions ----------------------------------------------------------------------------------------------


def test_an_extension_moves_the_clocks_that_are_not_over_and_the_due_time() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(HOUR)
    before = walk.case
    walk.order(more(2))
    assert (walk.case.plan, walk.case.due_at) == (before.plan, before.due_at)
    walk.order(grant())
    # Friday noon and two working days: Tuesday.
    by = walk.case.due_at - before.due_at
    assert by == 4 * DAY
    assert [c.due_at for c in walk.case.plan] == [c.due_at + by for c in before.plan]
    said = ("extended", walk.now.isoformat(), by // timedelta(seconds=1))
    assert steps(walk.case, "extended") == [[said]] * 4
    assert walk.record.next_due_at == walk.case.plan[0].due_at


def sixty_and_thirty() -> Rules:
    """A site with terms of law: sixty days, and at most thirty more."""
    cap = Rule(EXTENSION, 2, "as P5", Term(30, TermUnit.CALENDAR_DAYS), approver=SUPERIOR)
    return replace(
        rules(),
        default_term=Term(60, TermUnit.CALENDAR_DAYS),
        moves={**rules().moves, EXTENSION: cap},
    )


def test_sixty_days_and_thirty_one_more_are_refused_naming_field_and_rule() -> None:
    walk = Walk(sixty_and_thirty()).submit()
    assert broken(refused(walk, more(31))) == ("length", "cap_exceeded", "routing.extension@2")
    before = walk.case.due_at
    assert walk.order(more(30)).order(grant()).case.due_at == before + 30 * DAY


def test_the_cap_is_on_all_extensions_together() -> None:
    walk = Walk(sixty_and_thirty()).submit().order(more(20)).order(grant())
    assert broken(refused(walk, more(11)))[:2] == ("length", "cap_exceeded")
    walk.order(more(10)).order(grant(2))
    assert broken(refused(walk, more(1)))[:2] == ("length", "cap_exceeded")


def test_more_time_than_was_promised_is_for_a_superior_to_give_whatever_a_site_says() -> None:
    own = by_rule(id=EXTENSION, approver="unit")
    walk = Walk(own).submit(due_in=4 * DAY).order(more(1))
    assert refused(walk, grant(1, OTHER, NEIGHBOURS)).reason == "not_the_approver"
    assert walk.order(grant()).events[-1] == "DueTimeExtended"
    unpromised = Walk(own).submit().order(more(1)).order(grant(1, OTHER, NEIGHBOURS))
    assert unpromised.events[-1] == "DueTimeExtended"


def test_an_extension_asked_for_in_time_is_not_granted_after_the_due_time() -> None:
    walk = Walk().submit(unit_id=STREET, due_in=4 * HOUR).order(more(1)).wait(5 * HOUR)
    assert refused(walk, domain.GrantTime(1, "desk-1")).reason == "nothing_asked"


def test_a_return_is_ruled_on_before_more_time_is_asked_for() -> None:
    returned = domain.ReturnCase("不是我们的", RETURN_REASON_OTHER_PLACE, "", LEADER)
    walk = Walk().submit().order(pause()).order(returned)
    assert walk.case.asked is None
    assert refused(walk, pause()).reason == "ruling_awaited"
    assert isinstance(refused(walk, more(1)), IllegalTransition)


def test_fresh_clocks_come_with_fresh_caps() -> None:
    walk = paused(Walk(sixty_and_thirty()).submit()).order(domain.ResumeCase(LEADER))
    walk.order(more(30)).order(grant(2)).order(domain.ResolveCase("mended"))
    walk.hear(ReopeningRequested(reason="not_solved"))
    assert (walk.case.pauses, walk.case.extended) == ((), 0)
