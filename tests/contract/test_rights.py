"""One default-deny table per service: each method is in it, nothing else is, and roles are known ones."""

from collections.abc import Mapping

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from fengqiao.common.v1 import operations_service_pb2
from fengqiao.intake.v1 import intake_service_pb2
from fengqiao.mediation.v1 import mediation_service_pb2
from fengqiao.notify.v1 import notify_service_pb2
from fengqiao.petition.v1 import petition_service_pb2
from fengqiao.routing.v1 import (
    analysis_service_pb2,
    code_service_pb2,
    directory_service_pb2,
    emergency_service_pb2,
    force_service_pb2,
    meeting_service_pb2,
    person_service_pb2,
    roster_service_pb2,
    routing_service_pb2,
    screening_service_pb2,
)
from services.chassis.auth import Principal, Role, Rule, authorize, methods_of
from services.chassis.errors import Forbidden
from services.chassis.operations import OPERATIONS_RULES
from services.intake.access import RULES as INTAKE_RULES
from services.mediation.rpc import RULES as MEDIATION_RULES
from services.notify.rpc import RULES as NOTIFY_RULES
from services.petition.rpc import RULES as PETITION_RULES
from services.routing.codes.rpc import RULES as CODE_RULES
from services.routing.directory.rpc import RULES as DIRECTORY_RULES
from services.routing.emergencies.rpc import RULES as EMERGENCY_RULES
from services.routing.forces.rpc.forces import FORCE_RULES
from services.routing.forces.rpc.persons import PERSON_RULES
from services.routing.hotspots.rpc import RULES as ANALYSIS_RULES
from services.routing.meetings.rpc import RULES as MEETING_RULES
from services.routing.rosters.rpc import RULES as ROSTER_RULES
from services.routing.rpc import RULES as ROUTING_RULES
from services.routing.screenings.rpc import RULES as SCREENING_RULES

TABLES: dict[str, tuple[ServiceDescriptor, Mapping[str, Rule]]] = {
    "persons": (person_service_pb2.DESCRIPTOR.services_by_name["PersonService"], PERSON_RULES),
    "forces": (force_service_pb2.DESCRIPTOR.services_by_name["ForceService"], FORCE_RULES),
    "rosters": (roster_service_pb2.DESCRIPTOR.services_by_name["RosterService"], ROSTER_RULES),
    "village codes": (code_service_pb2.DESCRIPTOR.services_by_name["VillageCodeService"], CODE_RULES),
    "analysis": (analysis_service_pb2.DESCRIPTOR.services_by_name["AnalysisService"], ANALYSIS_RULES),
    "screenings": (screening_service_pb2.DESCRIPTOR.services_by_name["ScreeningService"], SCREENING_RULES),
    "meetings": (meeting_service_pb2.DESCRIPTOR.services_by_name["MeetingService"], MEETING_RULES),
    "emergencies": (
        emergency_service_pb2.DESCRIPTOR.services_by_name["EmergencyService"],
        EMERGENCY_RULES,
    ),
    "directory": (directory_service_pb2.DESCRIPTOR.services_by_name["DirectoryService"], DIRECTORY_RULES),
    "intake": (intake_service_pb2.DESCRIPTOR.services_by_name["IntakeService"], INTAKE_RULES),
    "mediation": (
        mediation_service_pb2.DESCRIPTOR.services_by_name["MediationService"],
        MEDIATION_RULES,
    ),
    "notify": (notify_service_pb2.DESCRIPTOR.services_by_name["NotifyService"], NOTIFY_RULES),
    "operations": (operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"], OPERATIONS_RULES),
    "petition": (petition_service_pb2.DESCRIPTOR.services_by_name["PetitionService"], PETITION_RULES),
    "routing": (routing_service_pb2.DESCRIPTOR.services_by_name["RoutingService"], ROUTING_RULES),
}
every_table = pytest.mark.parametrize("name", sorted(TABLES))

READS = ("Get", "BatchGet", "Find", "List", "Watch", "Track", "Explain", "Resolve")


@every_table
def test_every_method_is_in_the_table_and_nothing_else_is(name: str) -> None:
    descriptor, rules = TABLES[name]
    assert set(rules) == set(methods_of([descriptor]))


@every_table
def test_every_row_lets_somebody_in_and_knows_the_roles(name: str) -> None:
    for rule in TABLES[name][1].values():
        assert rule.roles
        assert rule.roles <= frozenset(Role)


@every_table
@pytest.mark.parametrize("role", list(Role))
def test_a_role_enters_where_its_row_says_and_nowhere_else(name: str, role: Role) -> None:
    _, rules = TABLES[name]
    caller = Principal("somebody", role, "*", ("*",))
    for method, rule in rules.items():
        if role in rule.roles:
            authorize(caller, method, rules)
        else:
            with pytest.raises(Forbidden):
                authorize(caller, method, rules)


def test_a_method_that_no_row_names_is_refused_to_everybody() -> None:
    for role in Role:
        with pytest.raises(Forbidden):
            authorize(Principal("somebody", role, "*", ("*",)), "/fengqiao.routing.v1.RoutingService/New", {})


def test_operators_calls_are_for_operators_and_the_replay_alone() -> None:
    allowed = {role for rule in OPERATIONS_RULES.values() for role in rule.roles}
    assert allowed == {Role.OPERATOR, Role.REPLAY}


def test_contacts_are_read_by_services_and_the_desks_that_call_people_back() -> None:
    method = "/fengqiao.intake.v1.IntakeService/ResolveContact"
    assert INTAKE_RULES[method].roles == {Role.SERVICE, Role.CLERK, Role.DESK}


def test_a_resident_never_handles_a_case_and_a_handler_never_speaks_for_a_resident() -> None:
    routing = "/fengqiao.routing.v1.RoutingService"
    for method in (
        "AcceptCase",
        "ReportProgress",
        "ResolveCase",
        "EscalateCase",
        "ReturnCase",
        "RuleOnReturn",
        "TransferCase",
        "OrderSupervision",
        "AnswerSupervision",
        "JudgeAnswer",
        "RecuseHandler",
        "SplitOff",
        "DelegateCase",
        "EndDelegation",
        "AskForAssistance",
        "AnswerAssistance",
        "EndAssistance",
        "GetTeam",
        "ListAssistances",
        "ListOrders",
        "ReferCase",
    ):
        assert Role.RESIDENT not in ROUTING_RULES[f"{routing}/{method}"].roles
    intake = "/fengqiao.intake.v1.IntakeService"
    for method in ("WithdrawRequest", "RequestEscalation", "RateOutcome", "ReopenRequest"):
        assert Role.HANDLER not in INTAKE_RULES[f"{intake}/{method}"].roles


def test_a_petition_is_handled_by_officers_and_an_accusation_by_inspectors_alone() -> None:
    petition = "/fengqiao.petition.v1.PetitionService"
    for method, rule in PETITION_RULES.items():
        if not method.removeprefix(f"{petition}/").startswith(READS):
            told_the_rule = {Role.HANDLER} if method == f"{petition}/IssueOpinion" else set()
            assert rule.roles == {Role.PETITION_OFFICER, Role.INSPECTOR} | told_the_rule, method
        assert not rule.roles & {Role.OPERATOR, Role.SERVICE, Role.REPLAY, Role.CLERK, Role.AGENCY}, method


def test_a_light_reporter_reports_asks_for_feedback_reads_its_notice_and_does_nothing_else() -> None:
    entered = {
        method.rpartition("/")[2]
        for _, rules in TABLES.values()
        for method, rule in rules.items()
        if Role.REPORTER in rule.roles
    }
    assert entered == {"ReportSighting", "GetFeedback", "ListNotices"}


def test_services_only_read_from_each_other() -> None:
    for _, rules in TABLES.values():
        for method, rule in rules.items():
            if Role.SERVICE in rule.roles:
                assert method.rpartition("/")[2].startswith(READS), method


def test_a_party_can_refuse_and_nobody_but_a_mediator_leads_a_mediation() -> None:
    mediation = "/fengqiao.mediation.v1.MediationService"
    assert Role.RESIDENT in MEDIATION_RULES[f"{mediation}/RefuseMediation"].roles
    for method in ("ConfirmMediator", "ScheduleSession", "RecordSession", "ProposeAgreement"):
        assert MEDIATION_RULES[f"{mediation}/{method}"].roles == {Role.MEDIATOR}
