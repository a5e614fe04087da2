"""A unit on one day, as clients see it."""

from collections.abc import Mapping
from datetime import date

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.errors import NotFound
from services.chassis.record import Record
from services.routing.domain.directory.decisions import PREFIX
from services.routing.domain.directory.shared import to_days
from services.routing.domain.directory.unit import HELD, ON_LEAVE, VACANT, Post, Unit

STATUSES: Mapping[str, rpc.PostStatus.ValueType] = {
    VACANT: rpc.POST_STATUS_VACANT,
    HELD: rpc.POST_STATUS_HELD,
    ON_LEAVE: rpc.POST_STATUS_ON_LEAVE,
}


def state_of(record: Record[Unit]) -> Unit:
    """A stored unit.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such unit")
    return record.state


def to_message(record: Record[Unit], day: date) -> rpc.Unit:
    """The unit with what it has on a day; households are counted, not told."""
    unit = state_of(record)
    return rpc.Unit(
        code=unit.code,
        kind=ev.UnitKind.Value(f"{PREFIX}{unit.kind.upper()}"),
        tier=Tier.ValueType(unit.tier),
        days=to_days(unit.days),
        posts=[_post(post, day) for post in unit.posts],
        households=sum(1 for _ in unit.households_on(day)),
        succeeds=unit.succeeds,
        successors=unit.successors,
        covers=unit.covers,
        revision=record.revision,
    )


def to_imported(told: ev.UnitImported) -> rpc.ImportedUnit:
    """A unit as an import takes it."""
    return rpc.ImportedUnit(
        code=told.unit.code,
        kind=told.kind,
        since=told.days.since,
        until=told.days.until,
        posts=told.posts,
        households=told.households,
        covers=told.covers,
    )


def _post(post: Post, day: date) -> rpc.Post:
    message = rpc.Post(post_id=post.id, status=STATUSES[post.status_on(day)], acting_ref=post.acting_on(day))
    if tenure := post.tenure_on(day):
        message.holder_ref = tenure.person_ref
        message.days.CopyFrom(to_days(tenure.days))
    for candidate in post.candidates:
        told = message.candidates.add(person_ref=candidate.person_ref, nominators=candidate.nominators)
        if candidate.approved is not None:
            told.approved = candidate.approved
    return message
