"""Routing's documents: one per case."""

from typing import Any

from services.chassis.model import Model
from services.chassis.store import AggregateDocument, converter
from services.routing import domain
from services.routing.domain import Case, Ladder


class CaseDocument(AggregateDocument):
    """A case on the ladder, whole."""

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": "routing",
        "collection": "cases",
        "indexes": [
            {"fields": ["state.unit_id", "state.status", "state.due_at"]},
            {"fields": ["site", "state.status", "state.due_at"]},
        ],
    }


def dump(case: Case) -> dict[str, Any]:
    """The public projection as the document keeps it."""
    plain: dict[str, Any] = converter.unstructure(case)
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
