"""A move, split or merger as one decision: what it comes to for each of its units, and whether that is done.

The steps of a plan are decided on one after the other, before anything is written: each unit then has its
events in one commit. The decision is kept until every unit has them, so that it is finished after a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.routing.v1 import restructuring_events_pb2 as ev
from fengqiao.routing.v1.directory_events_pb2 import UnitReference
from services.chassis.errors import Invalid
from services.chassis.model import Context, Decision, decided
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import decide, establish, misplaced
from services.routing.domain.directory.folding import evolve
from services.routing.domain.directory.restructuring import Step
from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import Unit, parent_of

EVENTS = "fengqiao.routing.restructurings"
PREFIX = "RESTRUCTURING_KIND_"
MOVE, MERGE, SPLIT = "move", "merge", "split"


@dataclass(frozen=True, slots=True)
class Restructuring:
    """What was decided for several units at once."""

    site_id: str
    kind: str
    code: str
    into: tuple[str, ...]
    on: date
    units: int
    decided_by: str
    completed: bool = False


def follow(
    territory: Territory, steps: Sequence[Step], context: Context, zone: ZoneInfo
) -> dict[str, list[Message]]:
    """The events of each unit, in the order in which units are written; `territory` is then as it will be.

    Raises:
        CommandError: a step is refused; nothing is to be written.
    """
    found: dict[str, list[Message]] = {}
    for step in steps:
        unit = territory.units.get(step.code)
        for emit in _decided(territory, unit, step, context, zone).events:
            unit = evolve(unit, emit.message, context)
            found.setdefault(step.code, []).append(emit.message)
        if unit is not None:
            territory.put(unit)
    return found


def _decided(
    territory: Territory, unit: Unit | None, step: Step, context: Context, zone: ZoneInfo
) -> Decision:
    command = step.command
    if isinstance(command, c.EstablishUnit):
        if wrong := misplaced(command, territory.units.get(parent_of(step.code))):
            raise Invalid([wrong])
        return establish(command, context, zone)
    if unit is None:
        raise ValueError(f"{type(command).__name__} before EstablishUnit")
    if isinstance(command, c.SettleHouseholds):
        days = Days(command.on, unit.until_at_most(command.until))
        homes = {key: territory.homes_within(key, days) for key in command.keys}
        command = replace(command, elsewhere={key: codes[0] for key, codes in homes.items() if codes})
    return decide(unit, command, context, zone)


# -- the decision itself -------------------------------------------------------------------------------------


def resolved(plan: Restructuring, changes: Sequence[Mapping[str, Any]]) -> Decision:
    """It is decided; `changes` are what each unit still has to be told, kept until that is done."""
    return decided(
        ev.RestructuringDecided(
            unit=reference(plan),
            kind=kind_of(plan),
            into=plan.into,
            on=plan.on.isoformat(),
            units=plan.units,
            decided_by=plan.decided_by,
        ),
        changes=list(changes),
    )


def completed(plan: Restructuring) -> Decision:
    """Each unit was told."""
    return decided(ev.RestructuringCompleted(unit=reference(plan), kind=kind_of(plan)), changes=[])


def fold(plan: Restructuring | None, event: Message, _context: Context) -> Restructuring:
    """A restructuring after one of its events."""
    if isinstance(event, ev.RestructuringDecided):
        return Restructuring(
            site_id=event.unit.site_id,
            kind=ev.RestructuringKind.Name(event.kind).removeprefix(PREFIX).lower(),
            code=event.unit.code,
            into=tuple(event.into),
            on=date.fromisoformat(event.on),
            units=event.units,
            decided_by=event.decided_by,
        )
    if plan is None:
        raise ValueError(f"{type(event).__name__} before RestructuringDecided")
    return replace(plan, completed=True)


def reference(plan: Restructuring) -> UnitReference:
    """The unit that it is about."""
    return UnitReference(site_id=plan.site_id, code=plan.code)


def kind_of(plan: Restructuring) -> ev.RestructuringKind.ValueType:
    """Move, merger or split."""
    return ev.RestructuringKind.Value(f"{PREFIX}{plan.kind.upper()}")
