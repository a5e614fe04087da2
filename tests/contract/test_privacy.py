"""No name, phone, address or free text on any topic: each text of an event is on a list, with its meaning."""

import re
from collections.abc import Iterable, Iterator

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default

from services.chassis import topics

INBOUND = "fengqiao.intake.v1.InboundRequest"
"""The one exception: it carries what the agency sends."""

SUSPECT = re.compile(
    r"(^|_)(name|names|surname|phone|mobile|tel|telephone|email|mail|address|street|contact|id_card|identity|birth|"
    r"birthday|gender|title|description|text|note|notes|comment|comments|remark|remarks|message|body|content|"
    r"attributes|summary|subject|photo|attachment|latitude|longitude|location|plate)(_|$)"
)

MEANINGS = {
    # intake
    "fengqiao.intake.v1.RequestSubmitted.request_no": "number of the request",
    "fengqiao.intake.v1.RequestSubmitted.site_id": "id of the site",
    "fengqiao.intake.v1.RequestSubmitted.kind": "code of the matter",
    "fengqiao.intake.v1.RequestSubmitted.unit_id": "id of a unit",
    "fengqiao.intake.v1.RequestSubmitted.channel": "code of the way it came",
    "fengqiao.intake.v1.RequestSubmitted.source": "id of the agency's system",
    "fengqiao.intake.v1.RequestSubmitted.person_ref": "opaque reference into the vault",
    "fengqiao.intake.v1.RequestSubmitted.reporter_ref": "opaque reference of a light reporter",
    "fengqiao.intake.v1.FeedbackGiven.request_no": "number of the request",
    "fengqiao.intake.v1.FeedbackGiven.site_id": "id of the site",
    "fengqiao.intake.v1.FeedbackGiven.reporter_ref": "opaque reference of a light reporter",
    "fengqiao.intake.v1.AccusationSubmitted.request_no": "number of the request",
    "fengqiao.intake.v1.AccusationSubmitted.site_id": "id of the site",
    "fengqiao.intake.v1.AccusationSubmitted.kind": "code of the matter",
    "fengqiao.intake.v1.AccusationSubmitted.accused_unit_id": "id of a unit",
    "fengqiao.intake.v1.AccusationSubmitted.channel": "code of the way it came",
    "fengqiao.intake.v1.AccusationSubmitted.source": "id of the agency's system",
    "fengqiao.intake.v1.AccusationSubmitted.person_ref": "opaque reference into the vault",
    "fengqiao.intake.v1.EscalationRequested.reason": "code",
    "fengqiao.intake.v1.WithdrawalRequested.reason": "code",
    "fengqiao.intake.v1.ReopeningRequested.reason": "code",
    "fengqiao.intake.v1.SubmissionAccepted.reference": "the agency's own number",
    "fengqiao.intake.v1.SubmissionAccepted.case_id": "id of the case",
    "fengqiao.intake.v1.SubmissionAccepted.request_no": "number of the request",
    "fengqiao.intake.v1.SubmissionRejected.reference": "the agency's own number",
    "fengqiao.intake.v1.Violation.field": "path of a field of the contract",
    "fengqiao.intake.v1.Violation.reason": "code",
    "fengqiao.intake.v1.InboundPosition.topic": "name of a topic",
    # routing
    "fengqiao.routing.v1.CaseReference.request_no": "number of the request",
    "fengqiao.routing.v1.CaseReference.site_id": "id of the site",
    "fengqiao.routing.v1.CaseReference.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.Assignment.unit_id": "id of a unit",
    "fengqiao.routing.v1.Assignment.post_id": "id of a post",
    "fengqiao.routing.v1.Assignment.holder_ref": "opaque reference of the post's holder",
    "fengqiao.routing.v1.Assignment.reasons": "codes",
    "fengqiao.routing.v1.CaseRouted.kind": "code of the matter",
    "fengqiao.routing.v1.CaseAccepted.unit_id": "id of a unit",
    "fengqiao.routing.v1.ProgressReported.unit_id": "id of a unit",
    "fengqiao.routing.v1.ProgressReported.progress": "code",
    "fengqiao.routing.v1.CaseEscalated.from_unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseEscalated.clock": "name of a clock, as tier-2",
    "fengqiao.routing.v1.CaseReassigned.from_unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseReassigned.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.CaseReturned.proposed_unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseReturned.superior_unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseReturned.returned_by": "opaque reference of who did it",
    "fengqiao.routing.v1.ReturnRuled.unit_id": "id of a unit",
    "fengqiao.routing.v1.ReturnRuled.superior_unit_id": "id of a unit",
    "fengqiao.routing.v1.ReturnRuled.to_unit_id": "id of a unit",
    "fengqiao.routing.v1.ReturnRuled.ruled_by": "opaque reference of who decided",
    "fengqiao.routing.v1.SupervisionOrdered.clock": "name of a clock, as tier-2",
    "fengqiao.routing.v1.SupervisionOrdered.orderer_unit_id": "id of a unit",
    "fengqiao.routing.v1.SupervisionOrdered.ordered_by": "opaque reference of who did it",
    "fengqiao.routing.v1.SupervisionAnswered.unit_id": "id of a unit",
    "fengqiao.routing.v1.SupervisionAnswered.result": "code",
    "fengqiao.routing.v1.SupervisionAnswered.answered_by": "opaque reference of who did it",
    "fengqiao.routing.v1.SupervisionAnswered.orderer_unit_id": "id of a unit",
    "fengqiao.routing.v1.AnswerAccepted.unit_id": "id of a unit",
    "fengqiao.routing.v1.AnswerAccepted.accepted_by": "opaque reference of who did it",
    "fengqiao.routing.v1.AnswerSentBack.unit_id": "id of a unit",
    "fengqiao.routing.v1.AnswerSentBack.sent_back_by": "opaque reference of who did it",
    "fengqiao.routing.v1.SupervisionRepeated.orderer_unit_id": "id of a unit",
    "fengqiao.routing.v1.SupervisionRepeated.clock": "name of a clock, as tier-2",
    "fengqiao.routing.v1.HandlerRecused.unit_id": "id of a unit",
    "fengqiao.routing.v1.HandlerRecused.recused_ref": "opaque reference of the post's holder",
    "fengqiao.routing.v1.HandlerRecused.recused_by": "opaque reference of who did it",
    "fengqiao.routing.v1.HandlerRecused.to_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceAsked.unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceAsked.department": "code of a department",
    "fengqiao.routing.v1.AssistanceAsked.person_ref": "opaque reference",
    "fengqiao.routing.v1.AssistanceAsked.task": "code",
    "fengqiao.routing.v1.AssistanceAsked.lead_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceAsked.asked_by": "opaque reference of who did it",
    "fengqiao.routing.v1.AssistanceAnswered.unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceAnswered.department": "code of a department",
    "fengqiao.routing.v1.AssistanceAnswered.result": "code",
    "fengqiao.routing.v1.AssistanceAnswered.answered_by": "opaque reference of who did it",
    "fengqiao.routing.v1.AssistanceAnswered.lead_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceOverdue.unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceOverdue.department": "code of a department",
    "fengqiao.routing.v1.AssistanceOverdue.person_ref": "opaque reference",
    "fengqiao.routing.v1.AssistanceOverdue.lead_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceOverdue.superior_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceOverdue.clock": "name of a clock, as tier-2",
    "fengqiao.routing.v1.AssistanceEnded.unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceEnded.department": "code of a department",
    "fengqiao.routing.v1.AssistanceEnded.person_ref": "opaque reference",
    "fengqiao.routing.v1.AssistanceEnded.lead_unit_id": "id of a unit",
    "fengqiao.routing.v1.AssistanceEnded.ended_by": "opaque reference of who did it",
    "fengqiao.routing.v1.CaseResolved.unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseResolved.outcome": "code",
    "fengqiao.routing.v1.CaseWithdrawn.unit_id": "id of a unit",
    "fengqiao.routing.v1.CaseReferred.kind": "code of the matter",
    "fengqiao.routing.v1.CaseReferred.reason": "code",
    "fengqiao.routing.v1.ReferralRecalled.wish": "code",
    "fengqiao.routing.v1.CaseTakenBack.conclusion": "code",
    "fengqiao.routing.v1.WishDeclined.wish": "code",
    "fengqiao.routing.v1.WishDeclined.status": "code",
    "fengqiao.routing.v1.BoundaryDrawn.on": "date",
    "fengqiao.routing.v1.BoundaryDrawn.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.RestructuringDecided.into": "ids of units",
    "fengqiao.routing.v1.RestructuringDecided.on": "date",
    "fengqiao.routing.v1.RestructuringDecided.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.DepartmentReference.site_id": "id of the site",
    "fengqiao.routing.v1.DepartmentReference.code": "code of a department",
    "fengqiao.routing.v1.Hours.opens": "time of day",
    "fengqiao.routing.v1.Hours.closes": "time of day",
    "fengqiao.routing.v1.DepartmentEstablished.kinds": "codes of matters",
    "fengqiao.routing.v1.DepartmentEstablished.desk": "number of a desk",
    "fengqiao.routing.v1.DepartmentClosed.on": "date",
    "fengqiao.routing.v1.DutyPlanned.duty_id": "id of a duty",
    "fengqiao.routing.v1.DutyPlanned.person_ref": "opaque reference",
    "fengqiao.routing.v1.DutyPlanned.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.DutyCancelled.duty_id": "id of a duty",
    "fengqiao.routing.v1.DutyCancelled.on": "date",
    "fengqiao.routing.v1.DutyCancelled.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.PersonReference.site_id": "id of the site",
    "fengqiao.routing.v1.PersonReference.person_ref": "opaque reference",
    "fengqiao.routing.v1.PersonRegistered.registered_by": "opaque reference of who did it",
    "fengqiao.routing.v1.RoleGranted.unit_id": "id of a unit",
    "fengqiao.routing.v1.RoleGranted.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.RoleEnded.unit_id": "id of a unit",
    "fengqiao.routing.v1.RoleEnded.on": "a day",
    "fengqiao.routing.v1.RoleEnded.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.OfferStated.skills": "codes",
    "fengqiao.routing.v1.ForceJoined.force": "code of a force",
    "fengqiao.routing.v1.ForceJoined.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.ForceLeft.force": "code of a force",
    "fengqiao.routing.v1.ForceLeft.on": "a day",
    "fengqiao.routing.v1.ForceLeft.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.ForceReference.site_id": "id of the site",
    "fengqiao.routing.v1.ForceReference.code": "code of a force",
    "fengqiao.routing.v1.ForceEstablished.unit_id": "id of a unit",
    "fengqiao.routing.v1.ForceEstablished.skills": "codes",
    "fengqiao.routing.v1.ForceEstablished.speaker_ref": "opaque reference",
    "fengqiao.routing.v1.ForceEstablished.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.SpeakerNamed.speaker_ref": "opaque reference",
    "fengqiao.routing.v1.SpeakerNamed.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.ForceDisbanded.on": "a day",
    "fengqiao.routing.v1.ForceDisbanded.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.CallOutReference.site_id": "id of the site",
    "fengqiao.routing.v1.CallOutReference.unit_id": "id of a unit",
    "fengqiao.routing.v1.CallOutReference.case_id": "id of the case",
    "fengqiao.routing.v1.CallOutReference.request_no": "number of the request",
    "fengqiao.routing.v1.CallOutReference.told_unit_id": "id of a unit",
    "fengqiao.routing.v1.Reason.code": "code",
    "fengqiao.routing.v1.Reason.value": "code",
    "fengqiao.routing.v1.AskedVolunteer.person_ref": "opaque reference",
    "fengqiao.routing.v1.VolunteersCalledOut.skill": "code",
    "fengqiao.routing.v1.VolunteersCalledOut.force": "code of a force",
    "fengqiao.routing.v1.VolunteersCalledOut.called_by": "opaque reference of who did it",
    "fengqiao.routing.v1.VolunteersAsked.skill": "code",
    "fengqiao.routing.v1.VolunteerAccepted.person_ref": "opaque reference",
    "fengqiao.routing.v1.VolunteerDeclined.person_ref": "opaque reference",
    "fengqiao.routing.v1.VolunteerCheckedIn.person_ref": "opaque reference",
    "fengqiao.routing.v1.VolunteerCheckedOut.person_ref": "opaque reference",
    "fengqiao.routing.v1.CallOutEnded.ended_by": "opaque reference of who did it",
    "fengqiao.routing.v1.CallOutCancelled.cancelled_by": "opaque reference of who did it",
    "fengqiao.routing.v1.CallOutCancelled.person_refs": "opaque references",
    "fengqiao.routing.v1.SummonsReference.site_id": "id of the site",
    "fengqiao.routing.v1.SummonsReference.department": "code of a department",
    "fengqiao.routing.v1.SummonsReference.case_id": "id of the case",
    "fengqiao.routing.v1.SummonsReference.request_no": "number of the request",
    "fengqiao.routing.v1.SummonsReference.unit_id": "id of a unit",
    "fengqiao.routing.v1.AnswererSummoned.person_ref": "opaque reference",
    "fengqiao.routing.v1.AnswererSummoned.next_refs": "opaque references",
    "fengqiao.routing.v1.AnswererSummoned.summoned_by": "opaque reference of who did it",
    "fengqiao.routing.v1.AnswererSummoned.kind": "code of the matter",
    "fengqiao.routing.v1.SummonsAnswered.person_ref": "opaque reference",
    "fengqiao.routing.v1.SummonsUnanswered.summoned_by": "opaque reference of who did it",
    "fengqiao.routing.v1.SummonsUnanswered.kind": "code of the matter",
    "fengqiao.routing.v1.SummonsWithdrawn.withdrawn_by": "opaque reference of who did it",
    "fengqiao.routing.v1.SummonsWithdrawn.person_ref": "opaque reference",
    "fengqiao.routing.v1.MeetingReference.site_id": "id of the site",
    "fengqiao.routing.v1.MeetingReference.unit_id": "id of a unit",
    "fengqiao.routing.v1.MeetingReference.on": "date",
    "fengqiao.routing.v1.MeetingCalled.units": "ids of units",
    "fengqiao.routing.v1.MeetingCalled.departments": "codes of departments",
    "fengqiao.routing.v1.MeetingCalled.called_by": "opaque reference of who did it",
    "fengqiao.routing.v1.AgendaItemAdded.item_id": "id of an item",
    "fengqiao.routing.v1.AgendaItemAdded.case_id": "id of the case",
    "fengqiao.routing.v1.AgendaItemAdded.request_no": "number of the request",
    "fengqiao.routing.v1.AgendaItemAdded.kind": "code of the matter",
    "fengqiao.routing.v1.AgendaItemAdded.unit_id": "id of a unit",
    "fengqiao.routing.v1.AgendaItemAdded.lead": "code of a department",
    "fengqiao.routing.v1.AgendaItemAdded.assisting": "codes of departments",
    "fengqiao.routing.v1.AgendaItemAdded.added_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MinutesRecorded.item_id": "id of an item",
    "fengqiao.routing.v1.MinutesRecorded.digest": "digest of a text",
    "fengqiao.routing.v1.MinutesRecorded.recorded_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MeetingTaskAssigned.item_id": "id of an item",
    "fengqiao.routing.v1.MeetingTaskAssigned.task_id": "id of a task",
    "fengqiao.routing.v1.MeetingTaskAssigned.unit_id": "id of a unit",
    "fengqiao.routing.v1.MeetingTaskAssigned.due_on": "date",
    "fengqiao.routing.v1.MeetingTaskAssigned.digest": "digest of a text",
    "fengqiao.routing.v1.MeetingTaskAssigned.assigned_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MeetingTaskOverdue.item_id": "id of an item",
    "fengqiao.routing.v1.MeetingTaskOverdue.task_id": "id of a task",
    "fengqiao.routing.v1.MeetingTaskOverdue.unit_id": "id of a unit",
    "fengqiao.routing.v1.MeetingTaskOverdue.due_on": "date",
    "fengqiao.routing.v1.MeetingTaskDone.item_id": "id of an item",
    "fengqiao.routing.v1.MeetingTaskDone.task_id": "id of a task",
    "fengqiao.routing.v1.MeetingTaskDone.unit_id": "id of a unit",
    "fengqiao.routing.v1.MeetingTaskDone.outcome": "code",
    "fengqiao.routing.v1.MeetingTaskDone.reported_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MeetingTaskLeftOpen.item_id": "id of an item",
    "fengqiao.routing.v1.MeetingTaskLeftOpen.task_id": "id of a task",
    "fengqiao.routing.v1.MeetingTaskLeftOpen.unit_id": "id of a unit",
    "fengqiao.routing.v1.MeetingTaskLeftOpen.reason": "code",
    "fengqiao.routing.v1.MeetingTaskLeftOpen.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.MeetingClosed.closed_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MeetingCancelled.reason": "code",
    "fengqiao.routing.v1.MeetingCancelled.cancelled_by": "opaque reference of who did it",
    "fengqiao.routing.v1.MeetingCancelled.units": "ids of units",
    "fengqiao.routing.v1.MeetingCancelled.departments": "codes of departments",
    "fengqiao.routing.v1.CitedClause.unit_code": "id of a unit",
    "fengqiao.routing.v1.CitedClause.number": "number of a clause",
    "fengqiao.routing.v1.VillageCodeReference.site_id": "id of the site",
    "fengqiao.routing.v1.VillageCodeReference.unit_code": "id of a unit",
    "fengqiao.routing.v1.AdoptedClause.number": "number of a clause",
    "fengqiao.routing.v1.AdoptedClause.digest": "digest of a published text",
    "fengqiao.routing.v1.VillageCodeAdopted.adopted_on": "date",
    "fengqiao.routing.v1.VillageCodeAdopted.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.VillageCodeRepealed.on": "date",
    "fengqiao.routing.v1.VillageCodeRepealed.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.UnitImported.decided_by": "opaque reference of who did it",
    "fengqiao.routing.v1.ImportedPost.post_id": "id of a post",
    "fengqiao.routing.v1.ImportedPost.person_ref": "opaque reference",
    "fengqiao.routing.v1.ImportedPost.nominated_on": "date",
    "fengqiao.routing.v1.ImportedPost.vetted_on": "date",
    "fengqiao.routing.v1.ImportedPost.appointed_on": "date",
    "fengqiao.routing.v1.ImportedPost.term_until": "date",
    "fengqiao.routing.v1.ImportedPost.leave_since": "date",
    "fengqiao.routing.v1.ImportedPost.leave_until": "date",
    "fengqiao.routing.v1.ImportedPost.substitute_ref": "opaque reference",
    "fengqiao.routing.v1.UnitImported.covers": "ids of units",
    "fengqiao.routing.v1.ImportedHouseholds.keys": "keys of addresses",
    "fengqiao.routing.v1.ImportedHouseholds.since": "date",
    "fengqiao.routing.v1.ImportedHouseholds.until": "date",
    "fengqiao.routing.v1.UnitReference.site_id": "id of the site",
    "fengqiao.routing.v1.UnitReference.code": "id of a unit",
    "fengqiao.routing.v1.Days.since": "date",
    "fengqiao.routing.v1.Days.until": "date",
    "fengqiao.routing.v1.UnitEstablished.posts": "ids of posts",
    "fengqiao.routing.v1.UnitEstablished.succeeds": "ids of units",
    "fengqiao.routing.v1.UnitEstablished.covers": "ids of units",
    "fengqiao.routing.v1.UnitClosed.on": "date",
    "fengqiao.routing.v1.UnitClosed.successors": "ids of units",
    "fengqiao.routing.v1.HouseholdsSettled.households": "keys of addresses, which tell no address",
    "fengqiao.routing.v1.HouseholdsReleased.households": "keys of addresses, which tell no address",
    "fengqiao.routing.v1.HouseholdsReleased.on": "date",
    "fengqiao.routing.v1.HouseholdsReleased.to_unit": "id of a unit",
    "fengqiao.routing.v1.LeaderNominated.post_id": "id of a post",
    "fengqiao.routing.v1.LeaderNominated.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.LeaderNominated.on": "date",
    "fengqiao.routing.v1.LeaderNominated.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.LeaderVetted.post_id": "id of a post",
    "fengqiao.routing.v1.LeaderVetted.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.LeaderVetted.on": "date",
    "fengqiao.routing.v1.LeaderVetted.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.LeaderAppointed.post_id": "id of a post",
    "fengqiao.routing.v1.LeaderAppointed.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.LeaderAppointed.on": "date",
    "fengqiao.routing.v1.LeaderAppointed.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.LeaveGranted.post_id": "id of a post",
    "fengqiao.routing.v1.LeaveGranted.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.LeaveGranted.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.LeaveEnded.post_id": "id of a post",
    "fengqiao.routing.v1.LeaveEnded.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.LeaveEnded.on": "date",
    "fengqiao.routing.v1.LeaveEnded.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.PostVacated.post_id": "id of a post",
    "fengqiao.routing.v1.PostVacated.person_ref": "opaque reference into the vault",
    "fengqiao.routing.v1.PostVacated.on": "date",
    "fengqiao.routing.v1.PostVacated.decided_by": "opaque reference of who decided",
    "fengqiao.routing.v1.LeaderVetted.reason": "code",
    "fengqiao.routing.v1.LeaderAppointed.term_until": "date",
    "fengqiao.routing.v1.LeaderAppointed.carried_from": "id of a unit",
    "fengqiao.routing.v1.LeaderAppointed.nominated_on": "date",
    "fengqiao.routing.v1.LeaderAppointed.vetted_on": "date",
    "fengqiao.routing.v1.LeaveGranted.substitute_ref": "opaque reference into the vault",
    "fengqiao.common.v1.Clock.name": "name of a clock, as tier-2",
    "fengqiao.common.v1.Clock.rule": "id and version of a rule",
    "fengqiao.common.v1.Clock.calendar_version": "version",
    "fengqiao.common.v1.ExplanationStep.code": "code",
    "fengqiao.common.v1.ExplanationStep.at": "date or instant",
    # mediation
    "fengqiao.mediation.v1.MediationReference.request_no": "number of the request",
    "fengqiao.mediation.v1.MediationReference.site_id": "id of the site",
    "fengqiao.mediation.v1.MediationReference.person_ref": "opaque reference into the vault",
    "fengqiao.mediation.v1.MediationReference.party_refs": "opaque references into the vault",
    "fengqiao.mediation.v1.MediationReference.mediator_ref": "opaque reference of a mediator",
    "fengqiao.mediation.v1.MediationReference.unit_id": "id of a unit",
    "fengqiao.mediation.v1.DisputeReceived.kind": "code of the matter",
    "fengqiao.mediation.v1.MediationOpened.dispute_type": "code",
    "fengqiao.mediation.v1.ConsentGiven.party_ref": "opaque reference into the vault",
    "fengqiao.mediation.v1.ConsentGiven.manner": "code",
    "fengqiao.mediation.v1.MediatorNamed.party_ref": "opaque reference into the vault",
    "fengqiao.mediation.v1.MediatorNamed.named_ref": "opaque reference of a mediator",
    "fengqiao.mediation.v1.MediatorAppointed.manner": "code",
    "fengqiao.mediation.v1.MediatorDeclined.declined_ref": "opaque reference of a mediator",
    "fengqiao.mediation.v1.MediatorDeclined.reason": "code",
    "fengqiao.mediation.v1.SessionScheduled.manner": "code",
    "fengqiao.mediation.v1.SessionRecorded.attended_refs": "opaque references",
    "fengqiao.mediation.v1.Performance.party_ref": "opaque reference into the vault",
    "fengqiao.mediation.v1.Performance.manner": "code",
    "fengqiao.mediation.v1.AgreementSigned.signer_ref": "opaque reference, or a unit",
    "fengqiao.mediation.v1.MediationEnded.by_ref": "opaque reference into the vault",
    "fengqiao.mediation.v1.MediationEnded.wish": "code",
    "fengqiao.mediation.v1.MediationEnded.clock": "name of a clock, as term",
    # petition
    "fengqiao.petition.v1.PetitionReference.request_no": "number of the request",
    "fengqiao.petition.v1.PetitionReference.site_id": "id of the site",
    "fengqiao.petition.v1.PetitionReference.person_ref": "opaque reference into the vault",
    "fengqiao.petition.v1.PetitionReference.unit_id": "id of a unit",
    "fengqiao.petition.v1.PetitionReference.accused_unit_id": "id of a unit",
    "fengqiao.petition.v1.PetitionReceived.kind": "code of the matter",
    "fengqiao.petition.v1.PetitionRegistered.content_code": "code",
    "fengqiao.petition.v1.PetitionRegistered.representative_refs": "opaque references into the vault",
    "fengqiao.petition.v1.PetitionRouted.from_unit_id": "id of a unit",
    "fengqiao.petition.v1.ReceiptNotified.manner": "code",
    "fengqiao.petition.v1.ReceiptNoticeWaived.reason": "code",
    "fengqiao.petition.v1.PetitionNotAccepted.reason": "code",
    "fengqiao.petition.v1.DeadlineExtended.reason": "code",
    "fengqiao.petition.v1.DeadlineExtended.approver_ref": "opaque reference of a post's holder",
    "fengqiao.petition.v1.OpinionDelivered.manner": "code",
    "fengqiao.petition.v1.OpinionBecameFinal.clock": "name of a clock, as p6",
    "fengqiao.petition.v1.PetitionReplied.outcome": "code",
    "fengqiao.petition.v1.PetitionWithdrawn.reason": "code",
    "fengqiao.petition.v1.DutyWarned.clock": "name of a clock, as p1",
    "fengqiao.petition.v1.DutyOverdue.clock": "name of a clock, as p1",
    "fengqiao.petition.v1.DutyOverdue.rule": "id and version of a rule",
    "fengqiao.petition.v1.SupervisionAsked.reason": "code",
    "fengqiao.petition.v1.PetitionConcluded.conclusion": "code",
    # notify
    "fengqiao.notify.v1.NoticeDelivered.case_id": "id of the case",
    "fengqiao.notify.v1.NoticeDelivered.about_event_id": "id of an event",
    "fengqiao.notify.v1.NoticeDelivered.template": "name of a template",
    "fengqiao.notify.v1.NoticeDelivered.channel": "code of the channel",
    "fengqiao.notify.v1.NoticeDelivered.recipient_ref": "opaque reference, or a post",
    "fengqiao.notify.v1.NoticeFailed.case_id": "id of the case",
    "fengqiao.notify.v1.NoticeFailed.about_event_id": "id of an event",
    "fengqiao.notify.v1.NoticeFailed.template": "name of a template",
    "fengqiao.notify.v1.NoticeFailed.channel": "code of the channel",
    "fengqiao.notify.v1.NoticeFailed.recipient_ref": "opaque reference, or a post",
    "fengqiao.notify.v1.NoticeFailed.reason": "code",
}
"""Every text that an event may carry. What is added here must be a code, a reference, an id or a time."""

NAMES_OF_THINGS = {"fengqiao.common.v1.Clock.name", "fengqiao.petition.v1.PetitionRegistered.content_code"}
"""Allowed in spite of how they are called."""


def fields(message: Descriptor, seen: set[str] | None = None) -> Iterator[FieldDescriptor]:
    """Every field of a message and of those in it, each message once; times are no texts."""
    seen = set() if seen is None else seen
    if message.full_name in seen or message.file.package == "google.protobuf":
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from fields(field.message_type, seen)


def texts(messages: Iterable[Descriptor]) -> dict[str, str]:
    """Full and short name of each field that can hold a text."""
    kinds = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}
    return {f.full_name: f.name for message in messages for f in fields(message) if f.type in kinds}


def leaks(messages: Iterable[Descriptor]) -> set[str]:
    """Fields that are not on the list, or are called like a person's data."""
    found = texts(messages)
    named = {full for full, name in found.items() if SUSPECT.search(name) and full not in NAMES_OF_THINGS}
    return named | (found.keys() - MEANINGS.keys())


def event_types() -> list[Descriptor]:
    topics.know_generated_types()
    names = {name for topic in topics.load() for name in topic.types or ()} - {INBOUND}
    return [Default().FindMessageTypeByName(name) for name in sorted(names)]


def test_every_text_of_an_event_is_a_code_or_a_reference_on_the_list() -> None:
    assert not leaks(event_types())


def test_the_list_names_nothing_that_is_gone() -> None:
    assert MEANINGS.keys() == texts(event_types()).keys()


def test_what_an_agency_sends_travels_on_the_inbound_topic_alone() -> None:
    carrying = {topic.name for topic in topics.load() if INBOUND in (topic.types or ())}
    assert carrying == {"fengqiao.inbound.{source}.requests"}
    topics.know_generated_types()
    assert "fengqiao.intake.v1.InboundContact.phone" in leaks([Default().FindMessageTypeByName(INBOUND)])


@pytest.mark.parametrize("field", ["phone", "resident_name", "note", "unlisted_code", "home_address"])
def test_a_field_that_could_hold_a_persons_data_is_found(field: str) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="leak.proto", package="leak", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    inner = file.message_type.add(name="Inner")
    inner.field.add(name=field, number=1, type=kind)
    outer = file.message_type.add(name="Outer")
    outer.field.add(
        name="inner", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, type_name=".leak.Inner"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    assert leaks([pool.FindMessageTypeByName("leak.Outer")]) == {f"leak.Inner.{field}"}
