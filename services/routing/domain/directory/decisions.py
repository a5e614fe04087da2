"""What an order about a unit comes to: pure functions `(unit, command, context) -> Decision`.

An order holds from its business day on or from a later one, never from an earlier: what was true on a day
that is over stays true of it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, Transition, decided, transition
from services.routing.domain.directory import boundaries
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.leaders import about_post, vacated
from services.routing.domain.directory.shared import (
    in_order,
    invalid,
    reference,
    refuse_the_past,
    to_days,
    to_rings,
)
from services.routing.domain.directory.unit import (
    CLOSED,
    NEIGHBOURHOOD,
    STANDING,
    TEMPORARY,
    TIERS,
    Unit,
    parent_of,
)

PREFIX = "UNIT_KIND_"
ONE_NEIGHBOURHOOD = "directory.one_neighbourhood"


def establish(command: c.EstablishUnit, context: Context, zone: ZoneInfo) -> Decision:
    """A unit begins.

    Raises:
        Invalid: a temporary unit without an end or without cases to take, another one with them; a day that
            has passed, or days the wrong way round.
    """
    refuse_the_past(command.on, context, zone)
    if (command.kind == TEMPORARY) != bool(command.covers):
        raise invalid("covers", "required" if command.kind == TEMPORARY else "not_for_this_kind")
    if (command.kind == TEMPORARY) != (command.until is not None):
        raise invalid("until", "required" if command.kind == TEMPORARY else "not_for_this_kind")
    in_order(command.on, command.until)
    return decided(
        ev.UnitEstablished(
            unit=ev.UnitReference(site_id=context.site, code=command.code),
            kind=ev.UnitKind.Value(f"{PREFIX}{command.kind.upper()}"),
            days=to_days(Days(command.on, command.until)),
            posts=command.posts,
            succeeds=command.succeeds,
            covers=command.covers,
        )
    )


def misplaced(command: c.EstablishUnit, above: Unit | None) -> Violation | None:
    """What is wrong with a new unit's place: the one above has to stand as long, and on a higher tier."""
    if not parent_of(command.code):
        return None
    if above is None or not above.days.contains(Days(command.on, command.until)):
        return Violation("code", "nothing_above")
    return None if above.tier > TIERS[command.kind] else Violation("kind", f"not_below:{above.kind}")


def close(unit: Unit, command: c.CloseUnit, _context: Context) -> Decision:
    """The unit ends; whoever is there is released, whoever holds a post there does so no longer.

    Raises:
        Invalid: a unit below it would stand longer, or it is named as its own successor.
    """
    if unit.code in command.successors:
        raise invalid("successors", "is_itself")
    if command.below:
        raise invalid("on", f"stands_longer:{command.below}")
    keys = [household.key for household in unit.households_after(command.on)]
    released = _released(
        unit, keys, command.on, command.successors[0] if len(command.successors) == 1 else ""
    )
    leaving = [
        vacated(unit, post.id, tenure, command.on, ev.VACANCY_REASON_UNIT_CLOSED, "")
        for post in unit.posts
        for tenure in post.tenures
        if tenure.days.ends_after(command.on)
    ]
    closed = ev.UnitClosed(unit=reference(unit), on=command.on.isoformat(), successors=command.successors)
    return decided(*released, *leaving, closed)


def settle(unit: Unit, command: c.SettleHouseholds, _context: Context) -> Decision:
    """Households become the unit's.

    Raises:
        Invalid: the unit is no neighbourhood, or a household is another's or its own already; each is named.
    """
    if unit.kind != NEIGHBOURHOOD:
        raise invalid("code", "not_a_neighbourhood")
    in_order(command.on, command.until)
    days = Days(command.on, unit.until_at_most(command.until))
    own = {each.key for each in unit.households if each.days.overlaps(days)}
    taken = {**dict.fromkeys(own, unit.code), **command.elsewhere}
    wrong = [
        Violation(f"households[{n}]", f"belongs_to:{taken[key]}")
        for n, key in enumerate(command.keys)
        if key in taken
    ]
    if len(set(command.keys)) < len(command.keys):
        wrong.append(Violation("households", "named_twice"))
    if wrong:
        raise Invalid(wrong, rule=ONE_NEIGHBOURHOOD)
    return decided(ev.HouseholdsSettled(unit=reference(unit), households=command.keys, days=to_days(days)))


def draw(unit: Unit, command: c.DrawBoundary, _context: Context) -> Decision:
    """The neighbourhood lies there.

    Raises:
        Invalid: it is no neighbourhood, or the rings bound no place, a huge one, or one that is another's.
    """
    if unit.kind != NEIGHBOURHOOD:
        raise invalid("code", "not_a_neighbourhood")
    if wrong := boundaries.fault(command.rings) if command.rings else "":
        raise invalid("rings", wrong)
    if command.overlaps:
        raise invalid("rings", f"overlaps:{command.overlaps}")
    return decided(
        ev.BoundaryDrawn(
            unit=reference(unit),
            on=command.on.isoformat(),
            rings=to_rings(command.rings),
            decided_by=command.decided_by,
        )
    )


def release(unit: Unit, command: c.ReleaseHouseholds, _context: Context) -> Decision:
    """Households are no longer the unit's.

    Raises:
        Invalid: one is not the unit's then; it is named.
    """
    there = set(unit.households_on(command.on))
    wrong = [
        Violation(f"households[{n}]", "not_here") for n, key in enumerate(command.keys) if key not in there
    ]
    if wrong:
        raise Invalid(wrong)
    return decided(*_released(unit, command.keys, command.on, command.to_unit))


def _released(unit: Unit, keys: Sequence[str], on: date, to_unit: str) -> list[Message]:
    if not keys:
        return []
    event = ev.HouseholdsReleased(unit=reference(unit), households=keys, on=on.isoformat(), to_unit=to_unit)
    return [event]


UNITS: Mapping[tuple[str, type[Any]], Transition[Unit, Any]] = {
    (STANDING, c.CloseUnit): Transition(close, (CLOSED,)),
    (STANDING, c.SettleHouseholds): Transition(settle, (STANDING,)),
    (STANDING, c.DrawBoundary): Transition(draw, (STANDING,)),
    (STANDING, c.ReleaseHouseholds): Transition(release, (STANDING,)),
    **{
        (STANDING, command): Transition(about_post, (STANDING,))
        for command in (
            c.NominateLeader,
            c.VetLeader,
            c.AppointLeader,
            c.CarryPost,
            c.GrantLeave,
            c.EndLeave,
            c.VacatePost,
        )
    },
}
"""What is lawful for a unit; posts have a table of their own."""


def decide(unit: Unit, command: Any, context: Context, zone: ZoneInfo) -> Decision:
    """Decide on an order about a unit that was established; days are those of its site's zone.

    Raises:
        Invalid: a field is wrong, or the day has passed.
        IllegalTransition: the unit or its post does not allow it on that day.
    """
    if context.late:
        raise invalid("meta.occurred_at", "before_the_last_change")
    refuse_the_past(command.on, context, zone)
    return transition(UNITS, unit.status_on(command.on), unit, command, context)
