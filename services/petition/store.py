"""Petition's documents: one per petition, and apart from them one per accusation."""

from typing import Any

from services.chassis.model import Model
from services.chassis.queues import OF_A_SITE, OF_A_UNIT
from services.chassis.store import AggregateDocument, converter
from services.petition import domain
from services.petition.domain import Office, Petition

INDEXES = [
    {"fields": list(OF_A_UNIT)},
    {"fields": list(OF_A_SITE)},
]


class PetitionDocument(AggregateDocument):
    """A petition, whole; the texts of its opinion are private."""

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": "petition",
        "collection": "petitions",
        "indexes": INDEXES,
    }


class RestrictedPetitionDocument(AggregateDocument):
    """An accusation, whole, in a collection that nothing else reads."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "petition",
        "collection": "accusations",
        "indexes": INDEXES,
    }


def dump(petition: Petition) -> dict[str, Any]:
    """The public projection as the document keeps it, with what lists are sorted by."""
    plain: dict[str, Any] = converter.unstructure(petition)
    return plain | {"due_at": petition.due_at}


def load(raw: Any) -> Petition:
    """The public projection from its document."""
    return converter.structure(raw, Petition)


def model(office: Office) -> Model[Petition]:
    """Ordinary petitions for the chassis."""
    cells = domain.table(office)
    return Model(
        service="petition",
        topic=domain.EVENTS,
        evolve=domain.evolve,
        dump=dump,
        load=load,
        deadlines=domain.deadlines,
        fire=domain.firing(cells),
        consumed=domain.consumed(office, cells),
    )


def accusations(office: Office) -> Model[Petition]:
    """Accusations for the chassis: the same domain, another topic to hear and another to tell."""
    cells = domain.table(office)
    return Model(
        service="petition",
        topic=domain.RESTRICTED,
        evolve=domain.evolve,
        dump=dump,
        load=load,
        deadlines=domain.deadlines,
        fire=domain.firing(cells),
        consumed=domain.consumed_of_accusations(office, cells),
    )
