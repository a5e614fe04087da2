"""The timeline of a case: every service's events, only ever inserted; reading sorts them (chassis rule 4).

There are two: the general one, and one of accusations, collected from restricted topics alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from pymongo.collection import Collection

from fengqiao.intake.v1.events_pb2 import DuplicateRejected, RequestsLinked
from fengqiao.intake.v1.intake_service_pb2 import TimelineEntry
from fengqiao.notify.v1.events_pb2 import NoticeDelivered, NoticeFailed
from fengqiao.routing.v1.events_pb2 import CaseJoined, CaseParted
from fengqiao.routing.v1.roster_events_pb2 import (
    AnswererSummoned,
    SummonsAnswered,
    SummonsUnanswered,
    SummonsWithdrawn,
)
from services.chassis.auth import Role
from services.chassis.clock import MAX_SKEW, WallClock
from services.chassis.consumer import Arrived
from services.chassis.engine import decode
from services.chassis.envelope import iso
from services.chassis.errors import Invalid, Violation
from services.chassis.protobuf import timestamp
from services.chassis.record import to_ms
from services.chassis.store import JOURNALED, MAJORITY, Raw, database, infrastructure, insert_only
from services.chassis.threads import Threads
from services.intake.accusations import RESTRICTED
from services.intake.domain import EVENTS

TOPICS = (
    EVENTS,
    "fengqiao.routing.events",
    "fengqiao.routing.summonses",
    "fengqiao.mediation.events",
    "fengqiao.petition.events",
    "fengqiao.notify.events",
)
RESTRICTED_TOPICS = (RESTRICTED, "fengqiao.petition.restricted", "fengqiao.notify.restricted")
GENERAL, APART = "timeline", "restricted_timeline"
CASES: Mapping[str, Callable[[Any], str]] = {
    **{m.DESCRIPTOR.full_name: lambda notice: notice.case_id for m in (NoticeDelivered, NoticeFailed)},
    **{
        m.DESCRIPTOR.full_name: lambda event: event.summons.case_id
        for m in (AnswererSummoned, SummonsAnswered, SummonsUnanswered, SummonsWithdrawn)
    },
}
"""Notices and summonses have keys of their own; the case is a field of them."""
OTHER_CASES: Mapping[str, Callable[[Any], str]] = {
    **{m.DESCRIPTOR.full_name: lambda event: event.lead_case_id for m in (CaseJoined, CaseParted)},
    **{
        m.DESCRIPTOR.full_name: lambda event: event.other_case_id for m in (RequestsLinked, DuplicateRejected)
    },
}
"""What is said of two cases stands in the timelines of both."""
# A write that hangs ends after 30 s (socket timeout); until then something of an older arrival may appear.
OVERLAP = MAX_SKEW + timedelta(seconds=33)
PERSONS = frozenset(
    {
        "accused_unit_id",
        "approver_ref",
        "from_ref",
        "recused_ref",
        "to_ref",
        "attended_refs",
        "by_ref",
        "called_by",
        "declined_ref",
        "holder_ref",
        "joined_by",
        "linked_by",
        "mediator_ref",
        "named_ref",
        "next_refs",
        "parted_by",
        "party_ref",
        "party_refs",
        "person_ref",
        "recipient_ref",
        "rejected_by",
        "reporter_ref",
        "representative_refs",
        "resolved_by",
        "reviewed_by",
        "signer_ref",
        "summoned_by",
        "withdrawn_by",
    }
)
"""Fields that name somebody, if only by reference, or whom an accusation is about."""
OTHERS = frozenset({"lead_case_id", "lead_request_no", "other_case_id"})
"""Fields that name somebody else's request: not for residents, agencies and whoever has the code."""
UNITS = frozenset({"accused_unit_id", "from_unit_id", "unit_id"})
"""Fields that say which unit has to do with an accusation."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry and the time it arrived here, which cursors run on."""

    entry: TimelineEntry
    arrived_at: datetime


class Timeline:
    """Entries of all cases, or of all accusations."""

    def __init__(self, alias: str, threads: Threads, wall: WallClock, collection: str = GENERAL) -> None:
        """`alias` names the service's database connection, `collection` holds the entries."""
        self._alias = alias
        self._collection = collection
        self._threads = threads
        self._wall = wall

    async def collect(self, arrived: Sequence[Arrived]) -> None:
        """Insert events; those that are there already stay as they are.

        Raises:
            Poison: one of them can't be read.
            Infrastructure: the store is away; repeat.
        """
        now = self._wall.now()
        documents = [document for event in arrived for document in _documents(event, now)]
        await self._threads.run(insert_only, self._entries, documents)

    async def read(
        self, case_id: str, cursor: datetime | None = None, *, hidden: Names[str] = PERSONS
    ) -> list[Seen]:
        """A case's entries by business time, service and sequence, without the hidden fields.

        With a cursor: those that arrived after it, and again those of the overlap before it.
        """
        query: Raw = {"case_id": case_id}
        if cursor is not None:
            query["arrived_at"] = {"$gt": cursor - OVERLAP}
        raws = await self._threads.run(self._find, query)
        return [Seen(to_entry(raw, hidden), raw["arrived_at"]) for raw in raws]

    async def types(self, case_id: str, wanted: Iterable[str]) -> set[str]:
        """Which of the types are among a case's entries."""
        query: Raw = {"case_id": case_id, "type": {"$in": list(wanted)}}
        return {raw["type"] for raw in await self._threads.run(self._find, query)}

    async def first(self, case_id: str, wanted: Iterable[str]) -> datetime | None:
        """When the first of a case's entries of these types happened; None: there is none."""
        query: Raw = {"case_id": case_id, "type": {"$in": list(wanted)}}
        raws = await self._threads.run(self._find, query)
        return raws[0]["occurred_at"] if raws else None

    @property
    def _entries(self) -> Collection[Raw]:
        return database(self._alias).get_collection(
            self._collection, write_concern=JOURNALED, read_concern=MAJORITY
        )

    def _find(self, query: Raw) -> list[Raw]:
        with infrastructure():
            return list(self._entries.find(query).sort([("occurred_at", 1), ("service", 1), ("sequence", 1)]))


def with_cursors(
    seen: Sequence[Seen], cursor: datetime | None
) -> Iterable[tuple[TimelineEntry, datetime | None]]:
    """Each entry with the cursor to go on from.

    Within a batch, sorted by business time, only the last entry moves the cursor: whoever stops before it
    gets the batch again.
    """
    after = max((s.arrived_at for s in seen), default=cursor)
    if after is not None and cursor is not None:
        after = max(after, cursor)
    for number, each in enumerate(seen, 1):
        yield each.entry, after if number == len(seen) else cursor


def read_cursor(text: str) -> datetime | None:
    """The arrival time of a cursor; None for the beginning.

    Raises:
        Invalid: it is none of ours.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return to_ms(at) if at.tzinfo else _refuse()
    except (ValueError, OverflowError):
        return _refuse()


def write_cursor(at: datetime | None) -> str:
    """A cursor as clients carry it."""
    return iso(at) if at else ""


def hidden_from(role: Role) -> Names[str]:
    """What is not shown to a role: persons to nobody, another's request to nobody outside the house."""
    return PERSONS | OTHERS if role in {Role.RESIDENT, Role.AGENCY} else PERSONS


def to_entry(raw: Raw, hidden: Names[str] = PERSONS) -> TimelineEntry:
    """An entry as clients see it: codes and times, nobody's reference.

    Of what happened to another's request and stands here too, those outside the house see that it happened.
    """
    message = without(decode(raw["type"], bytes(raw["data"])), hidden)
    if raw.get("of_another") and set(hidden) >= OTHERS:
        message = type(message)()
    return TimelineEntry(
        event_id=raw["_id"],
        service=raw["service"],
        type=raw["type"],
        occurred_at=timestamp(raw["occurred_at"]),
        sequence=raw["sequence"],
        data_json=MessageToJson(message, indent=None),
    )


def without(message: Message, hidden: Names[str]) -> Message:
    """The message with every hidden field cleared, in the messages within it too; changes it in place."""
    for field, value in message.ListFields():
        if field.name in hidden or says_who(field):
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            parts: Iterable[Any] = value if field.is_repeated else (value,)
            for part in parts:
                without(part, hidden)
    return message


def says_who(field: FieldDescriptor) -> bool:
    """Whether a field says who of the staff did something: by its name, so that no new one is forgotten."""
    return field.type == FieldDescriptor.TYPE_STRING and field.name.endswith("_by")


def _documents(event: Arrived, now: datetime) -> Iterable[Raw]:
    envelope = event.envelope
    message, case_of = decode(envelope.type, envelope.data), CASES.get(envelope.type)
    entry = {
        "_id": envelope.id,
        "case_id": case_of(message) if case_of else envelope.subject,
        "service": envelope.source.rsplit("/", 1)[-1],
        "type": envelope.type,
        "occurred_at": envelope.time,
        "sequence": envelope.sequence,
        "data": envelope.data,
        "arrived_at": now,
    }
    yield entry
    other_of = OTHER_CASES.get(envelope.type)
    if other_of and (other := other_of(message)):
        yield entry | {"_id": f"{envelope.id}#{other}", "case_id": other, "of_another": True}


def _refuse() -> datetime:
    raise Invalid([Violation("cursor", "not_a_cursor_of_ours")])
