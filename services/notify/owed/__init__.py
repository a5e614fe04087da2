"""Who is owed news of what: the tables of the house. Pure: no I/O, no clock.

An event type is in `OWED` or in `NOT_OWED`; one in neither fails a test. What is on restricted topics has a
table of its own (`restricted`), in which nobody is but the accuser and those who may handle accusations.
"""

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

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
from services.chassis.protobuf import instant_or_none
from services.notify.owed import parties as p
from services.notify.owed.parties import AWAY_TOO, EMAIL, HERE, IN_APP, News, Owed, Recipient
from services.notify.owed.restricted import NOT_OWED_OF_ACCUSATIONS, OF_ACCUSATIONS

__all__ = [
    "EMAIL",
    "IN_APP",
    "NEWS",
    "NOT_OWED",
    "NOT_OWED_OF_ACCUSATIONS",
    "OF_ACCUSATIONS",
    "OWED",
    "RESTRICTED_NEWS",
    "RESTRICTED_SOURCES",
    "SOURCES",
    "TEMPLATES",
    "URGENT",
    "News",
    "Owed",
    "Recipient",
    "facts_of",
]

SOURCES = (
    "fengqiao.intake.events",
    "fengqiao.routing.events",
    "fengqiao.routing.summonses",
    "fengqiao.routing.callouts",
    "fengqiao.routing.meetings",
    "fengqiao.routing.emergencies",
    "fengqiao.routing.screenings",
    "fengqiao.mediation.events",
    "fengqiao.petition.events",
)
RESTRICTED_SOURCES = ("fengqiao.intake.restricted", "fengqiao.petition.restricted")

OWNER = ("assignment.unit_id", "assignment.tier")
OF_ORDER = ("case.request_no", "order", "unit_id", "answer_by=answer_clock.due_at")
OF_ASSISTANCE = ("case.request_no", "assistance", "unit_id", "department", "lead_unit_id")
OF_TIME = ("case.request_no", "due_at", "due_before", *OWNER)
OF_MEDIATION = ("mediation.request_no", "mediation.unit_id")
OF_PETITION = ("petition.request_no", "petition.unit_id")
OF_VOLUNTEERS = frozenset({"volunteer_asked", "call_out_cancelled"})
"""What somebody reads in the role of a volunteer."""
# Volunteers see the minimum of a case: no number of it.
OF_CALL_OUT = ("call_out.unit_id",)
OF_SUMMONS = ("summons.request_no", "summons.department", "summons.unit_id")
OF_EMERGENCY = ("emergency.unit_id", "emergency.profile", "emergency.version", "reason")
OF_MEETING = ("convener=meeting.unit_id", "day=meeting.on")
OF_SCREENING = (
    "campaign=screening.code",
    "area=screening.unit_id",
    "since=screening.since",
    "until=screening.until",
)
UNTIL = "clock.rolled_due_at"
URGENT = "case_urgent"
"""What the desk is told at once; how long that took is measured."""
OF_SETTLEMENT = ("case.request_no", "unit_id")
CALL_BY, REVIEW_BY = "call_by=answer_clock.due_at", "review_by=answer_clock.due_at"

OWED: Mapping[type[Message], News] = MappingProxyType({
    intake.RequestSubmitted: News(
        ("request_no", "due_at"),
        (Owed(p.resident, "request_received", AWAY_TOO),),
    ),
    intake.FeedbackGiven: News(
        ("request_no", "feedback"),
        (Owed(p.reporter, "sighting_feedback", HERE),),
    ),
    routing.CaseRouted: News(
        ("case.request_no", "kind", "due_at", "urgent", "risk", "asked_at=submitted_recorded_at", *OWNER),
        (Owed(p.holder, "case_assigned", HERE), Owed(p.urgent_desk, URGENT, HERE)),
    ),
    routing.CaseEscalated: News(
        ("case.request_no", "from_unit_id", "reason", *OWNER),
        (Owed(p.resident, "case_escalated", AWAY_TOO), Owed(p.holder, "case_arrived", HERE)),
    ),
    routing.CaseReassigned: News(
        ("case.request_no", "from_unit_id", "reason", *OWNER),
        (Owed(p.resident, "case_reassigned", AWAY_TOO), Owed(p.holder, "case_handed_over", HERE)),
    ),
    routing.CaseReturned: News(
        ("case.request_no", "proposed_unit_id", "return_reason=reason", "rule_by=clock.due_at", *OWNER),
        (Owed(p.superior, "return_to_rule_on", HERE),),
    ),
    routing.ReturnRuled: News(
        ("case.request_no", "unit_id", "superior_unit_id", "ruling", "to_unit_id"),
        (Owed(p.unit, "return_ruled", HERE),),
    ),
    routing.SupervisionOrdered: News(
        ("case.request_no", "reason", "order", "answer_by=answer_clock.due_at", *OWNER),
        (
            Owed(p.resident, "case_supervised", AWAY_TOO),
            Owed(p.post, "supervision_ordered", HERE),
            Owed(p.desk, "supervision_ordered", HERE),
        ),
    ),
    routing.SupervisionAnswered: News(
        (*OF_ORDER, "result"),
        (Owed(p.orderer, "supervision_answered", HERE),),
    ),
    routing.AnswerAccepted: News(
        OF_ORDER,
        (Owed(p.unit, "answer_accepted", HERE),),
    ),
    routing.AnswerSentBack: News(
        OF_ORDER,
        (Owed(p.unit, "answer_sent_back", HERE),),
    ),
    routing.SupervisionRepeated: News(
        ("case.request_no", "order", "repeats", "answered", "answer_by=answer_clock.due_at", *OWNER),
        (Owed(p.post, "supervision_repeated", HERE), Owed(p.orderer, "supervision_repeated", HERE)),
    ),
    routing.CaseResolved: News(
        ("case.request_no", "unit_id", "outcome"),
        (Owed(p.resident, "case_resolved", AWAY_TOO),),
    ),
    routing.CaseWithdrawn: News(
        ("case.request_no", "unit_id"),
        (Owed(p.resident, "case_withdrawn", AWAY_TOO), Owed(p.unit, "case_taken_back", HERE)),
    ),
    routing.CaseReopened: News(
        ("case.request_no", "due_at", "reason", *OWNER),
        (Owed(p.resident, "case_reopened", AWAY_TOO), Owed(p.holder, "case_came_back", HERE)),
    ),
    routing.WishDeclined: News(
        ("case.request_no", "wish", "status", "reason", "way_on"),
        (Owed(p.resident, "wish_declined", AWAY_TOO),),
    ),
    routing.CaseReferred: News(
        ("case.request_no", "track", *OWNER),
        (Owed(p.resident, "case_referred", AWAY_TOO), Owed(p.holder, "case_referred_here", HERE)),
    ),
    routing.CaseTakenBack: News(
        ("case.request_no", "conclusion", "due_at", *OWNER),
        (Owed(p.resident, "case_goes_on", AWAY_TOO), Owed(p.holder, "case_goes_on_here", HERE)),
    ),
    handling.HandlerRecused: News(
        ("case.request_no", "unit_id", "to_unit_id", "residents_wish"),
        (Owed(p.unit, "handler_recused", HERE), Owed(p.desk, "handler_recused", HERE)),
    ),
    handling.PartSplitOff: News(
        ("case.request_no", "reference", "route", "split_reason=reason", "unit_id"),
        (Owed(p.resident, "part_split_off", AWAY_TOO),),
    ),
    handling.AssistanceAsked: News(
        (*OF_ASSISTANCE, "task", "answer_by=answer_clock.due_at"),
        (Owed(p.assisting, "assistance_asked", HERE),),
    ),
    handling.AssistanceAnswered: News(
        (*OF_ASSISTANCE, "answer", "result"),
        (Owed(p.lead, "assistance_answered", HERE),),
    ),
    handling.AssistanceOverdue: News(
        (*OF_ASSISTANCE, "superior_unit_id", "repeats", "accepted", "answer_by=answer_clock.due_at"),
        (
            Owed(p.assisting, "assistance_overdue", HERE),
            Owed(p.overseer, "assistance_overdue", HERE),
            Owed(p.lead, "assistance_overdue", HERE),
        ),
    ),
    handling.AssistanceEnded: News(
        (*OF_ASSISTANCE, "reason"),
        (Owed(p.assisting, "assistance_ended", HERE),),
    ),
    followup.CallBackOpened: News(
        (*OF_SETTLEMENT, CALL_BY),
        (Owed(p.caller, "call_back_asked", HERE),),
    ),
    followup.CallBackOverdue: News(
        (*OF_SETTLEMENT, "repeats", CALL_BY),
        (Owed(p.caller, "call_back_overdue", HERE),),
    ),
    followup.CaseClosed: News(
        ("case.request_no",),
        (Owed(p.not_reached, "case_closed", AWAY_TOO),),
    ),
    followup.ReviewOpened: News(
        (*OF_SETTLEMENT, "number", REVIEW_BY),
        (Owed(p.reviewer, "review_asked", HERE),),
    ),
    followup.ReviewOverdue: News(
        (*OF_SETTLEMENT, "number", "repeats", REVIEW_BY),
        (Owed(p.reviewer, "review_overdue", HERE),),
    ),
    followup.ReviewRecorded: News(
        (*OF_SETTLEMENT, "finding"),
        (Owed(p.resident, "review_recorded", AWAY_TOO), Owed(p.unit, "review_of_settlement", HERE)),
    ),
    routing.CaseJoined: News(
        ("case.request_no", "lead_request_no", "unit_id", "join_reason=reason"),
        (Owed(p.resident, "case_joined", AWAY_TOO), Owed(p.unit, "case_joined_here", HERE)),
    ),
    routing.CaseParted: News(
        ("case.request_no", "due_at", "part_reason=reason", *OWNER),
        (Owed(p.resident, "case_parted", AWAY_TOO), Owed(p.holder, "case_parted_here", HERE)),
    ),
    clocks.DeadlineNeared: News(
        ("case.request_no", "stage", "due_at", *OWNER),
        (Owed(p.holder, "deadline_neared", HERE),),
    ),
    clocks.FirstContactMissed: News(
        ("case.request_no", "due_at", *OWNER),
        (Owed(p.holder, "first_contact_missed", HERE), Owed(p.overseer, "first_contact_missed", HERE)),
    ),
    clocks.DeadlineRecomputed: News(
        ("case.request_no", "former_due_at", "due_at", *OWNER),
        (
            Owed(p.resident_if_moved, "deadline_recomputed", AWAY_TOO),
            Owed(p.holder_if_moved, "deadline_recomputed_here", HERE),
        ),
    ),
    clocks.PauseAsked: News(
        ("case.request_no", "ask", "kind", "rule", *OWNER),
        (Owed(p.approver, "pause_asked", HERE),),
    ),
    clocks.ExtensionAsked: News(
        ("case.request_no", "ask", "rule", *OWNER),
        (Owed(p.approver, "extension_asked", HERE),),
    ),
    clocks.ClocksPaused: News(
        (*OF_TIME, "kind", "until=clock.due_at"),
        (Owed(p.resident, "clocks_paused", AWAY_TOO), Owed(p.holder, "time_granted", HERE)),
    ),
    clocks.ClocksResumed: News(
        (*OF_TIME, "kind"),
        (Owed(p.resident, "clocks_resumed", AWAY_TOO), Owed(p.holder, "clocks_run_again", HERE)),
    ),
    clocks.DueTimeExtended: News(
        OF_TIME,
        (Owed(p.resident, "due_time_extended", AWAY_TOO), Owed(p.holder, "time_granted", HERE)),
    ),
    clocks.TimeRefused: News(
        ("case.request_no", "ask", "unit_id"),
        (Owed(p.unit, "time_refused", HERE),),
    ),
    warnings.EndAwaited: News(
        ("case.request_no", "unit_id", "answer_by=answer_clock.due_at"),
        (Owed(p.overseer, "end_to_record", HERE),),
    ),
    warnings.EndOverdue: News(
        ("case.request_no", "unit_id", "repeats", "answer_by=answer_clock.due_at"),
        (Owed(p.overseer, "end_overdue", HERE),),
    ),
    warnings.EarlyWarningEnded: News(
        ("case.request_no", "unit_id"),
        (Owed(p.unit, "end_recorded", HERE),),
    ),
    rosters.AnswererSummoned: News(
        (*OF_SUMMONS, "answer_by=clock.due_at"),
        (Owed(p.answerer, "department_summoned", HERE),),
    ),
    rosters.SummonsAnswered: News(
        OF_SUMMONS,
        (Owed(p.summoning, "summons_answered", HERE),),
    ),
    rosters.SummonsUnanswered: News(
        (*OF_SUMMONS, "asked"),
        (Owed(p.summoning, "summons_unanswered", HERE), Owed(p.summons_desk, "summons_unanswered", HERE)),
    ),
    rosters.SummonsWithdrawn: News(
        OF_SUMMONS,
        (Owed(p.answerer, "summons_withdrawn", HERE),),
    ),
    forces.VolunteersAsked: News(
        (*OF_CALL_OUT, "skill", "begins_at=begins.due_at"),
        (Owed(p.volunteers, "volunteer_asked", AWAY_TOO),),
    ),
    forces.CallOutRanShort: News(
        (*OF_CALL_OUT, "asked", "coming", "needed"),
        (Owed(p.calling, "call_out_short", HERE), Owed(p.call_out_desk, "call_out_short", HERE)),
    ),
    forces.CallOutCancelled: News(
        OF_CALL_OUT,
        (Owed(p.not_needed, "call_out_cancelled", AWAY_TOO),),
    ),
    meetings.MeetingCalled: News(
        OF_MEETING,
        (Owed(p.invited, "meeting_called", HERE),),
    ),
    meetings.MeetingCancelled: News(
        (*OF_MEETING, "reason"),
        (Owed(p.invited, "meeting_cancelled", HERE),),
    ),
    meetings.MeetingMissed: News(
        (*OF_MEETING, "times"),
        (Owed(p.meeting_desk, "meeting_missed", HERE),),
    ),
    meetings.MeetingTaskAssigned: News(
        (*OF_MEETING, "task_id", "unit_id", "due_on"),
        (Owed(p.tasked, "meeting_task_assigned", HERE),),
    ),
    meetings.MeetingTaskOverdue: News(
        (*OF_MEETING, "task_id", "unit_id", "due_on", "times"),
        (Owed(p.tasked, "meeting_task_overdue", HERE), Owed(p.meeting_desk, "meeting_task_overdue", HERE)),
    ),
    emergencies.EmergencyDeclared: News(
        (*OF_EMERGENCY, "begins_at", "ends_at"),
        (Owed(p.area, "emergency_declared", HERE), Owed(p.emergency_desk, "emergency_declared", HERE)),
    ),
    emergencies.EmergencyEnded: News(
        (*OF_EMERGENCY, "end"),
        (Owed(p.area, "emergency_ended", HERE), Owed(p.emergency_desk, "emergency_ended", HERE)),
    ),
    screenings.ScreeningBegan: News(
        (*OF_SCREENING, "due_on"),
        (Owed(p.told, "screening_began", HERE),),
    ),
    screenings.ScreeningOverdue: News(
        (*OF_SCREENING, "due_on", "times", "unreported"),
        (Owed(p.told, "screening_overdue", HERE),),
    ),
    screenings.ScreeningClosed: News(
        (*OF_SCREENING, "reported", "unreported", "visited", "findings"),
        (Owed(p.told, "screening_left", HERE), Owed(p.screening_desk, "screening_closed", HERE)),
    ),
    mediation.MediationOpened: News(
        OF_MEDIATION,
        (Owed(p.parties, "mediation_opened", AWAY_TOO),),
    ),
    mediation.ChoiceOpened: News(
        (*OF_MEDIATION, UNTIL),
        (Owed(p.parties, "mediator_choice", AWAY_TOO),),
    ),
    mediation.MediatorAppointed: News(
        (*OF_MEDIATION, "manner", UNTIL),
        (Owed(p.parties, "mediator_appointed", AWAY_TOO), Owed(p.mediator, "mediator_asked", HERE)),
    ),
    mediation.MediatorConfirmed: News(
        (*OF_MEDIATION, UNTIL),
        (Owed(p.parties, "mediator_confirmed", AWAY_TOO),),
    ),
    mediation.SessionScheduled: News(
        (*OF_MEDIATION, "session", "begins_at=at", "manner"),
        (Owed(p.parties, "session_scheduled", AWAY_TOO), Owed(p.mediator, "session_scheduled_here", HERE)),
    ),
    mediation.TermExtended: News(
        (*OF_MEDIATION, "days", UNTIL),
        (Owed(p.parties, "mediation_extended", AWAY_TOO),),
    ),
    mediation.AgreementProposed: News(
        (*OF_MEDIATION, "form"),
        (Owed(p.parties, "agreement_proposed", AWAY_TOO),),
    ),
    mediation.AgreementTookEffect: News(
        (*OF_MEDIATION, "partial"),
        (Owed(p.parties_and_asker, "agreement_in_force", AWAY_TOO),),
    ),
    mediation.MediationEnded: News(
        (*OF_MEDIATION, "reason"),
        (Owed(p.parties_and_asker, "mediation_ended", AWAY_TOO),),
    ),
    petition.PetitionReceived: News(
        (*OF_PETITION, UNTIL),
        (Owed(p.organ, "petition_arrived", HERE),),
    ),
    petition.ReceiptNotified: News(
        OF_PETITION,
        (Owed(p.petitioner, "petition_receipt", AWAY_TOO),),
    ),
    petition.PetitionAccepted: News(
        (*OF_PETITION, UNTIL),
        (Owed(p.petitioner, "petition_accepted", AWAY_TOO),),
    ),
    petition.PetitionNotAccepted: News(
        (*OF_PETITION, "reason"),
        (Owed(p.petitioner, "petition_not_accepted", AWAY_TOO),),
    ),
    petition.DeadlineExtended: News(
        (*OF_PETITION, "days", "reason", UNTIL),
        (Owed(p.petitioner, "petition_extended", AWAY_TOO),),
    ),
    petition.OpinionDelivered: News(
        (*OF_PETITION, "outcome", UNTIL),
        (Owed(p.petitioner, "opinion_delivered", AWAY_TOO),),
    ),
    petition.OpinionBecameFinal: News(
        OF_PETITION,
        (Owed(p.petitioner, "opinion_final", AWAY_TOO),),
    ),
    petition.PetitionReplied: News(
        (*OF_PETITION, "outcome"),
        (Owed(p.petitioner, "petition_replied", AWAY_TOO),),
    ),
    petition.DutyWarned: News(
        (*OF_PETITION, "clock"),
        (Owed(p.organ, "duty_warned", HERE),),
    ),
    petition.DutyOverdue: News(
        (*OF_PETITION, "clock"),
        (
            Owed(p.petitioner, "duty_overdue_petitioner", AWAY_TOO),
            Owed(p.organ, "duty_overdue", HERE),
            Owed(p.petition_desk, "duty_overdue", HERE),
        ),
    ),
    petition.SupervisionAsked: News(
        OF_PETITION,
        (Owed(p.petition_desk, "petition_supervision", HERE),),
    ),
})  # fmt: skip

NOT_OWED: frozenset[type[Message]] = frozenset(
    {
        # The resident did it, or routing's answer to it is the news.
        intake.EscalationRequested,
        intake.WithdrawalRequested,
        intake.ReopeningRequested,
        intake.ReferralRequested,
        intake.OutcomeRated,
        followup.ResidentAnswered,
        # What routing's event told already.
        intake.RequestSettled,
        intake.RequestClosed,
        intake.RequestWithdrawn,
        intake.RequestReopened,
        intake.RequestJoined,
        intake.RequestParted,
        # What people of the house note for each other.
        intake.RequestsLinked,
        intake.DuplicateRejected,
        # Steps within a unit; the timeline shows them.
        routing.CaseAccepted,
        # `CaseReassigned` follows, and is the news.
        handling.CaseDelegated,
        handling.DelegationEnded,
        routing.ProgressReported,
        # The call-back goes on; what comes of it is the news.
        followup.CallBackMissed,
        # It is told when somebody works.
        clocks.WarningPutOff,
        # Steps of a call-out; whoever called can look at it.
        forces.VolunteersCalledOut,
        forces.VolunteerAccepted,
        forces.VolunteerDeclined,
        forces.VolunteerCheckedIn,
        forces.VolunteerCheckedOut,
        forces.CallOutBegan,
        forces.CallOutEnded,
        # Whoever called a meeting looks at it; its tasks are told to those who have them.
        meetings.AgendaItemAdded,
        meetings.MinutesRecorded,
        meetings.MeetingTaskDone,
        meetings.MeetingTaskLeftOpen,
        meetings.MeetingClosed,
        # Its units are told when it begins; whoever planned it looks at it.
        screenings.ScreeningPlanned,
        screenings.ScreeningReported,
        # What comes of it is the news.
        routing.ReferralRecalled,
        mediation.DisputeReceived,
        # Steps between those at the table; the one that they lead to is the news.
        mediation.ConsentGiven,
        mediation.MediatorNamed,
        mediation.MediatorDeclined,
        mediation.SessionRecorded,
        mediation.AgreementSigned,
        # Within the office; receipt, acceptance and answer are the news.
        petition.PetitionRegistered,
        petition.PetitionRouted,
        petition.ReceiptNoticeWaived,
        petition.OpinionIssued,
        # Routing tells that the case was withdrawn.
        petition.PetitionWithdrawn,
    }
)

NEWS: Mapping[str, News] = MappingProxyType({kind.DESCRIPTOR.full_name: news for kind, news in OWED.items()})
RESTRICTED_NEWS: Mapping[str, News] = MappingProxyType(
    {kind.DESCRIPTOR.full_name: news for kind, news in OF_ACCUSATIONS.items()}
)
TEMPLATES = tuple(
    sorted(
        {owed.template for table in (OWED, OF_ACCUSATIONS) for news in table.values() for owed in news.owed}
    )
)


def facts_of(event: Message, news: News) -> dict[str, Any]:
    """What the templates may tell of an event: codes, numbers, times; enums by short lower-case names.

    A fact is called as the last part of its path, or as it is renamed (`name=path`).
    """
    return {name: _fact(event, path) for name, path in map(_path, news.facts)}


@functools.cache
def _path(fact: str) -> tuple[str, tuple[str, ...]]:
    """A fact's name, and the fields that lead to it."""
    name, renamed, path = fact.partition("=")
    return name if renamed else name.rpartition(".")[2], tuple((path or name).split("."))


def _fact(message: Message, path: Sequence[str]) -> Any:
    value: Any = message
    for name in path:
        message, value = value, getattr(value, name)
    if isinstance(value, str):
        return value
    if isinstance(value, Timestamp):
        return instant_or_none(value)
    return _word(message.DESCRIPTOR, path[-1], value)


@functools.lru_cache(maxsize=1024)
def _word(message: Descriptor, name: str, value: int) -> Any:
    """The short name of an enum's value; everything else as it is."""
    enum = message.fields_by_name[name].enum_type
    return enum.values_by_number[value].name.removeprefix(_prefix(enum.name)).lower() if enum else value


def _prefix(enum_name: str) -> str:
    """`MoveReason` → `MOVE_REASON_`."""
    return "".join(f"_{c}" if c.isupper() else c for c in enum_name).lstrip("_").upper() + "_"
