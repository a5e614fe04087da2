"""The units that persons, forces and call-outs are of."""

from collections.abc import Iterable, Mapping
from datetime import date

from services.chassis.errors import Invalid, Violation
from services.chassis.store import converter, infrastructure
from services.routing.directory.lookups import Lookups
from services.routing.directory.messages import state_of
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.unit import Unit
from services.routing.store import unit_id

STANDING = {"state.code": 1, "state.days": 1}
"""What of a unit says when it stands."""


async def standing_unit(lookups: Lookups, site_id: str, field: str, code: str, on: date) -> Unit:
    """A unit that stands on a day.

    Raises:
        Invalid: there is none; it names the field.
    """
    record = await lookups.units.committer.get_one(unit_id(site_id, code))
    if record is None or record.state is None or on not in state_of(record).days:
        raise Invalid([Violation(field, "no_such_unit")])
    return state_of(record)


async def days_of_units(lookups: Lookups, site_id: str, codes: Iterable[str]) -> Mapping[str, Days]:
    """On which days units stand; those that are not there lack."""
    query = {"_id": {"$in": sorted(unit_id(site_id, code) for code in codes)}}
    collection = lookups.units.committer.repository.collection

    def read() -> dict[str, Days]:
        with infrastructure():
            found = [raw["state"] for raw in collection.find(query, STANDING) if raw.get("state")]
        return {state["code"]: converter.structure(state["days"], Days) for state in found}

    return await lookups.base.threads.run(read)
