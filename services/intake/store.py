"""Intake's documents: requests, accusations, rejected submissions, timelines, contacts and their access log,
sources.
"""

from typing import Any

from mongoengine import BinaryField, BooleanField, DateTimeField, Document, IntField, StringField

from services.chassis.model import Context, Model
from services.chassis.store import AggregateDocument, converter
from services.intake import accusations, domain, timeline
from services.intake.accusations import Accusation
from services.intake.domain import Request
from services.intake.duplicates.places import near

ALIAS = "intake"


class RequestDocument(AggregateDocument):
    """A request, whole; its id is the case's."""

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": ALIAS,
        "collection": "requests",
        "indexes": [
            # Sparse: what came before its request (a stub) has no code.
            {"fields": ["private.tracking_code"], "unique": True, "sparse": True},
            {"fields": ["state.person_ref"]},
            # Sparse: few requests have a reporter, and `dump` leaves the field out of all others.
            {"fields": ["state.reporter_ref"], "sparse": True},
            {"fields": ["state.near", "state.submitted_at"]},
            {"fields": ["private.references"], "sparse": True},
            {"fields": ["state.joined_to"], "sparse": True},
            {"fields": ["state.links"], "sparse": True},
        ],
    }


class RestrictedRequestDocument(AggregateDocument):
    """An accusation, whole, in a collection that only its accuser's and inspectors' calls look into."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": ALIAS,
        "collection": "accusations",
        "indexes": [{"fields": ["private.tracking_code"], "unique": True, "sparse": True}],
    }


class SubmissionDocument(AggregateDocument):
    """What an agency sent and was not accepted; its one event is the reply."""

    meta = {"db_alias": ALIAS, "collection": "submissions", "indexes": []}  # noqa: RUF012 - as above


class EntryDocument(Document):
    """One event of any service that belongs to a case; insert-only, `_id` is the event's id.

    What is said of two cases stands with the other one too (`of_another`), under both ids.
    """

    id = StringField(primary_key=True)
    case_id = StringField(required=True)
    service = StringField(required=True)
    type = StringField(required=True)
    occurred_at = DateTimeField(required=True)
    sequence = IntField(required=True)
    data = BinaryField(required=True)
    arrived_at = DateTimeField(required=True)
    of_another = BooleanField()

    meta = {  # noqa: RUF012 - as above
        "abstract": True,
        "db_alias": ALIAS,
        "auto_create_index": False,
        "indexes": [{"fields": ["case_id", "arrived_at"]}, {"fields": ["case_id", "occurred_at"]}],
    }


class TimelineDocument(EntryDocument):
    """An entry of the general timeline; nothing of an accusation is in it."""

    meta = {"collection": timeline.GENERAL}  # noqa: RUF012 - as above


class RestrictedTimelineDocument(EntryDocument):
    """An entry of the timeline of accusations."""

    meta = {"collection": timeline.APART}  # noqa: RUF012 - as above


class ContactDocument(Document):
    """One person's contact, sealed with the person's own key, which is wrapped by the site's.

    `put_key` is the idempotency key of the last putting. Without `wrapped_key` nothing can be read any more.
    """

    id = StringField(primary_key=True)
    site = StringField(required=True)
    put_key = StringField(required=True)
    sealed = BinaryField(required=True)
    wrapped_key = BinaryField()
    erased_at = DateTimeField()

    meta = {"db_alias": ALIAS, "collection": "contacts", "auto_create_index": False}  # noqa: RUF012 - as above


class AccessDocument(Document):
    """One reading of a contact: who, as what, why, when; insert-only, without personal data."""

    person_ref = StringField(required=True)
    by = StringField(required=True)
    role = StringField(required=True)
    purpose = StringField(required=True)
    at = DateTimeField(required=True)

    meta = {  # noqa: RUF012 - as above
        "db_alias": ALIAS,
        "collection": "accesses",
        "auto_create_index": False,
        "indexes": [{"fields": ["person_ref", "at"]}],
    }


class SourceDocument(Document):
    """An agency's registered source; `_id` is its name."""

    id = StringField(primary_key=True)
    site = StringField(required=True)
    registered_at = DateTimeField(required=True)

    meta = {"db_alias": ALIAS, "collection": "sources", "auto_create_index": False}  # noqa: RUF012 - as above


COLLECTIONS = (
    RestrictedRequestDocument,
    SubmissionDocument,
    TimelineDocument,
    RestrictedTimelineDocument,
    ContactDocument,
    AccessDocument,
    SourceDocument,
)
"""What intake keeps beside the requests."""


def dump(request: Request) -> dict[str, Any]:
    """The public projection as the document keeps it, with the places that it is looked for at."""
    plain: dict[str, Any] = converter.unstructure(request)
    if not request.reporter_ref:
        for name in ("reporter_ref", "feedback", "feedback_at"):
            del plain[name]
    for name in ("joined_to", "links", "kept_apart"):
        if not plain[name]:
            del plain[name]
    plain["near"] = near(request.site_id, request.kind, request.unit_id)
    return plain


def load(raw: Any) -> Request:
    """The public projection from its document."""
    return converter.structure(raw, Request)


def model() -> Model[Request]:
    """Intake's aggregate for the chassis."""
    return Model(
        service="intake",
        topic=domain.EVENTS,
        evolve=domain.evolve,
        dump=dump,
        load=load,
        consumed=domain.consumed(),
    )


def restricted() -> Model[Accusation]:
    """Accusations for the chassis: nothing of theirs goes to another topic than the restricted one."""

    def load_one(raw: Any) -> Accusation:
        return converter.structure(raw, Accusation)

    return Model(
        service="intake",
        topic=accusations.RESTRICTED,
        evolve=accusations.evolve,
        dump=converter.unstructure,
        load=load_one,
    )


def submissions() -> Model[None]:
    """Rejected submissions: no state beyond the reply in the outbox."""

    def evolve(_state: None, _event: object, _context: Context) -> None:
        return None

    return Model(service="intake", topic="", evolve=evolve, dump=lambda _state: {}, load=lambda _raw: None)
