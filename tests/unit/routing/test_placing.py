"""Hypothesis: whatever the tables say, a case starts at the lowest unit that may have it."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.capability import Able, Capability, Emergency, Listed, Version, nowhere
from services.routing.rules import Rules, Unit
from tests.unit.routing.ladder import (
    NEIGHBOURS,
    NEXT_DOOR,
    OPENED,
    OTHER_SECTION,
    OTHER_VILLAGE,
    SECTION,
    STREET,
    VILLAGE,
    rules,
)

UNITS = (NEIGHBOURS, NEXT_DOOR, SECTION, OTHER_SECTION, VILLAGE, OTHER_VILLAGE, STREET)
KINDS = ("drain.blocked", "drain.other", "noise.street", "petition.land")
NAMES = (*KINDS, "drain.*", "*")
DAYS = st.dates(date(2026, 2, 20), date(2026, 3, 12))

tiers = st.integers(1, 4)
rows = st.dictionaries(
    st.sampled_from(("drain.blocked", "drain.*", "noise.*")),
    st.builds(Capability, tiers, tiers, st.booleans()),
    max_size=3,
)
said = st.lists(
    st.builds(
        Able,
        st.sampled_from(NAMES),
        st.sampled_from(UNITS),
        able=st.booleans(),
        below=st.booleans(),
    ),
    max_size=4,
).filter(lambda able: not nowhere(KINDS, able, STREET))
lists = st.lists(
    st.builds(Listed, st.sampled_from(("works", "fire")), tiers, st.sampled_from([("drain.*",), ("*",)])),
    max_size=2,
)


@st.composite
def tables(draw: st.DrawFn) -> Rules:
    """Two versions with a day between them, perhaps a gap, perhaps an emergency."""
    change, known = (
        draw(DAYS),
        rules(vacant=frozenset(draw(st.sets(st.sampled_from(UNITS[:-1]), max_size=2)))),
    )
    until = draw(st.none() | st.dates(date(2026, 2, 1), change))
    versions = [
        Version(
            str(n),
            {**draw(rows), "petition.*": Capability(4, 4, track="petition")},
            Capability(draw(tiers), draw(tiers)),
            since,
            end,
            tuple(draw(said)),
            tuple(draw(lists)),
        )
        for n, since, end in ((1, None, until), (2, change, None))
    ]
    profile = Version("1", draw(rows), None, able=tuple(draw(said)))
    area = draw(st.sampled_from(UNITS))
    standing = (Emergency("flood@1", area, profile),) if draw(st.booleans()) else ()

    class Declared:
        def at(self, _at: datetime) -> tuple[Emergency, ...]:
            return standing

    return replace(known, versions=tuple(versions), emergencies=Declared())


def may_have(known: Rules, kind: str, unit: Unit, place: str, *, urgent: bool) -> bool:
    """Said anew and plainly: whether a unit of the place's chain may have such a case."""
    row = known.capable(kind, place)
    if unit.tier < max((each.tier for each in known.listed if set(each.kinds) & matching(kind)), default=0):
        return False
    if (urgent or row.urgent) and unit.tier < row.urgent_tier:
        return False
    words = [each for each in known._said_of(kind, place) if each.kind in matching(kind)]
    words = [each for each in words if each.covers(unit.id)]
    if not words:
        return unit.tier >= row.lowest_tier
    nearest = max(len(each.unit) for each in words)
    words = [each for each in words if len(each.unit) == nearest]
    words = [each for each in words if not each.below] or words
    particular = next(name for name in (kind, "drain.*", "*") if name in {each.kind for each in words})
    return next(each for each in words if each.kind == particular).able


def matching(kind: str) -> set[str]:
    return {kind, f"{kind.partition('.')[0]}.*", "*"}


@settings(max_examples=300, deadline=None)
@given(
    tables(),
    st.sampled_from(KINDS),
    st.sampled_from((*UNITS, "jili/c99", "")),
    st.integers(-15, 15),
    st.booleans(),
)
def test_a_case_starts_at_the_lowest_unit_that_may_have_it_whatever_the_tables_say(
    tables: Rules,
    kind: str,
    place: str,
    days: int,
    urgent: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    known = tables.at(OPENED + timedelta(days=days))
    placed = known.place(kind, place, urgent=urgent)
    taking = known.places.taking(place)
    chain = list(known.chain(taking.id))
    able = [unit for unit in chain if may_have(known, kind, unit, taking.id, urgent=urgent)]
    expected = able[0] if able else chain[-1]
    assert placed.post.holder_ref, "never without an owner"
    up = [unit.id for unit in known.chain(expected.id)]
    assert placed.unit.id in up
    for passed in up[: up.index(placed.unit.id)]:
        assert f"vacant:{passed}" in placed.reasons, "only a vacant post is passed over"
    assert known.kept_up(kind, OPENED + timedelta(days=days), placed.unit.tier) is None
    assert known.lapsed == ("no_version_in_force" in placed.reasons)
