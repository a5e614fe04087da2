"""Notify's documents: one per event that somebody is owed news of."""

from typing import Any

from services.chassis.model import Model
from services.chassis.store import AggregateDocument, converter
from services.notify import domain
from services.notify.domain import Notice

ALIAS = "notify"


INDEXES = [
    {"fields": ["state.next_attempt_at"], "sparse": True},
    {"fields": ["state.failed"], "sparse": True},
    {"fields": ["state.case_id"]},
    {"fields": ["state.deliveries.recipient_ref", "-state.created_at", "-id"]},
    {"fields": ["-state.created_at", "-id"]},
]


class NoticeDocument(AggregateDocument):
    """A notice with its deliveries; `_id` is the event it is about.

    `state.next_attempt_at` is there while a delivery is open, `state.failed` while one has failed.
    """

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": ALIAS,
        "collection": "notices",
        "indexes": INDEXES,
    }


class RestrictedNoticeDocument(AggregateDocument):
    """A notice of an accusation, in a collection that its accuser and inspectors alone are shown."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": ALIAS,
        "collection": "restricted_notices",
        "indexes": INDEXES,
    }


def dump(notice: Notice) -> dict[str, Any]:
    """The notice as the document keeps it; what sweeps look for is absent rather than null."""
    plain: dict[str, Any] = converter.unstructure(notice)
    if notice.next_attempt_at is not None:
        plain["next_attempt_at"] = notice.next_attempt_at
    if notice.failed:
        plain["failed"] = notice.failed
    return plain


def load(raw: Any) -> Notice:
    """The notice from its document."""
    return converter.structure(raw, Notice)


def model() -> Model[Notice]:
    """Notify's aggregate for the chassis. It obeys nobody's events: it collects them."""
    return Model(service="notify", topic=domain.EVENTS, evolve=domain.evolve, dump=dump, load=load)


def restricted() -> Model[Notice]:
    """Notices of accusations: the same domain, another topic."""
    return Model(service="notify", topic=domain.RESTRICTED, evolve=domain.evolve, dump=dump, load=load)
