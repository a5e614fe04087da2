"""微事不出邻里、小事不出片组、大事不出社村、难事不出街道: a case's way up, and its ends."""

from datetime import timedelta

from fengqiao.common.v1 import common_pb2 as common
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.clock import process_time
from services.chassis.protobuf import instant
from tests.journeys.clients import COMMUNITY, NEIGHBOURS, SECTION, STREET, House, entry_type, refusal
from tests.waiting import until


def test_a_resident_submits_and_gets_a_number_and_sees_every_state_change_in_time_order(house: House) -> None:
    resident, leader = house.resident(), house.leader(NEIGHBOURS)
    submitted = resident.submit(title="Karaoke after midnight")
    assert submitted.request_no.startswith("JILI-")
    case_id = submitted.case_id
    resident.until_case(case_id)
    leader.accept(case_id)
    leader.progress(case_id)
    leader.resolve(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    resident.rate(case_id, 5, solved=True)
    resident.until_request(case_id, intake.REQUEST_STATUS_CLOSED)
    resident.until_told(case_id, "RequestClosed", "CaseResolved", "RequestSettled", "CaseClosed")
    entries = [response.entry for response in resident.timeline(case_id)]
    own = [entry for entry in entries if entry.service != "notify"]
    assert [entry.type.rpartition(".")[2] for entry in own] == [
        "RequestSubmitted",
        "CaseRouted",
        "CaseAccepted",
        "ProgressReported",
        "RequestSettled",
        "CaseResolved",
        "CallBackOpened",
        "OutcomeRated",
        "RequestClosed",
        "ResidentAnswered",
        "CaseClosed",
    ]
    times = [instant(entry.occurred_at) for entry in entries]
    assert times == sorted(times)
    tracked = resident.track(submitted.tracking_code)
    assert tracked.request_no == submitted.request_no
    assert tracked.status == intake.REQUEST_STATUS_CLOSED
    assert "Karaoke" not in str(tracked)
    assert resident.subject not in str(tracked)


def test_a_leader_submits_on_a_residents_behalf_and_the_time_it_was_said_counts(
    house: House,
) -> None:
    clerk, leader = house.clerk(), house.leader(NEIGHBOURS)
    neighbour = clerk.put_contact(name="Granny Li", phone="0731 5550199")
    said_at = process_time() - timedelta(minutes=40)
    submitted = leader.submit(channel="counter", person_ref=neighbour, at=said_at)
    case = leader.until_case(submitted.case_id)
    assert instant(case.submitted_at) == said_at
    assert case.assignment.holder_ref == leader.subject
    # The resident whom it was done for has the say over it, not the leader who wrote it down.
    assert refusal(lambda: leader.withdraw(submitted.case_id)).code.name == "PERMISSION_DENIED"
    assert clerk.request(submitted.case_id).body.person_ref == neighbour


def test_a_case_starts_at_the_lowest_capable_tier_and_keeps_the_reason(house: House) -> None:
    resident = house.resident()
    starts = {
        "noise.night": (NEIGHBOURS, []),
        "parking.fire_lane": (SECTION, []),
        "building.crack": (COMMUNITY, []),
        # Danger skips the tiers below the urgent one.
        "building.danger": (COMMUNITY, ["urgent_skip"]),
    }
    for kind, (unit_id, reasons) in starts.items():
        case = resident.until_case(resident.submit(kind=kind).case_id)
        assert case.assignment.unit_id == unit_id, kind
        assert list(case.assignment.reasons) == ["capability:1", *reasons, "lowest_capable_tier"]
        assert not case.steps
    # A place that nobody can name goes to the lowest tier that can be named.
    case = resident.until_case(resident.submit(unit_id="jili/hexi/elsewhere").case_id)
    assert case.assignment.unit_id == COMMUNITY
    assert f"place_known_to:{COMMUNITY}" in case.assignment.reasons


def test_a_case_that_nobody_answers_climbs_at_each_due_time_and_ends_under_supervision(house: House) -> None:
    clerk = house.clerk()
    submitted_at = process_time()
    due_at = submitted_at + timedelta(seconds=4)
    case_id = clerk.submit(at=submitted_at, due_at=due_at).case_id
    case = clerk.until_case(case_id, lambda c: c.HasField("supervised_at"))
    assert [(step.from_unit_id, step.to_unit_id) for step in case.steps] == [
        (NEIGHBOURS, SECTION),
        (SECTION, COMMUNITY),
        (COMMUNITY, STREET),
    ]
    # At its due time, to the millisecond, whenever the sweep came by.
    ends = [submitted_at + timedelta(seconds=n) for n in (1, 2, 3)]
    assert [instant(step.at) for step in case.steps] == ends
    assert {step.reason for step in case.steps} == {events.MOVE_REASON_TIMEOUT}
    assert instant(case.supervised_at) == due_at
    assert case.overdue
    assert not case.HasField("clock_due_at")
    # Settled late is settled: it stays overdue and climbs no more.
    settled = house.leader(STREET).resolve(case_id)
    assert settled.overdue
    assert len(settled.steps) == 3


def test_the_resident_can_always_ask_to_go_one_tier_up(house: House) -> None:
    resident = house.resident()
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    for unit_id in (SECTION, COMMUNITY, STREET):
        resident.ask_up(case_id)
        case = resident.until_owned_by(case_id, unit_id)
        assert case.steps[-1].reason == events.MOVE_REASON_RESIDENT
    resident.ask_up(case_id)
    # At the top a supervision order (督办) answers instead of silence; the last clock runs on.
    case = resident.until_case(case_id, lambda c: c.HasField("supervised_at"))
    assert case.assignment.unit_id == STREET
    assert case.HasField("clock_due_at")


def test_the_handler_lifts_a_case_and_at_the_top_asks_for_a_supervision_order(house: House) -> None:
    resident, street = house.resident(), house.leader(STREET)
    case_id = resident.submit(kind="building.crack").case_id
    resident.until_case(case_id)
    lifted = house.leader(COMMUNITY).escalate(case_id)
    assert lifted.assignment.unit_id == STREET
    assert lifted.steps[-1].reason == events.MOVE_REASON_HANDLER
    assert street.escalate(case_id).HasField("supervised_at")
    assert street.board().supervised >= 1


def test_a_unit_returns_what_is_not_its_own_and_the_residents_clock_runs_on(house: House) -> None:
    resident, neighbours, section = house.resident(), house.leader(NEIGHBOURS), house.leader(SECTION)
    case_id = resident.submit().case_id
    before = resident.until_case(case_id)
    neighbours.accept(case_id)
    returned = neighbours.give_back(case_id)
    assert (returned.assignment.unit_id, returned.status) == (SECTION, routing.CASE_STATUS_ASSIGNED)
    assert returned.steps[-1].reason == events.MOVE_REASON_RETURNED
    assert returned.due_at == before.due_at
    assert case_id in section.queue(SECTION)
    assert case_id not in neighbours.queue(NEIGHBOURS)
    # The top has nobody to return it to.
    section.give_back(case_id)
    house.leader(COMMUNITY).give_back(case_id)
    refused = refusal(lambda: house.leader(STREET).give_back(case_id))
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "top_of_ladder")


def test_the_superior_rules_on_a_return_and_both_units_are_bound(house: House) -> None:
    resident, neighbours, section = house.resident(), house.leader(NEIGHBOURS), house.leader(SECTION)
    case_id = resident.submit().case_id
    before = resident.until_case(case_id)
    returned = neighbours.give_back(case_id, reason=events.RETURN_REASON_OTHER_REMIT)
    # Nobody else has it meanwhile, and no clock stops.
    assert (returned.assignment.unit_id, returned.returned.superior_unit_id) == (NEIGHBOURS, SECTION)
    assert (returned.due_at, returned.clock_due_at) == (before.due_at, before.clock_due_at)
    stays = {"ruling": events.RULING_STAYS}
    refused = refusal(lambda: neighbours.superior("RuleOnReturn", case_id, **stays))
    assert refused.code.name == "PERMISSION_DENIED"
    assert section.superior("RuleOnReturn", case_id, **stays).assignment.unit_id == NEIGHBOURS
    again = refusal(lambda: neighbours.give_back(case_id, reason=events.RETURN_REASON_OTHER_REMIT))
    assert (again.code.name, again.reason) == ("FAILED_PRECONDITION", "ruled_already")


def test_the_desk_transfers_a_case_and_what_was_promised_stays(house: House) -> None:
    resident, desk = house.resident(), house.desk()
    case_id = resident.submit().case_id
    before = resident.until_case(case_id)
    to = {"unit_id": COMMUNITY, "reason": events.TRANSFER_REASON_OTHER_REMIT}
    moved = desk.superior("TransferCase", case_id, **to)
    assert (moved.assignment.unit_id, moved.due_at) == (COMMUNITY, before.due_at)
    assert (moved.steps[-1].from_unit_id, moved.steps[-1].reason) == (NEIGHBOURS, events.MOVE_REASON_TRANSFER)


def test_a_supervision_order_is_answered_in_writing_and_its_answer_judged(house: House) -> None:
    resident, desk, neighbours = house.resident(), house.desk(), house.leader(NEIGHBOURS)
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    ordered = desk.superior("OrderSupervision", case_id, reason=events.ORDER_REASON_COMPLAINT)
    assert ordered.order.number == 1
    answer = {"order": 1, "result": "visited", "text": "visited twice"}
    answered = neighbours.superior("AnswerSupervision", case_id, **answer)
    assert answered.order.status == routing.ORDER_STATUS_ANSWERED
    accepted = desk.superior("JudgeAnswer", case_id, order=1, judgement=routing.JUDGEMENT_ACCEPTED)
    assert not accepted.HasField("order")


def test_what_is_not_solved_is_reopened_one_tier_up_with_a_fresh_clock(house: House) -> None:
    resident, section = house.resident(), house.leader(SECTION)
    case_id = resident.submit().case_id
    first = resident.until_case(case_id)
    house.leader(NEIGHBOURS).resolve(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    resident.rate(case_id, 1, solved=False)
    case = resident.until_case(case_id, lambda c: c.status == routing.CASE_STATUS_ASSIGNED)
    assert case.assignment.tier == common.TIER_SECTION
    assert case.steps[-1].reason == events.MOVE_REASON_REOPENED
    assert instant(case.clock_due_at) > instant(first.clock_due_at)
    resident.until_request(case_id, intake.REQUEST_STATUS_SUBMITTED)
    section.resolve(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    resident.rate(case_id, 4, solved=True)
    assert resident.until_request(case_id, intake.REQUEST_STATUS_CLOSED).rating == 4
    # Closed is not for ever: it may come back.
    resident.reopen(case_id)
    case = resident.until_case(case_id, lambda c: c.status == routing.CASE_STATUS_ASSIGNED)
    assert case.assignment.tier == common.TIER_COMMUNITY
    resident.until_told(case_id, *["CaseReopened"] * 2)


def test_a_resident_withdraws_and_the_case_ends_without_a_success(house: House) -> None:
    resident = house.resident()
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    resident.withdraw(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_WITHDRAWN)
    case = resident.case(case_id)
    assert case.status == routing.CASE_STATUS_WITHDRAWN
    assert not case.HasField("clock_due_at")
    assert not case.HasField("resolved_at")
    resident.until_told(case_id, "WithdrawalRequested", "CaseWithdrawn")
    told = [entry_type(response) for response in resident.timeline(case_id)]
    assert told.index("WithdrawalRequested") < told.index("CaseWithdrawn")


def test_a_wish_that_comes_too_late_is_on_record_and_changes_nothing(house: House) -> None:
    # Anonymous: nobody is called back, so what is settled is closed.
    clerk, leader = house.clerk(), house.leader(NEIGHBOURS)
    case_id = clerk.submit().case_id
    clerk.until_case(case_id)
    leader.resolve(case_id)
    clerk.withdraw(case_id)
    clerk.until_told(case_id, "CaseResolved", "WishDeclined")
    assert clerk.case(case_id).status == routing.CASE_STATUS_RESOLVED


def test_many_requests_come_in_as_a_stream_with_a_verdict_each(house: House) -> None:
    clerk = house.clerk()
    good = [intake.ImportRequestsRequest(row=n, submission=clerk.submission()) for n in (1, 3)]
    bad = intake.ImportRequestsRequest(row=2, submission=clerk.submission(kind="NOISE!"))
    rows = [good[0], bad, good[1]]
    verdicts = house.intake.ImportRequests(iter(rows), metadata=clerk._token(), timeout=30).verdicts
    assert [(v.row, v.accepted) for v in verdicts] == [(1, True), (2, False), (3, True)]
    assert [(v.field, v.reason) for v in verdicts[1].violations] == [("request.kind", "string.pattern")]
    until(lambda: all(clerk.case(v.case_id) for v in (verdicts[0], verdicts[2])), 30, "imported cases")
