"""Sends forces and persons to the register; what was refused leads back to its row."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from services.cli.sheets.collected import Sheets
from services.cli.sheets.forces import Entry
from services.cli.sheets.gathered import Thing
from services.cli.sheets.sending import AT_ONCE, CALL_S, Call
from services.cli.sheets.table import FORCES, PERSONS, UNITS, Wrong


@dataclass(slots=True)
class SentForces:
    """What became of the forces that were sent."""

    answer: rpc.ImportForcesResponse
    wrong: list[Wrong]
    refused: set[Thing]


@dataclass(slots=True)
class SentPersons:
    """What became of the persons that were sent."""

    answer: persons.ImportPersonsResponse = field(default_factory=persons.ImportPersonsResponse)
    wrong: list[Wrong] = field(default_factory=list)
    refused: set[Thing] = field(default_factory=set)


async def send_forces(
    call: Call,
    service: Any,
    sheets: Sheets,
    refused: frozenset[Thing] = frozenset(),
    *,
    dry_run: bool = False,
) -> SentForces:
    """Send all forces in one call; repeated while the service is away. `refused`: what a dry run refused
    before, which will not be there for them. Raises what `call` raises.
    """

    async def requests() -> AsyncIterator[rpc.ImportForcesRequest]:
        for each in sheets.forces.values():
            unit = each.force.unit_id
            coming = [unit] if dry_run and _coming(sheets, refused, (UNITS, unit)) else []
            yield rpc.ImportForcesRequest(
                dry_run=dry_run, as_of=sheets.as_of, force=each.force, coming_units=coming
            )

    def method(_request: object, **options: Any) -> Any:
        return service.ImportForces(requests(), **{**options, "timeout": CALL_S})

    answer = await call(method, rpc.ImportForcesRequest())
    wrong = [Wrong(*sheets.forces[each.code].place(each.field), each.reason) for each in answer.refused]
    return SentForces(answer, wrong, {(FORCES, each.code) for each in answer.refused})


async def send_persons(
    call: Call,
    service: Any,
    sheets: Sheets,
    told: Callable[[int], None],
    refused: frozenset[Thing] = frozenset(),
    *,
    dry_run: bool = False,
) -> SentPersons:
    """Send all persons, so many at once; `told` hears how many more were answered for.

    What was taken over before an interruption stays, and is quick to be looked at again. Raises what `call`
    raises.
    """
    sent, everybody = SentPersons(), dict[str, tuple[str, Entry]]()
    for who, entry in sheets.people.items():
        _, first = everybody.setdefault(entry.person.person_ref, (who, entry))
        if first is not entry:  # once by reference, and once by a name that the vault knows
            sent.wrong.append(Wrong(PERSONS, entry.roles[0], "person", f"twice:row {first.roles[0]}"))
    refs = list(everybody)
    for begin in range(0, len(refs), AT_ONCE):
        some = refs[begin : begin + AT_ONCE]
        entries = [everybody[ref][1] for ref in some]
        answer = await _call(call, service, sheets, entries, refused, dry_run=dry_run)
        sent.answer.created += answer.created
        sent.answer.unchanged += answer.unchanged
        sent.answer.refused.extend(answer.refused)
        for refusal in answer.refused:
            who, entry = everybody[refusal.person_ref]
            sent.wrong.append(Wrong(*entry.place(refusal.field), refusal.reason))
            sent.refused.add((PERSONS, who))
        told(len(some))
    return sent


async def _call(
    call: Call,
    service: Any,
    sheets: Sheets,
    some: Sequence[Entry],
    refused: frozenset[Thing],
    *,
    dry_run: bool,
) -> persons.ImportPersonsResponse:
    async def requests() -> AsyncIterator[persons.ImportPersonsRequest]:
        for each in some:
            person = each.person
            units = {role.unit_id for role in person.roles} if dry_run else set[str]()
            forces = {one.force for one in person.memberships} if dry_run else set[str]()
            yield persons.ImportPersonsRequest(
                dry_run=dry_run,
                as_of=sheets.as_of,
                person=person,
                coming_units=[unit for unit in units if _coming(sheets, refused, (UNITS, unit))],
                coming_forces=[force for force in forces if _coming(sheets, refused, (FORCES, force))],
            )

    def method(_request: object, **options: Any) -> Any:
        return service.ImportPersons(requests(), **{**options, "timeout": CALL_S})

    answer: persons.ImportPersonsResponse = await call(method, persons.ImportPersonsRequest())
    return answer


def _coming(sheets: Sheets, refused: frozenset[Thing], thing: Thing) -> bool:
    """Whether a thing of the sheets will be there before what needs it."""
    sheet, key = thing
    return thing not in refused and key in (sheets.forces if sheet == FORCES else sheets.units)
