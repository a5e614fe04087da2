"""One event of every type that notify hears of, and the notice it leads to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY, TIER_SUB_DISTRICT, Clock
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.petition.v1 import events_pb2 as petition
from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import early_warning_events_pb2 as warnings
from fengqiao.routing.v1 import emergency_events_pb2 as emergencies
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1 import followup_events_pb2 as followup
from fengqiao.routing.v1 import force_events_pb2 as forces
from fengqiao.routing.v1 import handling_events_pb2 as handling
from fengqiao.routing.v1 import meeting_events_pb2 as meetings
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from fengqiao.routing.v1 import screening_events_pb2 as screenings
from services.chassis.model import Context
from services.chassis.protobuf import timestamp
from services.chassis.site import Site
from services.notify import domain
from services.notify.domain import Notice
from services.notify.owed import OF_ACCUSATIONS, OWED

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
DUE = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
ROLLED = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)
CASE = "5a3c1d3e-0000-5000-8000-000000000001"
EVENT = f"routing/{CASE}/fengqiao.routing.events/3"
HIDDEN_EVENT = f"petition/{CASE}/fengqiao.petition.restricted/3"
PERSON, NEIGHBOUR, MEDIATOR = "p-canary", "p-neighbour", "mediator-1"
ANSWERER = "answerer-1"
VOLUNTEERS = ("volunteer-1", "volunteer-2")
COURIER = "courier-1"
ACCUSED = "jili/c1"
JILI = Site("jili", ZoneInfo("Asia/Shanghai"), cast("Any", None), False, "zh-CN", Path())  # noqa: FBT003


def reference(person_ref: str = PERSON) -> routing.CaseReference:
    return routing.CaseReference(request_no="JILI-000001", site_id="jili", person_ref=person_ref)


def owner(holder_ref: str = "leader-1") -> routing.Assignment:
    return routing.Assignment(
        tier=TIER_COMMUNITY, unit_id="jili/c1", post_id="post:jili/c1", holder_ref=holder_ref
    )


def table(person_ref: str = PERSON) -> mediation.MediationReference:
    """A mediation between whoever asked and a neighbour."""
    return mediation.MediationReference(
        request_no="JILI-000001",
        site_id="jili",
        person_ref=person_ref,
        mediation=1,
        party_refs=[ref for ref in (person_ref, NEIGHBOUR) if ref],
        mediator_ref=MEDIATOR,
        unit_id="jili/c1",
    )


def matter(person_ref: str = PERSON, accused: str = "") -> petition.PetitionReference:
    """A petition that a community's organ handles; with `accused` an accusation."""
    return petition.PetitionReference(
        request_no="JILI-000001",
        site_id="jili",
        person_ref=person_ref,
        unit_id="jili/c1",
        accused_unit_id=accused,
    )


def clock() -> Clock:
    return Clock(due_at=timestamp(DUE), rolled_due_at=timestamp(ROLLED))


def examples(person_ref: str = PERSON) -> Mapping[type[Message], Any]:
    """An event of each owed type, about one resident's case."""
    events = (
        intake.RequestSubmitted(
            request_no="JILI-000001",
            site_id="jili",
            kind="noise",
            channel="counter",
            person_ref=person_ref,
            due_at=timestamp(DUE),
        ),
        intake.FeedbackGiven(
            request_no="JILI-000001",
            site_id="jili",
            reporter_ref=COURIER,
            feedback=intake.FEEDBACK_DONE,
        ),
        *_of_the_ladder(reference(person_ref)),
        *_of_what_follows(reference(person_ref)),
        *_of_time(reference(person_ref)),
        *_of_rosters(),
        *_of_forces(),
        *_of_meetings(),
        *_of_emergencies(),
        *_of_screenings(),
        *_of_early_warnings(reference(person_ref)),
        *_of_mediation(table(person_ref)),
        *_of_petitions(matter(person_ref)),
    )
    return {type(event): event for event in events}


def assistance(case: routing.CaseReference) -> dict[str, Any]:
    return {"case": case, "assistance": 1, "unit_id": "jili/c2", "lead_unit_id": "jili/c1"}


def _of_the_ladder(case: routing.CaseReference) -> tuple[Message, ...]:
    due = timestamp(DUE)
    return (
        routing.CaseRouted(case=case, kind="noise", assignment=owner(), due_at=due),
        routing.CaseEscalated(
            case=case,
            from_unit_id="jili/c1/s2",
            assignment=owner(),
            reason=routing.MOVE_REASON_TIMEOUT,
        ),
        routing.CaseReassigned(
            case=case,
            from_unit_id="jili/c1/s2",
            assignment=owner(),
            reason=routing.MOVE_REASON_VACANCY,
        ),
        routing.CaseReturned(
            case=case,
            number=1,
            assignment=owner(),
            reason=routing.RETURN_REASON_OTHER_PLACE,
            proposed_unit_id="jili/c2",
            superior_unit_id="jili",
            returned_by="leader-1",
            clock=clock(),
        ),
        routing.ReturnRuled(
            case=case,
            number=1,
            unit_id="jili/c1",
            superior_unit_id="jili",
            ruling=routing.RULING_GOES,
            to_unit_id="jili/c2",
            ruled_by="chief-1",
        ),
        routing.SupervisionOrdered(case=case, assignment=owner(), reason=routing.MOVE_REASON_RESIDENT),
        routing.SupervisionAnswered(
            case=case,
            order=1,
            unit_id="jili/c1",
            result="visited",
            orderer_unit_id="jili",
            answer_clock=clock(),
        ),
        routing.AnswerAccepted(case=case, order=1, unit_id="jili/c1"),
        routing.AnswerSentBack(case=case, order=1, unit_id="jili/c1", answer_clock=clock()),
        routing.SupervisionRepeated(case=case, assignment=owner(), order=1, repeats=2, answer_clock=clock()),
        handling.HandlerRecused(
            case=case, unit_id="jili/c1", recused_ref="leader-1", recused_by="leader-1", to_unit_id="jili"
        ),
        handling.PartSplitOff(
            case=case,
            part=1,
            reference="JILI-000001-S1",
            route=handling.COURT_ROUTE_CIVIL,
            reason=handling.SPLIT_REASON_ONLY_A_COURT,
            unit_id="jili/c1",
        ),
        handling.AssistanceAsked(task="inspect_wiring", answer_clock=clock(), **assistance(case)),
        handling.AssistanceAnswered(answer=handling.ASSISTANCE_ANSWER_ACCEPTED, **assistance(case)),
        handling.AssistanceOverdue(repeats=2, answer_clock=clock(), **assistance(case)),
        handling.AssistanceEnded(reason=handling.ASSISTANCE_END_NOT_NEEDED, **assistance(case)),
        clocks.DeadlineNeared(case=case, assignment=owner(), clock="tier-4", epoch=1, stage=2, due_at=due),
        clocks.FirstContactMissed(case=case, assignment=owner(), clock="first_contact", epoch=1, due_at=due),
        clocks.DeadlineRecomputed(
            case=case,
            assignment=owner(),
            former_due_at=timestamp(AT),
            due_at=due,
            clocks=[clock()],
            former=[timestamp(AT)],
        ),
        routing.CaseResolved(case=case, unit_id="jili/c1", tier=TIER_SUB_DISTRICT, outcome="repaired"),
        routing.CaseWithdrawn(case=case, unit_id="jili/c1"),
        routing.CaseReopened(case=case, assignment=owner(), due_at=due),
        routing.WishDeclined(case=case, wish="escalation", status="resolved"),
        routing.CaseReferred(case=case, assignment=owner(), track=routing.TRACK_MEDIATION),
        routing.CaseTakenBack(case=case, assignment=owner(), conclusion="time_up", due_at=due),
        routing.CaseJoined(
            case=case,
            lead_case_id="lead",
            lead_request_no="JILI-000009",
            unit_id="jili/c1",
            reason=routing.JOIN_REASON_SAME_MATTER,
        ),
        routing.CaseParted(
            case=case,
            lead_case_id="lead",
            assignment=owner(),
            reason=routing.PART_REASON_DIFFERENT_MATTER,
            due_at=due,
        ),
    )


def _of_what_follows(case: routing.CaseReference) -> tuple[Message, ...]:
    of: dict[str, Any] = {"case": case, "unit_id": "jili/c1"}
    return (
        followup.CallBackOpened(**of, caller_unit_id="jili", answer_clock=clock()),
        followup.CallBackOverdue(**of, repeats=2, answer_clock=clock()),
        followup.CaseClosed(case=case, closed_by=followup.CLOSED_BY_UNREACHABLE),
        followup.ReviewOpened(**of, number=1, reviewer_unit_id="jili", answer_clock=clock()),
        followup.ReviewOverdue(**of, number=1, repeats=2, answer_clock=clock()),
        followup.ReviewRecorded(**of, number=1, finding=followup.REVIEW_FINDING_UPHELD),
    )


def _of_time(case: routing.CaseReference) -> tuple[Message, ...]:
    due: dict[str, Any] = {"due_at": timestamp(ROLLED), "due_before": timestamp(DUE)}
    appraisal = clocks.PAUSE_KIND_EXPERT_APPRAISAL
    asked: dict[str, Any] = {"case": case, "ask": 1, "assignment": owner(), "asked_by": "leader-1"}
    rule = "routing.pause.expert_appraisal@1"
    return (
        clocks.PauseAsked(kind=appraisal, rule=rule, approver_unit_id="jili", **asked),
        clocks.ExtensionAsked(rule="routing.extension@1", **asked),
        clocks.ClocksPaused(case=case, assignment=owner(), kind=appraisal, clock=clock(), **due),
        clocks.ClocksResumed(case=case, assignment=owner(), kind=appraisal, **due),
        clocks.DueTimeExtended(case=case, assignment=owner(), **due),
        clocks.TimeRefused(case=case, ask=1, unit_id="jili/c1", refused_by="chief-1"),
    )


def _of_rosters() -> tuple[Message, ...]:
    summons = rosters.SummonsReference(
        site_id="jili", department="fire-rescue", case_id=CASE, request_no="JILI-000001", unit_id="jili/c1"
    )
    return (
        rosters.AnswererSummoned(summons=summons, person_ref=ANSWERER, number=1, clock=clock()),
        rosters.SummonsAnswered(summons=summons, person_ref=ANSWERER),
        rosters.SummonsUnanswered(summons=summons, asked=2),
        rosters.SummonsWithdrawn(summons=summons, withdrawn_by="leader-1", person_ref=ANSWERER),
    )


def _of_forces() -> tuple[Message, ...]:
    about = forces.CallOutReference(
        site_id="jili",
        unit_id="jili/c1/s1",
        case_id=CASE,
        request_no="JILI-000001",
        told_unit_id="jili/c1",
    )
    asked = [forces.AskedVolunteer(person_ref=ref) for ref in VOLUNTEERS]
    return (
        forces.VolunteersAsked(call_out=about, asked=asked, skill="first_aid", begins=clock()),
        forces.CallOutRanShort(call_out=about, asked=2, coming=1, needed=2),
        forces.CallOutCancelled(call_out=about, cancelled_by="leader-1", person_refs=VOLUNTEERS),
    )


def _of_emergencies() -> tuple[Message, ...]:
    of = emergencies.EmergencyReference(site_id="jili", unit_id="jili/c1", profile="flood", version=2)
    return (
        emergencies.EmergencyDeclared(
            emergency=of,
            begins_at=timestamp(AT),
            ends_at=timestamp(DUE),
            reason="flood_warning",
            declared_by="p-desk",
        ),
        emergencies.EmergencyEnded(
            emergency=of, end=emergencies.EMERGENCY_END_ORDERED, reason="water_fell", ended_by="p-desk"
        ),
    )


def _of_meetings() -> tuple[Message, ...]:
    of = meetings.MeetingReference(site_id="jili", unit_id="jili", on="2026-03-05")
    task: dict[str, Any] = {
        "meeting": of,
        "item_id": "1",
        "task_id": "1-a",
        "unit_id": "jili/c1",
        "due_on": "2026-03-13",
    }
    units = ["jili/c1", "jili/c2"]
    return (
        meetings.MeetingCalled(meeting=of, units=units, departments=["works"]),
        meetings.MeetingCancelled(meeting=of, reason="matter_settled", units=units),
        meetings.MeetingMissed(meeting=of, times=2, again_at=timestamp(DUE)),
        meetings.MeetingTaskAssigned(**task, clock=clock()),
        meetings.MeetingTaskOverdue(**task, times=2, again_at=timestamp(DUE)),
    )


def _of_early_warnings(case: routing.CaseReference) -> tuple[Message, ...]:
    of: dict[str, Any] = {"case": case, "unit_id": "jili/c1/s1"}
    return (
        warnings.EndAwaited(**of, superior_unit_id="jili/c1", answer_clock=clock()),
        warnings.EndOverdue(**of, repeats=2, answer_clock=clock()),
        warnings.EarlyWarningEnded(**of, superior_unit_id="jili/c1", end=warnings.LAWFUL_END_NO_RISK),
    )


def _of_screenings() -> tuple[Message, ...]:
    of = screenings.ScreeningReference(
        site_id="jili", code="gas-safety", unit_id="jili", round=1, since="2026-03-02", until="2026-03-13"
    )
    told = ["jili/c1", "jili/c2"]
    return (
        screenings.ScreeningBegan(screening=of, due_on="2026-03-10", told=told),
        screenings.ScreeningOverdue(
            screening=of, due_on="2026-03-10", units=["jili/c1"], unreported=1, times=2, told=told
        ),
        screenings.ScreeningClosed(screening=of, reported=1, unreported=1, visited=61, findings=2, told=told),
    )


def _of_mediation(at: mediation.MediationReference) -> tuple[Message, ...]:
    return (
        mediation.MediationOpened(mediation=at, dispute_type="02"),
        mediation.ChoiceOpened(mediation=at, clock=clock()),
        mediation.MediatorAppointed(mediation=at, manner="chosen", clock=clock()),
        mediation.MediatorConfirmed(mediation=at, clock=clock()),
        mediation.SessionScheduled(mediation=at, session=1, at=timestamp(DUE), manner="in_person"),
        mediation.TermExtended(mediation=at, days=10, clock=clock()),
        mediation.AgreementProposed(mediation=at, agreement=1, form=mediation.AGREEMENT_FORM_WRITTEN),
        mediation.AgreementTookEffect(mediation=at, agreement=1, form=mediation.AGREEMENT_FORM_WRITTEN),
        mediation.MediationEnded(mediation=at, referral=1, reason=mediation.END_REASON_PARTY_UNWILLING),
    )


def _of_petitions(of: petition.PetitionReference) -> tuple[Message, ...]:
    return (
        petition.PetitionReceived(petition=of, kind="petition", clock=clock()),
        petition.ReceiptNotified(petition=of, manner="post"),
        petition.PetitionAccepted(petition=of, clock=clock()),
        petition.PetitionNotAccepted(petition=of, reason="litigation"),
        petition.DeadlineExtended(petition=of, days=30, reason="complex", clock=clock()),
        petition.OpinionDelivered(petition=of, outcome=petition.OPINION_OUTCOME_SUPPORTED, clock=clock()),
        petition.OpinionBecameFinal(petition=of, clock="p6", epoch=1),
        petition.PetitionReplied(petition=of, outcome="suggestion_adopted"),
        petition.DutyWarned(petition=of, clock="p2", epoch=1),
        petition.DutyOverdue(petition=of, clock="p4", epoch=1),
        petition.SupervisionAsked(petition=of, reason="overdue"),
    )


def accusations(person_ref: str = PERSON) -> Mapping[type[Message], Any]:
    """An event of each type owed news of on restricted topics, about the community's own organ."""
    of = matter(person_ref, accused=ACCUSED)
    events = (
        intake.AccusationSubmitted(
            request_no="JILI-000001",
            site_id="jili",
            kind="accusation",
            accused_unit_id=ACCUSED,
            channel="online",
            person_ref=person_ref,
        ),
        petition.ReceiptNotified(petition=of, manner="post"),
        petition.PetitionAccepted(petition=of),
        petition.PetitionNotAccepted(petition=of, reason="litigation"),
        petition.PetitionReplied(petition=of, outcome="handed_to_discipline"),
        petition.PetitionWithdrawn(petition=of, reason="withdrawn"),
        petition.DutyOverdue(petition=of, clock="p2", epoch=1),
        petition.SupervisionAsked(petition=of, reason="overdue"),
    )
    return {type(event): event for event in events}


def begun(event: Message, *, restricted: bool = False) -> Notice | None:
    """The notice of an owed event; None when nobody is there to be told."""
    news = (OF_ACCUSATIONS if restricted else OWED)[type(event)]
    return domain.begin(HIDDEN_EVENT if restricted else EVENT, CASE, event, news, AT, NOW)


def notice(event: Message, *, restricted: bool = False) -> Notice:
    made = begun(event, restricted=restricted)
    assert made is not None
    return made


def context(now: datetime = NOW) -> Context:
    return Context(EVENT, "jili", now, now, now)
