"""Screening campaigns as their events leave them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import screening_events_pb2 as ev
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.routing.domain.screenings.screening import (
    CLOSED,
    KEPT_ROUNDS,
    PLANNED,
    UNDER_WAY,
    Piece,
    Round,
    Screening,
)


def evolve(screening: Screening | None, event: Message, context: Context) -> Screening:
    """The campaign after one of its events."""
    if isinstance(event, ev.ScreeningPlanned):
        return _planned(screening, event, context)
    if screening is None:
        raise ValueError(f"{type(event).__name__} before ScreeningPlanned")
    return FOLDS[type(event)](screening, event, context)


def _planned(screening: Screening | None, event: ev.ScreeningPlanned, context: Context) -> Screening:
    since = date.fromisoformat(event.screening.since)
    return Screening(
        site_id=event.screening.site_id,
        code=event.screening.code,
        unit_code=event.screening.unit_id,
        kinds=tuple(event.kinds),
        tier=event.tier,
        lead=event.lead,
        repeat_every=event.repeat_every,
        repeat_unit=event.repeat_unit,
        first=screening.first if screening else since,
        round=event.screening.round,
        since=since,
        until=date.fromisoformat(event.screening.until),
        due_on=date.fromisoformat(event.due_on),
        begins_at=instant(event.begins_at),
        overdue_at=instant(event.overdue_at),
        ends_at=instant(event.ends_at),
        known_since=screening.known_since if screening else context.recorded_at,
        pieces=tuple(Piece(unit) for unit in event.units),
        status=PLANNED,
        told=screening.told if screening else 0,
        rounds=screening.rounds if screening else (),
    )


def _reported(screening: Screening, event: ev.ScreeningReported, context: Context) -> Screening:
    piece = Piece(
        event.unit_id,
        context.at,
        event.visited,
        event.households,
        tuple((each.kind, each.count) for each in event.findings),
        event.late,
    )
    return screening.with_piece(piece)


def _overdue(screening: Screening, event: ev.ScreeningOverdue, _context: Context) -> Screening:
    again_at = instant(event.again_at)
    return replace(screening, times=event.times, told=screening.told + 1, overdue_at=again_at)


def _closed(screening: Screening, event: ev.ScreeningClosed, _context: Context) -> Screening:
    over = Round(
        screening.round,
        screening.since,
        screening.until,
        event.reported,
        event.visited,
        event.findings,
        tuple((each.unit_id, each.reason) for each in event.left),
    )
    return replace(screening, status=CLOSED, rounds=(*screening.rounds, over)[-KEPT_ROUNDS:])


FOLDS: Mapping[type[Message], Callable[[Screening, Any, Context], Screening]] = {
    ev.ScreeningBegan: lambda screening, _event, _context: replace(screening, status=UNDER_WAY),
    ev.ScreeningReported: _reported,
    ev.ScreeningOverdue: _overdue,
    ev.ScreeningClosed: _closed,
}
