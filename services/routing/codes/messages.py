"""A village code as clients see it."""

from fengqiao.routing.v1 import code_service_pb2 as rpc
from services.chassis.errors import NotFound
from services.chassis.record import Record
from services.routing.domain.codes.village_code import Clause, Version, VillageCode
from services.routing.domain.directory.shared import to_days


def code_of(record: Record[VillageCode]) -> VillageCode:
    """A stored village code.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no village code there")
    return record.state


def to_code(record: Record[VillageCode], told: Version | None = None) -> rpc.VillageCode:
    """All versions; the one that is `told` with its texts."""
    village_code = code_of(record)
    return rpc.VillageCode(
        unit_code=village_code.unit_code,
        versions=[_version(record, each, told=each is told) for each in village_code.versions],
        revision=record.revision,
    )


def to_clause(record: Record[VillageCode], clause: Clause) -> rpc.Clause:
    """A clause with its text; without where the store was rebuilt from events, which hold none."""
    text = record.private.get(clause.digest, "")
    return rpc.Clause(number=clause.number, text=text, digest=clause.digest)


def _version(record: Record[VillageCode], version: Version, *, told: bool) -> rpc.VillageCodeVersion:
    return rpc.VillageCodeVersion(
        version=version.number,
        adopted_on=version.adopted_on.isoformat(),
        days=to_days(version.days),
        clauses=[
            to_clause(record, each) if told else rpc.Clause(number=each.number, digest=each.digest)
            for each in version.clauses
        ],
    )
