"""Where a request is looked for: the group of its kind at each place that it lies within. Pure."""

from collections.abc import Iterable, Sequence

from services.chassis.auth import Principal

MOST_UNITS = 8
"""So many of a caller's own units beside the request's place are looked into."""


def group_of(kind: str) -> str:
    """Kinds that people mistake for each other: those with the same first word."""
    return kind.partition(".")[0]


def levels(unit_id: str) -> list[str]:
    """The places that a unit lies within, itself first; the last one is the whole site, called by no name.

    `a/b/c` lies within `a/b/c`, `a/b` and the site.
    """
    parts = unit_id.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts), 1, -1)] + [""]


def key_of(site_id: str, kind: str, place: str) -> str:
    """What is looked up: a group of kinds at a place of a site."""
    return f"{site_id}|{group_of(kind)}|{place}"


def near(site_id: str, kind: str, unit_id: str) -> list[str]:
    """Every key that a request is found under."""
    return [key_of(site_id, kind, place) for place in levels(unit_id)]


def within_reach(principal: Principal, unit_id: str, *, whole_site: bool) -> Sequence[str]:
    """The places to look at for a caller, nearest first: those around a unit that are the caller's.

    What a place holds is the caller's when the place is, so that nothing out of reach uses the bound up.
    """
    around = levels(unit_id)
    if whole_site or principal.covers_all:
        return around
    own = [place for place in around if principal.covers(place or unit_id.partition("/")[0])]
    rest = [unit for unit in sorted(principal.units) if "/" in unit and not _covered(unit, own)]
    return own + sorted(rest, key=lambda unit: -_shared(unit, unit_id))[:MOST_UNITS]


def _covered(unit: str, places: Iterable[str]) -> bool:
    return any(not place or unit == place or unit.startswith(f"{place}/") for place in places)


def _shared(one: str, other: str) -> int:
    """How many parts two units have in common, from the top."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def nearness(one: str, other: str) -> tuple[float, str]:
    """How near two units are, from 0 to 1, and why as a code."""
    if not one or not other:
        return 0.5, "place_unknown"
    if one == other:
        return 1.0, "same_unit"
    shared, lower = _shared(one, other), max(one.count("/"), other.count("/")) + 1
    if shared == min(one.count("/"), other.count("/")) + 1:
        return 0.8, "unit_within"
    if shared > 1 and shared == lower - 1:
        return 0.6, "neighbouring_unit"
    return (0.3, "same_part_of_site") if shared > 1 else (0.1, "elsewhere")
