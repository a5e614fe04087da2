"""Emergencies: other rules for an area and a time, and back; also when nobody is there to end them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fengqiao.routing.v1 import emergency_events_pb2 as ev
from services.chassis.engine import Engine, Moment
from services.chassis.errors import IllegalTransition, Invalid
from services.chassis.model import Context, transition
from services.chassis.record import Record
from services.routing.capability import Capability, Version
from services.routing.capabilityfile import Profile
from services.routing.domain.emergencies.emergency import (
    TABLE,
    Declaration,
    DeclareEmergency,
    EndEmergency,
    declare,
    evolve,
)
from services.routing.emergencies.following import Declared
from services.routing.store import emergencies
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk, rules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = OPENED + 2 * DAY
FLOOD = Profile("flood", 1, Version("1", {"drain.*": Capability(1, 4, urgent=True)}, None))


def context(at: datetime = OPENED) -> Context:
    return Context("e-1", "jili", at, at, at)


def order(
    *,
    version: int = 1,
    unit_code: str = SECTION,
    begins_at: datetime | None = None,
    until: datetime = UNTIL,
    absent: bool = False,
) -> DeclareEmergency:
    return DeclareEmergency("flood", version, unit_code, begins_at, until, "flood_warning", "p-desk", absent)


def standing(command: DeclareEmergency | None = None) -> Declaration:
    """An emergency that was declared."""
    [emit] = declare(command or order(), context(), []).events
    return evolve(None, emit.message, context())


def ended(emergency: Declaration, at: datetime) -> Declaration:
    command = EndEmergency("water_fell", "p-desk")
    [emit] = transition(TABLE, emergency.status, emergency, command, context(at)).events
    return evolve(emergency, emit.message, context(at))


def following(*known: Declaration, profiles: bool = True) -> Declared:
    declared = Declared({FLOOD.name: FLOOD} if profiles else {})
    for number, each in enumerate(known):
        declared.put(f"e-{number}", each)
    return declared


def placed(declared: Declared, at: datetime, unit_id: str = NEIGHBOURS) -> str:
    """Where a drain starts that is reported then and there."""
    known = replace(rules(), emergencies=declared)
    return known.at(at).place("drain.blocked", unit_id, urgent=False).unit.id


def test_inside_its_area_and_time_an_emergency_places_new_cases_and_elsewhere_not() -> None:
    declared = following(standing(order(begins_at=OPENED + HOUR)))
    assert placed(declared, OPENED) == NEIGHBOURS
    assert placed(declared, OPENED + HOUR) == STREET, "the top, by the profile's urgent tier"
    assert placed(declared, UNTIL - timedelta(milliseconds=1)) == STREET
    assert placed(declared, UNTIL) == NEIGHBOURS, "over by the clock, whether or not anything fired"
    assert placed(declared, OPENED + HOUR, VILLAGE) == VILLAGE, "outside of its area"


def test_a_case_keeps_what_it_was_placed_by_when_the_emergency_ends() -> None:
    declared = following(standing())
    walk = Walk(replace(rules(), emergencies=declared)).submit()
    declared.put("e-0", ended(standing(), OPENED + HOUR))
    walk.wait(2 * HOUR)
    assert (walk.case.unit_id, "emergency:flood@1" in walk.case.reasons) == (STREET, True)
    assert (
        Walk(replace(rules(), emergencies=declared), now=OPENED + 2 * HOUR).submit().case.unit_id == STREET
    ), "asked for while it stood, and come in after"


def test_ended_by_the_desk_it_places_nothing_that_is_asked_for_from_then_on() -> None:
    declared = following(ended(standing(), OPENED + HOUR))
    assert placed(declared, OPENED + HOUR - timedelta(seconds=1)) == STREET
    assert placed(declared, OPENED + HOUR) == NEIGHBOURS


def test_it_ends_by_itself_also_after_a_crash_and_once() -> None:
    engine = Engine(emergencies())
    record: Record[Declaration] = Record(id="e-1", site="jili")
    engine.create(record, declare(order(), context(), []), OPENED, Moment(OPENED, OPENED))
    late = UNTIL + 5 * DAY
    for _ in range(2):
        engine.fire_due(record, late, Moment(late, late))
    assert [entry.type.rpartition(".")[2] for entry in record.outbox] == [
        "EmergencyDeclared",
        "EmergencyEnded",
    ]
    assert record.state is not None
    assert (record.state.end, record.state.ended_at) == (ev.EMERGENCY_END_RAN_OUT, UNTIL)
    assert record.next_due_at is None
    command = EndEmergency("water_fell", "p-desk")
    with pytest.raises(IllegalTransition):
        transition(TABLE, record.state.status, record.state, command, context(late))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (order(version=0), ("profile", "unknown_profile")),
        (order(absent=True), ("unit_code", "unknown_unit")),
        (order(begins_at=OPENED - HOUR), ("begins_at", "in_the_past")),
        (order(until=OPENED), ("until", "not_after_the_beginning")),
        (order(begins_at=UNTIL), ("until", "not_after_the_beginning")),
    ],
)
def test_what_is_wrong_about_a_declaration_is_named_by_field(
    wrong: DeclareEmergency, named: tuple[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        declare(wrong, context(), [])
    assert [(each.field, each.reason) for each in refused.value.violations] == [named]


@pytest.mark.parametrize("area", [SECTION, NEIGHBOURS, VILLAGE, STREET])
def test_two_emergencies_never_stand_in_one_place_at_one_time(area: str) -> None:
    with pytest.raises(Invalid, match="unit_code: emergency_stands_there") as refused:
        declare(order(unit_code=area, begins_at=OPENED + HOUR), context(), [standing()])
    assert refused.value.details["rule"] == "flood@1"


def test_another_place_another_time_and_after_an_end_it_can_be_declared_again() -> None:
    for command, other in (
        (order(unit_code="jili/c01/s02"), standing()),
        (order(unit_code=f"{SECTION}0"), standing()),
        (order(begins_at=UNTIL, until=UNTIL + DAY), standing()),
        (order(begins_at=OPENED + HOUR), ended(standing(), OPENED + HOUR)),
    ):
        assert declare(command, context(), [other]).events


def test_an_end_that_is_older_than_the_declaration_is_refused() -> None:
    with pytest.raises(Invalid, match=r"meta\.occurred_at: before_the_declaration"):
        ended(standing(), OPENED - HOUR)


def test_without_its_profile_in_the_files_the_usual_rules_decide_and_the_case_says_so() -> None:
    known = replace(rules(), emergencies=following(standing(), profiles=False))
    walk = Walk(known).submit()
    assert (walk.case.unit_id, "emergency_unknown:flood@1" in walk.case.reasons) == (NEIGHBOURS, True)


def test_the_latest_version_of_a_profile_is_declared() -> None:
    declared = Declared({name: replace(FLOOD, number=n) for n, name in ((1, "flood@1"), (3, "flood@3"))})
    assert (declared.latest("flood"), declared.latest("snow")) == (3, 0)


def test_a_ladder_without_emergencies_is_decided_by_the_very_rules() -> None:
    known = replace(rules(), emergencies=Declared())
    assert known.at(datetime(2026, 3, 2, tzinfo=UTC)) is known
