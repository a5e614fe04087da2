"""What routing keeps: its aggregates for the chassis, and their ids. The collections are in `documents`."""

from typing import Any

from services.chassis.commands import id_from
from services.chassis.model import Model, Table
from services.chassis.store import converter
from services.routing import domain
from services.routing.domain import Case, Ladder
from services.routing.domain.codes import folding as code_folding
from services.routing.domain.codes.village_code import EVENTS as VILLAGE_CODES
from services.routing.domain.codes.village_code import VillageCode
from services.routing.domain.directory import carrying_out, folding
from services.routing.domain.directory.carrying_out import Restructuring
from services.routing.domain.directory.unit import EVENTS, Unit
from services.routing.domain.emergencies import emergency
from services.routing.domain.emergencies.emergency import Declaration
from services.routing.domain.forces import attendance, calling, callout, force, person
from services.routing.domain.forces import folding as forces_folding
from services.routing.domain.forces.callout import CallOut
from services.routing.domain.forces.force import Force
from services.routing.domain.forces.person import Person
from services.routing.domain.meetings import deciding, meeting
from services.routing.domain.meetings import folding as meeting_folding
from services.routing.domain.meetings.meeting import Meeting
from services.routing.domain.rosters import folding as roster_folding
from services.routing.domain.rosters import summons
from services.routing.domain.rosters.department import EVENTS as ROSTERS
from services.routing.domain.rosters.department import Department
from services.routing.domain.rosters.summons import Summons
from services.routing.domain.screenings import deciding as screening_deciding
from services.routing.domain.screenings import folding as screening_folding
from services.routing.domain.screenings import screening
from services.routing.domain.screenings.screening import Screening
from services.routing.pending import asked_of


def dump(case: Case) -> dict[str, Any]:
    """The public projection as the document keeps it."""
    plain: dict[str, Any] = converter.unstructure(case)
    # Absent rather than null, for the sparse index.
    if case.followup is None:
        del plain["followup"]
    elif asked := asked_of(case):
        plain["followup"]["asked_of"] = asked
    return plain


def load(raw: Any) -> Case:
    """The public projection from its document."""
    return converter.structure(raw, Case)


def model(ladder: Ladder) -> Model[Case]:
    """Routing's aggregate for the chassis."""
    cells = domain.table(ladder)
    return Model(
        service="routing",
        topic=domain.EVENTS,
        evolve=domain.evolve,
        dump=dump,
        load=load,
        deadlines=domain.deadlines,
        fire=domain.firing(cells),
        known_since=lambda case: case.submitted_recorded_at,
        consumed=domain.consumed(ladder, cells),
    )


def unit_id(site_id: str, code: str) -> str:
    """The id of a unit's document and events."""
    return id_from("unit", site_id, code)


def dump_unit(unit: Unit) -> dict[str, Any]:
    """A unit as its document keeps it; days as text, which sorts as they do."""
    plain: dict[str, Any] = converter.unstructure(unit)
    return plain


WHO_ANSWERS = {
    f"state.{name}": 1
    for name in ("code", "site_id", "kind", "days", "posts", "succeeds", "successors", "covers")
}
"""What of a unit says who answers there: neither its households and boundaries nor its outbox."""


def load_unit(raw: Any) -> Unit:
    """A unit from its document."""
    return converter.structure(raw, Unit)


def units() -> Model[Unit]:
    """The directory's units for the chassis."""
    return Model(service="routing", topic=EVENTS, evolve=folding.evolve, dump=dump_unit, load=load_unit)


def restructurings() -> Model[Restructuring]:
    """Moves, splits and mergers for the chassis."""
    return Model(
        service="routing",
        topic=carrying_out.EVENTS,
        evolve=carrying_out.fold,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Restructuring),
    )


def department_id(site_id: str, code: str) -> str:
    """The id of a department's document and events."""
    return id_from("department", site_id, code)


def departments() -> Model[Department]:
    """The departments for the chassis."""
    return Model(
        service="routing",
        topic=ROSTERS,
        evolve=roster_folding.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Department),
    )


def summonses(cells: Table) -> Model[Summons]:
    """The summonses for the chassis."""
    return Model(
        service="routing",
        topic=summons.EVENTS,
        evolve=summons.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Summons),
        deadlines=summons.deadlines,
        fire=summons.firing(cells),
        known_since=lambda each: each.known_since,
    )


def person_id(site_id: str, person_ref: str) -> str:
    """The id of somebody's document and events."""
    return id_from("person", site_id, person_ref)


def persons() -> Model[Person]:
    """The register of persons for the chassis."""
    return Model(
        service="routing",
        topic=person.EVENTS,
        evolve=forces_folding.evolve_person,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Person),
    )


def force_id(site_id: str, code: str) -> str:
    """The id of a force's document and events."""
    return id_from("force", site_id, code)


def forces() -> Model[Force]:
    """Teams and associations for the chassis."""
    return Model(
        service="routing",
        topic=force.EVENTS,
        evolve=forces_folding.evolve_force,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Force),
    )


def call_outs() -> Model[CallOut]:
    """Call-outs for the chassis."""
    return Model(
        service="routing",
        topic=callout.EVENTS,
        evolve=attendance.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, CallOut),
        deadlines=callout.deadlines,
        fire=calling.fire,
        known_since=lambda each: each.known_since,
    )


def village_code_id(site_id: str, unit_code: str) -> str:
    """The id of a village code's document and events."""
    return id_from("village_code", site_id, unit_code)


def village_codes() -> Model[VillageCode]:
    """The village codes for the chassis."""
    return Model(
        service="routing",
        topic=VILLAGE_CODES,
        evolve=code_folding.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, VillageCode),
    )


def meetings(cells: Table) -> Model[Meeting]:
    """The joint meetings for the chassis."""
    return Model(
        service="routing",
        topic=meeting.EVENTS,
        evolve=meeting_folding.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Meeting),
        deadlines=meeting.deadlines,
        fire=deciding.firing(cells),
        known_since=lambda each: each.known_since,
    )


def emergencies() -> Model[Declaration]:
    """The emergencies for the chassis."""
    return Model(
        service="routing",
        topic=emergency.EVENTS,
        evolve=emergency.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Declaration),
        deadlines=emergency.deadlines,
        fire=emergency.fire,
        known_since=lambda each: each.known_since,
    )


def screening_id(site_id: str, code: str) -> str:
    """The id of a screening campaign's document and events."""
    return id_from("screening", site_id, code)


def screenings(cells: Table) -> Model[Screening]:
    """The screening campaigns for the chassis."""
    return Model(
        service="routing",
        topic=screening.EVENTS,
        evolve=screening_folding.evolve,
        dump=converter.unstructure,
        load=lambda raw: converter.structure(raw, Screening),
        deadlines=screening.deadlines,
        fire=screening_deciding.firing(cells),
        known_since=lambda each: each.known_since,
    )
