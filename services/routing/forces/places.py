"""The units that persons, forces and call-outs are of."""

from datetime import date

from services.chassis.errors import Invalid, Violation
from services.routing.directory.lookups import Lookups
from services.routing.directory.messages import state_of
from services.routing.domain.directory.unit import Unit
from services.routing.store import unit_id


async def standing_unit(lookups: Lookups, site_id: str, field: str, code: str, on: date) -> Unit:
    """A unit that stands on a day.

    Raises:
        Invalid: there is none; it names the field.
    """
    record = await lookups.units.committer.get_one(unit_id(site_id, code))
    if record is None or record.state is None or on not in state_of(record).days:
        raise Invalid([Violation(field, "no_such_unit")])
    return state_of(record)
