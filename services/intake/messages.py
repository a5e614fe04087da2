"""What clients see of requests and accusations, and of what became of a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.errors import CommandError, Invalid, NotFound, Violation
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.chassis.refusals import violations
from services.intake import domain
from services.intake.accusations import Accusation
from services.intake.books import Begun
from services.intake.domain import Request

STATUSES: Mapping[str, rpc.RequestStatus.ValueType] = {
    domain.SUBMITTED: rpc.REQUEST_STATUS_SUBMITTED,
    domain.SETTLED: rpc.REQUEST_STATUS_SETTLED,
    domain.CLOSED: rpc.REQUEST_STATUS_CLOSED,
    domain.WITHDRAWN: rpc.REQUEST_STATUS_WITHDRAWN,
}


def to_verdict(row: int, begun: Begun) -> rpc.ImportVerdict:
    """What became of a row."""
    if isinstance(begun, CommandError):
        return rpc.ImportVerdict(row=row, violations=[to_violation(v) for v in violations_of(begun)])
    return rpc.ImportVerdict(
        row=row, accepted=True, case_id=begun.id, request_no=begun.state.request_no if begun.state else ""
    )


def row_violations(row: rpc.ImportRequestsRequest) -> list[Violation]:
    """What is wrong with a row, by the fields of its submission."""
    if not row.HasField("submission"):
        return [Violation("submission", "required")]
    return [Violation(v.field.removeprefix("submission."), v.reason) for v in violations(row)]


def violations_of(error: CommandError) -> Sequence[Violation]:
    """What a refusal says is wrong, field by field; its reason alone when it names none."""
    return error.violations if isinstance(error, Invalid) else (Violation("", error.reason),)


def to_violation(violation: Violation) -> ev.Violation:
    """A violation as it travels."""
    return ev.Violation(field=violation.field, reason=violation.reason)


def to_message(record: Record[Request]) -> rpc.Request:
    """A request with its texts, for who may read them."""
    state, private = record.state, record.private
    if state is None:
        raise NotFound("no such request")
    body = rpc.RequestBody(
        unit_id=state.unit_id,
        urgent=state.urgent,
        due_at=timestamp(state.due_at) if state.due_at else None,
        screening_code=state.screening_code,
        **_common(state, private),
    )
    return rpc.Request(
        case_id=record.id,
        request_no=state.request_no,
        status=STATUSES[state.status],
        body=body,
        submitted_at=timestamp(state.submitted_at),
        revision=record.revision,
        rating=state.rating,
        source=state.source,
        reference=private["reference"],
    )


def to_accusation(record: Record[Accusation], status: str, *, told: bool) -> rpc.Request:
    """An accusation with its texts, for who may read them; `told`: also which unit it is about."""
    state, private = record.state, record.private
    if state is None:
        raise NotFound("no such request")
    body = rpc.RequestBody(
        unit_id=private["unit_id"],
        urgent=private["urgent"],
        due_at=timestamp(private["due_at"]) if private["due_at"] else None,
        accused_unit_id=state.accused_unit_id if told else "",
        **_common(state, private),
    )
    return rpc.Request(
        case_id=record.id,
        request_no=state.request_no,
        status=STATUSES[status],
        body=body,
        submitted_at=timestamp(state.submitted_at),
        revision=record.revision,
        source=state.source,
        reference=private["reference"],
    )


def _common(state: Request | Accusation, private: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "site_id": state.site_id,
        "kind": state.kind,
        "channel": state.channel,
        "title": private["title"],
        "description": private["description"],
        "attributes": {pair["name"]: pair["value"] for pair in private["attributes"]},
        "person_ref": state.person_ref,
    }
