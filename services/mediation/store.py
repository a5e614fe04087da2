"""Mediation's documents: one per case, with all its mediations."""

from typing import Any

from services.chassis.model import Model
from services.chassis.queues import OF_A_SITE, OF_A_UNIT
from services.chassis.store import AggregateDocument, converter
from services.mediation import domain
from services.mediation.domain import Committee, Dispute


class DisputeDocument(AggregateDocument):
    """A dispute, whole; what was said and agreed is private."""

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": "mediation",
        "collection": "disputes",
        "indexes": [
            {"fields": list(OF_A_UNIT)},
            {"fields": list(OF_A_SITE)},
        ],
    }


def dump(dispute: Dispute) -> dict[str, Any]:
    """The public projection as the document keeps it, with what lists are sorted by."""
    plain: dict[str, Any] = converter.unstructure(dispute)
    return plain | {"due_at": dispute.due_at}


def load(raw: Any) -> Dispute:
    """The public projection from its document."""
    return converter.structure(raw, Dispute)


def model(committee: Committee) -> Model[Dispute]:
    """Mediation's aggregate for the chassis."""
    cells = domain.table(committee)
    return Model(
        service="mediation",
        topic=domain.EVENTS,
        evolve=domain.evolve,
        dump=dump,
        load=load,
        deadlines=domain.deadlines,
        fire=domain.firing(cells),
        consumed=domain.consumed(committee, cells),
    )
