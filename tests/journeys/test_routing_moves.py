"""一队伍、一件事、一张网: moves of handlers, residents and the desk, and what they do to clocks."""

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import handling_events_pb2 as handling
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.protobuf import instant
from tests.journeys.clients import COMMUNITY, NEIGHBOURS, SECTION, STREET, Actor, House, refusal
from tests.waiting import until

SAME = events.JOIN_REASON_SAME_MATTER


def opened(resident: Actor, **fields: str) -> str:
    """A case that its first owner has."""
    case_id = resident.submit(**fields).case_id
    resident.until_case(case_id)
    return case_id


def test_clocks_stand_still_by_rule_granted_by_somebody_else_and_the_resident_is_told(house: House) -> None:
    resident, owner, superior = house.resident(), house.leader(NEIGHBOURS), house.leader(SECTION)
    case_id = opened(resident)
    before = owner.case(case_id)
    court = {"kind": clocks.PAUSE_KIND_COURT, "length": 2, "note": "等法院"}
    ask = owner.superior("AskForPause", case_id, **court).asked.number
    assert refusal(lambda: owner.superior("GrantTime", case_id, ask=ask)).code.name == "PERMISSION_DENIED"
    paused = superior.superior("GrantTime", case_id, ask=ask)
    assert not paused.HasField("clock_due_at")
    assert instant(paused.due_at) > instant(before.due_at)
    resumed = owner.superior("ResumeCase", case_id, note="判了")
    assert instant(before.due_at) <= instant(resumed.due_at) < instant(paused.due_at)
    resident.until_told(case_id, "PauseAsked", "ClocksPaused", "ClocksResumed")


def test_a_pause_longer_than_its_rule_allows_is_refused_and_nothing_has_changed(house: House) -> None:
    resident, owner = house.resident(), house.leader(NEIGHBOURS)
    case_id = opened(resident)
    before = owner.case(case_id)
    far = {"kind": clocks.PAUSE_KIND_COURT, "length": 61, "note": "等法院"}
    refused = refusal(lambda: owner.superior("AskForPause", case_id, **far))
    assert refused.fields == {"length": "cap_exceeded"}
    assert owner.case(case_id) == before


def test_cases_of_one_matter_have_one_plan_and_each_petitioner_an_answer(house: House) -> None:
    first, second, desk = house.resident(), house.resident(), house.desk()
    lead, other = opened(first, title="楼上半夜装修噪音"), opened(second, title="楼上半夜装修太吵")
    ask = intake.SuggestDuplicatesRequest(case_id=other)
    found = desk.call(house.intake.SuggestDuplicates, ask).suggestions
    assert lead in {each.request.case_id for each in found}
    joined = desk.superior("JoinCase", other, lead_case_id=lead, reason=SAME)
    assert (joined.status, joined.HasField("clock_due_at")) == (routing.CASE_STATUS_JOINED, False)
    house.leader(NEIGHBOURS).resolve(lead)
    for resident, case_id in ((first, lead), (second, other)):
        resident.until_case(case_id, lambda case: case.status == routing.CASE_STATUS_RESOLVED)
        resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    second.until_told(other, "CaseJoined", "CaseResolved")
    assert lead not in str(second.timeline(other))


def test_a_joined_case_is_parted_and_the_time_it_was_joined_does_not_count(house: House) -> None:
    first, second, desk = house.resident(), house.resident(), house.desk()
    lead, other = opened(first), opened(second)
    before = desk.case(other)
    desk.superior("JoinCase", other, lead_case_id=lead, reason=SAME)
    parted = desk.superior("PartCase", other, reason=events.PART_REASON_DIFFERENT_MATTER, note="两回事")
    assert parted.assignment.unit_id == before.assignment.unit_id
    assert instant(parted.due_at) >= instant(before.due_at)
    [own] = [c for c in explained(desk, other).clocks if c.name == "tier-1"]
    assert "joined" in {step.code for step in own.explanation}


def test_the_resident_of_a_joined_case_still_goes_one_tier_up(house: House) -> None:
    first, second, desk = house.resident(), house.resident(), house.desk()
    lead, other = opened(first), opened(second)
    desk.superior("JoinCase", other, lead_case_id=lead, reason=SAME)
    second.ask_up(other)
    case = second.until_owned_by(other, SECTION)
    assert case.steps[-1].reason == events.MOVE_REASON_RESIDENT


def test_another_unit_assists_with_a_clock_of_its_own_and_the_lead_stays_the_owner(house: House) -> None:
    resident, lead = house.resident(), house.leader(SECTION)
    case_id = opened(resident, kind="parking.fire_lane")
    before = lead.case(case_id)
    asked = lead.superior("AskForAssistance", case_id, unit_id=COMMUNITY, task="inspect", note="请协助")
    [assistance] = asked.assistances
    assert assistance.HasField("clock")
    helper = house.leader(COMMUNITY)
    taken = {"assistance": assistance.number, "answer": handling.ASSISTANCE_ANSWER_ACCEPTED}
    helper.superior("AnswerAssistance", case_id, **taken)
    done = {"assistance": assistance.number, "answer": handling.ASSISTANCE_ANSWER_DONE, "result": "inspected"}
    helper.superior("AnswerAssistance", case_id, **done, text="已查")
    after = lead.case(case_id)
    clocks_of = [(c.assignment.unit_id, c.due_at, c.clock_due_at) for c in (before, after)]
    assert clocks_of[0] == clocks_of[1]


def test_whoever_has_a_direct_interest_hands_the_case_over_and_never_gets_it_back(house: House) -> None:
    resident, owner, desk = house.resident(), house.leader(NEIGHBOURS), house.desk()
    case_id = opened(resident)
    case = owner.superior("RecuseHandler", case_id, note="当事人是我的亲戚")
    assert (case.assignment.unit_id, case.steps[-1].reason) == (SECTION, events.MOVE_REASON_RECUSAL)
    back = {"unit_id": NEIGHBOURS, "reason": events.TRANSFER_REASON_WORKLOAD}
    assert refusal(lambda: desk.superior("TransferCase", case_id, **back)).code.name == "INVALID_ARGUMENT"
    assert refusal(lambda: owner.accept(case_id)).code.name == "PERMISSION_DENIED"


def test_what_is_for_the_courts_is_split_off_and_the_rest_goes_on(house: House) -> None:
    resident, owner = house.resident(), house.leader(COMMUNITY)
    case_id = opened(resident, kind="building.crack")
    before = owner.case(case_id)
    part = {
        "route": handling.COURT_ROUTE_CIVIL,
        "reason": handling.SPLIT_REASON_ONLY_A_COURT,
        "note": "赔偿部分走诉讼",
    }
    after = owner.superior("SplitOff", case_id, **part)
    assert (after.status, after.due_at, after.clock_due_at) == (
        before.status,
        before.due_at,
        before.clock_due_at,
    )
    resident.until_told(case_id, "PartSplitOff")


def test_an_urgent_case_reaches_the_command_desk_at_once(house: House) -> None:
    resident, desk = house.resident(), house.desk()
    case_id = opened(resident, kind="building.danger")

    def told() -> bool:
        return any(each.recipient_ref == "desk:jili" for each in desk.deliveries(case_id))

    assert until(told, 10, "the desk's notice")


def test_what_wants_attention_is_shown_within_two_seconds_of_the_change(house: House) -> None:
    resident, owner, superior = house.resident(), house.leader(NEIGHBOURS), house.leader(SECTION)
    case_id = opened(resident)
    owner.resolve(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    resident.reopen(case_id)
    case = superior.until_owned_by(case_id, SECTION)
    assert case.steps[-1].reason == events.MOVE_REASON_REOPENED
    watch = routing.WatchAttentionRequest(
        unit_id=STREET, include_below=True, kinds=[routing.ATTENTION_KIND_REOPENED]
    )

    def shown() -> bool:
        desk = house.desk()
        answers = desk.stream(house.routing.WatchAttention, watch)
        return any(each.case_id == case_id for answer in answers for each in answer.cases)

    assert until(shown, 2, "the case on the list")


def explained(who: Actor, case_id: str) -> routing.ExplainDeadlineResponse:
    """How each due time of a case came about."""
    request = routing.ExplainDeadlineRequest(case_id=case_id)
    return who.call(who.house.routing.ExplainDeadline, request)
