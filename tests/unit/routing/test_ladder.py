from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested, WithdrawalRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.errors import IllegalTransition
from services.routing import domain
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk, rules

DAY = timedelta(days=1)
SHORT = timedelta(seconds=1)


def test_a_case_starts_at_the_lowest_capable_tier_of_its_place() -> None:
    case = Walk().submit(kind="drain.blocked").case
    assert (case.unit_id, case.tier, case.start_tier) == (NEIGHBOURS, 1, 1)
    assert "lowest_capable_tier" in case.reasons


def test_a_kind_without_a_row_of_its_own_goes_by_its_group() -> None:
    assert Walk().submit(kind="drain.flooded").case.unit_id == SECTION


def test_a_kind_that_no_table_names_still_has_somewhere_to_go() -> None:
    assert Walk().submit(kind="ufo.landed").case.unit_id == NEIGHBOURS


def test_an_urgent_case_skips_tiers() -> None:
    case = Walk().submit(kind="drain.blocked", urgent=True).case
    assert case.unit_id == VILLAGE
    assert "urgent_skip" in case.reasons


def test_a_kind_that_is_always_urgent_skips_tiers() -> None:
    assert Walk().submit(kind="gas.leak").case.unit_id == VILLAGE


def test_a_place_that_is_only_known_roughly_goes_to_the_lowest_unit_that_can_be_named() -> None:
    case = Walk().submit(unit_id="jili/c01/s77/n09").case
    assert case.unit_id == VILLAGE
    assert "place_known_to:jili/c01" in case.reasons


def test_a_place_that_nobody_can_name_goes_to_the_top() -> None:
    assert Walk().submit(unit_id="").case.unit_id == STREET


def test_with_a_vacant_post_the_case_starts_one_tier_up_and_says_why() -> None:
    case = Walk(rules(vacant=frozenset({NEIGHBOURS, SECTION}))).submit().case
    assert case.unit_id == VILLAGE
    assert [r for r in case.reasons if r.startswith("vacant:")] == [
        f"vacant:{NEIGHBOURS}",
        f"vacant:{SECTION}",
    ]


def test_tier_clocks_share_the_promised_time_in_whole_seconds() -> None:
    case = Walk().submit(due_in=timedelta(seconds=10)).case
    assert [clock.due_at - OPENED for clock in case.plan] == [timedelta(seconds=s) for s in (2, 5, 7, 10)]
    assert case.due_promised


def test_a_promise_that_is_not_after_the_opening_is_no_promise() -> None:
    case = Walk().submit(due_in=-DAY).case
    assert not case.due_promised
    assert case.due_at > OPENED


def test_without_a_promise_the_default_is_five_working_days_at_the_same_time_of_day() -> None:
    case = Walk().submit().case
    assert case.due_at == OPENED + 7 * DAY
    assert {clock.rule for clock in case.plan} == {"service.default@1"}
    assert case.plan[-1].explanation[0][0] == "start"


def test_a_term_per_tier_gives_each_tier_its_whole_length_one_after_the_other() -> None:
    day_each = replace(
        rules(), default_term=Term(1, TermUnit.WORKING_DAYS, keeps_time=True), term_per_tier=True
    )
    # Opened on a Monday: a working day each, to Friday.
    case = Walk(day_each).submit().case
    assert [clock.due_at for clock in case.plan] == [OPENED + n * DAY for n in (1, 2, 3, 4)]
    assert [clock.started_at for clock in case.plan] == [OPENED + n * DAY for n in (0, 1, 2, 3)]
    assert case.due_at == case.plan[-1].due_at
    assert [code for code, _, _ in case.plan[1].explanation] == ["start", "working_day"]


def test_a_term_per_tier_counts_from_the_tier_that_the_case_starts_at() -> None:
    briefly = replace(rules(), default_term=Term(50, TermUnit.MILLISECONDS), term_per_tier=True)
    case = Walk(briefly).submit(kind="drain.other").case
    assert [(int(clock.name[-1]), clock.due_at - OPENED) for clock in case.plan] == [
        (tier, timedelta(milliseconds=ms)) for tier, ms in ((2, 50), (3, 100), (4, 150))
    ]


def test_a_promise_is_shared_by_the_tiers_also_where_the_default_is_a_term_per_tier() -> None:
    case = Walk(replace(rules(), term_per_tier=True)).submit(due_in=4 * DAY).case
    assert [clock.due_at for clock in case.plan] == [OPENED + n * DAY for n in (1, 2, 3, 4)]
    assert case.due_promised


def test_a_case_without_answer_climbs_one_tier_at_its_due_time() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY)
    assert walk.case.tier == 1
    walk.wait(SHORT)
    assert walk.case.tier == 2
    assert walk.case.steps[0].at == OPENED + DAY
    assert walk.case.steps[0].reason == ev.MOVE_REASON_TIMEOUT


def test_at_the_top_a_supervision_order_stands_instead_of_silence() -> None:
    walk = Walk(replay=True).submit(due_in=4 * DAY).wait(30 * DAY)
    assert walk.case.unit_id == STREET
    assert walk.case.supervised_at == OPENED + 4 * DAY
    assert walk.events[-1] == "SupervisionOrdered"
    assert walk.record.next_due_at is None


def test_a_climb_passes_over_a_vacant_post() -> None:
    walk = Walk(rules(vacant=frozenset({SECTION}))).submit(due_in=4 * DAY).wait(DAY + SHORT)
    assert walk.case.unit_id == VILLAGE
    assert f"vacant:{SECTION}" in walk.case.reasons


def test_accepting_does_not_stop_the_clock() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(domain.AcceptCase())
    assert walk.case.status == domain.IN_PROGRESS
    assert walk.wait(DAY + SHORT).case.tier == 2


def test_a_progress_report_moves_no_clock() -> None:
    walk = Walk().submit(due_in=4 * DAY)
    due = walk.record.next_due_at
    walk.wait(timedelta(hours=1)).order(domain.ReportProgress("visited", "谈了一次"))
    assert walk.record.next_due_at == due


def test_what_a_handler_writes_is_in_no_event() -> None:
    walk = (
        Walk()
        .submit()
        .order(domain.ReportProgress("visited", "王婶家门口"))
        .order(domain.ResolveCase("mended", "疏通"))
    )
    assert walk.record.private == {"note": "疏通"}
    assert not any("王婶".encode() in e.data or "疏通".encode() in e.data for e in walk.record.outbox)


def test_a_settled_case_never_climbs() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(domain.ResolveCase("mended")).wait(30 * DAY)
    assert walk.case.status == domain.RESOLVED
    assert walk.case.steps == ()


def test_at_the_very_instant_of_the_due_time_the_close_wins() -> None:
    walk = Walk(replay=True).submit(due_in=4 * DAY).order(domain.ResolveCase("mended"), at=OPENED + 4 * DAY)
    assert len(walk.case.steps) == 3
    assert walk.case.supervised_at is None
    assert not walk.case.overdue(walk.now)


def test_a_close_after_the_due_time_is_overdue_and_the_climbs_before_it_stand() -> None:
    walk = (
        Walk(replay=True)
        .submit(due_in=4 * DAY)
        .order(domain.ResolveCase("mended"), at=OPENED + 4 * DAY + SHORT)
    )
    assert walk.case.overdue(walk.now)
    assert [step.at for step in walk.case.steps] == [OPENED + n * DAY for n in (1, 2, 3)]
    assert walk.case.supervised_at == OPENED + 4 * DAY


def test_resolved_at_nine_fifty_and_entered_at_five_past_ten_counts_for_nine_fifty() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY + timedelta(minutes=5))
    assert walk.case.tier == 2
    walk.order(domain.ResolveCase("mended"), at=OPENED + DAY - timedelta(minutes=10))
    assert walk.case.resolved_at == OPENED + DAY - timedelta(minutes=10)
    assert len(walk.case.steps) == 1
    resolved = ev.CaseResolved.FromString(walk.record.outbox[-1].data)
    assert (resolved.unit_id, resolved.late_entry, resolved.overdue) == (NEIGHBOURS, True, False)


def test_a_former_owner_can_enter_a_settlement_late_and_nothing_else() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY + timedelta(minutes=5))
    with pytest.raises(IllegalTransition) as refused:
        walk.order(domain.AcceptCase(), at=OPENED + timedelta(hours=1))
    assert refused.value.reason == "moved_on"


def test_at_the_instant_of_a_lift_the_case_is_already_the_new_owners() -> None:
    walk = Walk(replay=True).submit().order(domain.EscalateCase("不归我管")).order(domain.AcceptCase())
    walk.order(domain.ResolveCase("mended"))
    resolved = ev.CaseResolved.FromString(walk.record.outbox[-1].data)
    assert (resolved.unit_id, resolved.tier) == (SECTION, 2)


def test_the_handler_can_lift_a_case_one_tier() -> None:
    case = Walk().submit().order(domain.EscalateCase("不归我管")).case
    assert (case.tier, case.steps[0].reason) == (2, ev.MOVE_REASON_HANDLER)


def test_the_resident_can_always_ask_to_go_one_tier_up() -> None:
    walk = Walk().submit()
    for tier in (2, 3, 4):
        walk.hear(EscalationRequested(reason="too_slow"))
        assert walk.case.tier == tier
    assert {step.reason for step in walk.case.steps} == {ev.MOVE_REASON_RESIDENT}


def test_the_residents_wish_at_the_top_becomes_a_supervision_order() -> None:
    walk = Walk().submit(unit_id=STREET).hear(EscalationRequested(reason="too_slow"))
    assert walk.case.supervised_at == OPENED
    assert walk.case.running == 4


def test_a_return_goes_one_tier_up_and_the_residents_clock_runs_on() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(domain.ReturnCase("不是我们的"))
    assert (walk.case.tier, walk.case.steps[0].reason) == (2, ev.MOVE_REASON_RETURNED)
    assert walk.case.due_at == OPENED + 4 * DAY
    assert walk.record.next_due_at == OPENED + 2 * DAY


def test_the_top_has_nobody_to_return_a_case_to() -> None:
    with pytest.raises(IllegalTransition) as refused:
        Walk().submit(unit_id=STREET).order(domain.ReturnCase("不是我们的"))
    assert refused.value.reason == "top_of_ladder"


def test_the_resident_can_withdraw_at_any_time_short_of_the_end() -> None:
    walk = Walk().submit().order(domain.AcceptCase()).hear(WithdrawalRequested(reason="settled_ourselves"))
    assert walk.case.status == domain.WITHDRAWN
    assert walk.record.next_due_at is None


def test_a_wish_that_comes_too_late_is_recorded_and_changes_nothing() -> None:
    walk = Walk().submit().order(domain.ResolveCase("mended"))
    before = walk.case
    walk.hear(WithdrawalRequested(reason="changed_my_mind")).hear(EscalationRequested(reason="too_slow"))
    assert walk.case == before
    assert walk.events[-2:] == ["WishDeclined", "WishDeclined"]


def test_not_settled_after_all_goes_on_one_tier_up_with_fresh_clocks() -> None:
    walk = Walk().submit(due_in=4 * DAY).order(domain.ResolveCase("mended"))
    walk.now = OPENED + 2 * DAY
    walk.hear(ReopeningRequested(reason="not_solved"))
    assert (walk.case.status, walk.case.tier, walk.case.resolved_at) == (domain.ASSIGNED, 2, None)
    assert {clock.epoch for clock in walk.case.plan} == {2}
    assert walk.case.due_at == datetime(2026, 3, 11, 1, tzinfo=UTC)


def test_an_illegal_command_names_the_state_and_what_is_allowed() -> None:
    with pytest.raises(IllegalTransition) as refused:
        Walk().submit().order(domain.AcceptCase()).order(domain.AcceptCase())
    assert refused.value.details["state"] == "in_progress"
    assert refused.value.details["allowed"].split(",") == [
        "AnswerAssistance",
        "AnswerSupervision",
        "AskForAssistance",
        "AskForExtension",
        "AskForPause",
        "DelegateCase",
        "EndAssistance",
        "EndDelegation",
        "EscalateCase",
        "GrantTime",
        "JoinCase",
        "JudgeAnswer",
        "OrderSupervision",
        "RecuseHandler",
        "ReferCase",
        "RefuseTime",
        "ReportProgress",
        "ResolveCase",
        "ResumeCase",
        "ReturnCase",
        "RuleOnReturn",
        "SplitOff",
        "TransferCase",
    ]


def test_after_an_outage_longer_than_the_grace_the_next_tier_gets_its_whole_time() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY + timedelta(hours=5))
    assert walk.case.tier == 2
    assert walk.record.next_due_at == walk.now + DAY
    assert walk.case.due_at == OPENED + 4 * DAY


def test_after_a_short_delay_the_next_clock_starts_at_the_due_time() -> None:
    walk = Walk().submit(due_in=4 * DAY).wait(DAY + timedelta(minutes=59))
    assert walk.record.next_due_at == OPENED + 2 * DAY


def test_in_a_replay_nobody_is_given_time_for_an_outage() -> None:
    walk = Walk(replay=True).submit(due_in=4 * DAY).wait(2 * DAY + SHORT)
    assert [step.at for step in walk.case.steps] == [OPENED + DAY, OPENED + 2 * DAY]
