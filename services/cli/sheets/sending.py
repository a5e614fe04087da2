"""Sends units to the directory, those above first, some at once; what was refused leads back to its row."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import force_service_pb2 as force_rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from fengqiao.routing.v1 import roster_service_pb2 as roster_rpc
from services.cli.sheets.collected import Sheets
from services.cli.sheets.gathered import Gathered, Thing
from services.cli.sheets.table import UNITS, Wrong

AT_ONCE = 1_000
"""Units of one call: what was taken over before an interruption stays."""
CALL_S = 120.0

Call = Callable[[Callable[..., Any], Any], Awaitable[Any]]
"""Calls a method until it is answered, as `Caller.call`."""


Also = (
    roster_rpc.ImportDepartmentsResponse | force_rpc.ImportForcesResponse | person_rpc.ImportPersonsResponse
)


@dataclass(slots=True)
class Sent:
    """What became of what was sent."""

    answer: rpc.ImportUnitsResponse = field(default_factory=rpc.ImportUnitsResponse)
    wrong: list[Wrong] = field(default_factory=list)
    also: dict[str, Also] = field(default_factory=dict)
    """Of departments, forces and persons, where some were sent."""
    refused: set[Thing] = field(default_factory=set)
    """Units and persons."""


async def send(
    call: Call, directory: Any, sheets: Sheets, told: Callable[[int], None], *, dry_run: bool = False
) -> Sent:
    """Send all units; `told` hears how many more were answered for. Raises what `call` raises."""
    sent, units = Sent(), list(sheets.in_order())
    for begin in range(0, len(units), AT_ONCE):
        some = units[begin : begin + AT_ONCE]
        # Nothing of a dry run is there for the next call.
        above = _above(sheets, some) if dry_run else []
        asked = rpc.ImportUnitsRequest(dry_run=dry_run, as_of=sheets.as_of)
        answer = await _call(call, directory, [*above, *some], asked)
        sent.answer.created += answer.created
        sent.answer.unchanged += answer.unchanged
        for refusal in answer.refused:
            wrong = Wrong(*sheets.units[refusal.code].place(refusal.field), refusal.reason)
            if wrong not in sent.wrong:
                sent.wrong.append(wrong)
                sent.answer.refused.append(refusal)
                sent.refused.add((UNITS, refusal.code))
        if above:
            # Those above were counted before.
            sent.answer.created = min(sent.answer.created, begin + len(some))
            sent.answer.unchanged = min(sent.answer.unchanged, begin + len(some) - sent.answer.created)
        told(len(some))
    return sent


@dataclass(slots=True)
class SentRosters:
    """What became of the departments that were sent."""

    answer: roster_rpc.ImportDepartmentsResponse
    wrong: list[Wrong]


async def send_rosters(call: Call, roster: Any, sheets: Sheets, *, dry_run: bool) -> SentRosters:
    """Send all departments in one call; repeated while the service is away. Raises what `call` raises."""

    async def requests() -> AsyncIterator[roster_rpc.ImportDepartmentsRequest]:
        for each in sheets.rosters.values():
            yield roster_rpc.ImportDepartmentsRequest(
                dry_run=dry_run, as_of=sheets.as_of, department=each.department
            )

    def method(_request: object, **options: Any) -> Any:
        return roster.ImportDepartments(requests(), **{**options, "timeout": CALL_S})

    answer = await call(method, roster_rpc.ImportDepartmentsRequest())
    wrong = [Wrong(*sheets.rosters[each.code].place(each.field), each.reason) for each in answer.refused]
    return SentRosters(answer, wrong)


def _above(sheets: Sheets, some: Sequence[Gathered]) -> list[Gathered]:
    """The units that these stand below, from the top down."""
    codes, own = set[str](), {each.unit.code for each in some}
    for each in some:
        code = each.unit.code
        while code := code.rpartition("/")[0]:
            codes.add(code)
    above = sorted((codes - own) & sheets.units.keys(), key=lambda code: code.count("/"))
    return [sheets.units[code] for code in above]


async def _call(
    call: Call, directory: Any, some: Sequence[Gathered], asked: rpc.ImportUnitsRequest
) -> rpc.ImportUnitsResponse:
    """One call; repeated while the service is away, as nothing is taken over twice."""

    async def requests() -> AsyncIterator[rpc.ImportUnitsRequest]:
        for each in some:
            yield rpc.ImportUnitsRequest(dry_run=asked.dry_run, as_of=asked.as_of, unit=each.message())

    def method(_request: object, **options: Any) -> Any:
        return directory.ImportUnits(requests(), **{**options, "timeout": CALL_S})

    answer: rpc.ImportUnitsResponse = await call(method, rpc.ImportUnitsRequest())
    return answer
