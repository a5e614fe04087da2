"""A screening campaign as clients see it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import screening_service_pb2 as rpc
from fengqiao.routing.v1.screening_events_pb2 import RepeatUnit, ScreeningFinding, ScreeningLeft
from services.chassis.auth import Principal
from services.chassis.errors import NotFound
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.chassis.store import Raw
from services.routing.domain.screenings.screening import CLOSED, STATUSES, Piece, Round, Screening

SCREENING_STATUSES: Mapping[str, rpc.ScreeningStatus.ValueType] = {
    status: rpc.ScreeningStatus.Value(f"SCREENING_STATUS_{status.upper()}") for status in STATUSES
}


def screening_of(record: Record[Screening]) -> Screening:
    """A stored campaign.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such screening")
    return record.state


def may_see(principal: Principal, screening: Screening) -> bool:
    """Whose area it is, and whoever has a part in it."""
    mine = any(principal.covers(piece.unit_code) for piece in screening.pieces)
    return principal.at(screening.site_id) and (mine or principal.covers(screening.unit_code))


def to_screening(record: Record[Screening]) -> rpc.Screening:
    """The campaign without its parts."""
    screening = screening_of(record)
    return rpc.Screening(
        code=screening.code,
        unit_code=screening.unit_code,
        kinds=screening.kinds,
        tier=Tier.ValueType(screening.tier),
        lead=screening.lead,
        repeat_every=screening.repeat_every,
        repeat_unit=RepeatUnit.ValueType(screening.repeat_unit),
        status=SCREENING_STATUSES[screening.status],
        round=screening.round,
        since=screening.since.isoformat(),
        until=screening.until.isoformat(),
        due_on=screening.due_on.isoformat(),
        times_told=screening.times,
        revision=record.revision,
    )


def with_part(record: Record[Screening], unit_code: str, today: date) -> rpc.Screening:
    """The campaign with one unit's part."""
    told, piece = to_screening(record), screening_of(record).piece(unit_code)
    if piece:
        told.pieces.append(_piece(piece, screening_of(record), today, {}, ()))
    return told


def in_full(
    record: Record[Screening],
    principal: Principal,
    today: date,
    homes: Mapping[str, int],
    risks: Sequence[Raw],
) -> rpc.Screening:
    """The campaign as somebody may see it: whole for the area, their own parts for others.

    `homes` counts the households by unit, `risks` are the early warnings of the round.
    """
    screening, told = screening_of(record), to_screening(record)
    whole = principal.covers(screening.unit_code)
    told.pieces.extend(
        _piece(piece, screening, today, homes, risks)
        for piece in screening.pieces
        if whole or principal.covers(piece.unit_code)
    )
    told.cases.extend(_case(raw) for raw in risks if whole or principal.covers(raw["unit"]))
    told.rounds.extend(_round(each) for each in screening.rounds if whole)
    return told


def is_within(unit: str, place: str) -> bool:
    """Whether a unit is a place or below it."""
    return unit == place or unit.startswith(f"{place}/")


def _piece(
    piece: Piece, screening: Screening, today: date, homes: Mapping[str, int], risks: Sequence[Raw]
) -> rpc.ScreeningPiece:
    reported = piece.reported_at is not None
    here = sum(number for unit, number in homes.items() if is_within(unit, piece.unit_code))
    told = rpc.ScreeningPiece(
        unit_code=piece.unit_code,
        reported=reported,
        overdue=not reported and screening.status != CLOSED and today > screening.due_on,
        late=piece.late,
        visited=piece.visited,
        households=piece.households if reported else here,
        findings=[ScreeningFinding(kind=kind, count=count) for kind, count in piece.findings],
        cases=sum(is_within(raw["unit"], piece.unit_code) for raw in risks),
    )
    if piece.reported_at:
        told.reported_at.CopyFrom(timestamp(piece.reported_at))
    return told


def _case(raw: Raw) -> rpc.ScreeningCase:
    kept: dict[str, Any] = dict(raw)
    return rpc.ScreeningCase(
        case_id=kept["_id"],
        unit_code=kept["unit"],
        kind=kept["kind"],
        urgent=kept["urgent"],
        submitted_at=timestamp(kept["at"]),
    )


def _round(over: Round) -> rpc.ScreeningRound:
    return rpc.ScreeningRound(
        round=over.number,
        since=over.since.isoformat(),
        until=over.until.isoformat(),
        reported=over.reported,
        visited=over.visited,
        findings=over.findings,
        left=[ScreeningLeft(unit_id=unit, reason=reason) for unit, reason in over.left],
    )
