"""Who fits by skill, place and time, each with the reasons, the nearest in front. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.routing.domain.forces.person import Offer, Person, chain

LEVELS = ("elsewhere", "same_sub_district", "same_community", "same_section", "same_neighbourhood")
"""What somebody's unit and the place have in common, by how many levels they do."""
FREE, UNSTATED = "free", "not_stated"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody fits: `skill`, `place`, `time`, `load`; or was `named`, or is the `speaker`."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, where, and from when until when."""

    skill: str
    unit_id: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody who fits."""

    person_ref: str
    reasons: tuple[Reason, ...]


def suggest(
    people: Iterable[Person],
    wanted: Wanted,
    zone: ZoneInfo,
    *,
    busy: Collection[str] = (),
    loads: Mapping[str, int] | None = None,
    force: str = "",
) -> list[Suggestion]:
    """Those who fit: near before far, who said they are free before who said nothing, then who was called
    out less; never who is called out elsewhere at that time. `force`: its members only.
    """
    ranked = list[tuple[int, int, int, str, Suggestion]]()
    day, loads = wanted.begins_at.astimezone(zone).date(), loads or {}
    for person in people:
        ref = person.person_ref
        units, time = person.volunteers_at(day), availability(person.offer, wanted, zone)
        outside = bool(force) and not person.belongs(force, day)
        if not units or not time or ref in busy or wanted.skill not in person.offer.skills or outside:
            continue
        near, load = max(nearness(unit, wanted.unit_id) for unit in units), loads.get(ref, 0)
        reasons = (
            Reason("skill", wanted.skill),
            Reason("place", LEVELS[min(near, len(LEVELS) - 1)]),
            Reason("time", time),
            Reason("load", str(load)),
        )
        ranked.append((-near, time != FREE, load, ref, Suggestion(ref, reasons)))
    return [suggestion for *_rank, suggestion in sorted(ranked, key=lambda each: each[:4])]


def availability(offer: Offer, wanted: Wanted, zone: ZoneInfo) -> str:
    """`free` at that time by their own word, `not_stated`, or empty: not then."""
    if not offer.weekdays and offer.hours is None:
        return UNSTATED
    begins, ends = wanted.begins_at.astimezone(zone), wanted.ends_at.astimezone(zone)
    if offer.weekdays and begins.isoweekday() not in offer.weekdays:
        return ""
    if offer.hours is None:
        return FREE
    within = f"{begins:%H:%M}" >= offer.hours.opens and f"{ends:%H:%M}" <= offer.hours.closes
    return FREE if within and begins.date() == ends.date() else ""


def nearness(unit_id: str, place: str) -> int:
    """On how many levels, from the top down, somebody's unit and the place are in the same unit."""
    return len({*chain(unit_id)} & {*chain(place)})
