"""What agencies publish: each record is accepted, or rejected with reasons; none is lost (chassis rule 5).

The accept is an entry of the case's own outbox; only a reject has a document of its own. Source and reference
make it idempotent: the same body again changes nothing, another body is rejected.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1.inbound_pb2 import InboundRequest
from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.chassis.commands import Creation, Order, id_from, not_ahead
from services.chassis.consumer import Received, patiently
from services.chassis.engine import Moment, body_hash
from services.chassis.envelope import from_foreign
from services.chassis.errors import CommandError, Contended, Infrastructure, Invalid, Poison, Violation
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.model import Decision, Emit
from services.chassis.protobuf import instant
from services.chassis.refusals import violations
from services.intake import domain
from services.intake.accusations import wrong_unit
from services.intake.books import Books, Entry
from services.intake.domain import Request
from services.intake.messages import to_violation, violations_of
from services.intake.numbers import Numbers, tracking_code
from services.intake.sources import Source
from services.intake.vault import Deposit, Vault

log = structlog.get_logger()

TYPE = InboundRequest.DESCRIPTOR.full_name
CHANNEL = "agency"
MAX_REFERENCE = 128
# Names are the sender's text: what doesn't look like a field is not repeated on a topic.
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
PARSE_ERROR = re.compile(r"Failed to parse (\w+) field")


class Refused(Exception):
    """A record that is not accepted. `dead` names why its bytes can't be read; then they are kept apart."""

    def __init__(self, found: Sequence[Violation], *, reference: str = "", dead: str = "") -> None:
        super().__init__("; ".join(f"{v.field}: {v.reason}" for v in found))
        self.violations = tuple(found)
        self.reference = reference
        self.dead = dead


@dataclass(frozen=True, slots=True)
class Desk:
    """What every source's inbound needs: where requests and accusations begin, and where rejections do."""

    books: Books
    rejections: Kind[None]
    vault: Vault
    numbers: Numbers

    @property
    def base(self) -> Foundation[Request]:
        """What the service stands on."""
        return self.books.base


@dataclass(frozen=True, slots=True)
class Inbound:
    """Takes one source's records in."""

    desk: Desk
    source: Source

    async def take(self, batch: Sequence[Received]) -> None:
        """Make a batch's verdicts durable; the caller acknowledges when this returns."""
        await patiently(self.desk.base.readiness, "consumer", lambda: self._take(batch))

    async def _take(self, batch: Sequence[Received]) -> None:
        try:
            await self._decide(batch)
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - find the one that raises, so that its neighbours go on
            for record in batch:
                await self._alone(record)

    async def _alone(self, record: Received) -> None:
        try:
            await self._decide([record])
        except Infrastructure:
            raise
        except Exception as error:
            log.exception("inbound_failed", source=self.source.name, offset=record.offset)
            dead = f"raised:{type(error).__name__}"
            await self._reject([(record, Refused([Violation("", "unprocessable")], dead=dead))])

    async def _decide(self, batch: Sequence[Received]) -> None:
        moment = await self.desk.base.threads.run(self.desk.base.clocks.moment, self.source.site)
        sound: list[tuple[Received, InboundRequest]] = []
        refused: list[tuple[Received, Refused]] = []
        for record in batch:
            try:
                message = decode(record)
                check(message, self.source, moment)
            except Refused as refusal:
                refused.append((record, refusal))
            else:
                sound.append((record, message))
        refused += await self._accept(sound)
        await self._reject(refused)

    async def _accept(
        self, sound: Sequence[tuple[Received, InboundRequest]]
    ) -> list[tuple[Received, Refused]]:
        """Begin a request for each; returns those that the store refused."""
        if not sound:
            return []
        run = self.desk.base.threads.run
        # The vault first: an event never names a person whom nobody knows.
        await run(self.desk.vault.put_new, [deposit for _, m in sound if (deposit := self._deposit(m))])
        numbers = await self.desk.numbers.take(self.source.site, len(sound), self.desk.base.threads)
        entries = [
            self._entry(record, message, number)
            for (record, message), number in zip(sound, numbers, strict=True)
        ]
        results = await self.desk.books.begin(entries)
        refused = []
        for (record, message), result in zip(sound, results, strict=True):
            if isinstance(result, CommandError):
                refused.append((record, self._refusal(message, result)))
        return refused

    async def _reject(self, refused: Sequence[tuple[Received, Refused]]) -> None:
        """Keep each rejection with its reply; what was rejected before stays as it is."""
        if not refused:
            return
        for record, refusal in refused:
            if refusal.dead:
                await self.desk.base.letters.report(
                    record,
                    refusal.dead,
                    aggregate_id=submission_id(record),
                    topic=domain.dead_topic(self.source.name),
                )
        creations = [self._rejection(record, refusal) for record, refusal in refused]
        results = await self.desk.rejections.commands.create_many(creations)
        if any(isinstance(result, Contended) for result in results):
            raise Infrastructure("store: contended")

    def _entry(self, record: Received, message: InboundRequest, number: str) -> Entry:
        case_id = domain.case_id_of(self.source.name, message.reference)
        person_ref = (
            domain.person_of(self.source.name, message.reference) if message.HasField("contact") else ""
        )
        command = domain.SubmitRequest(
            request_no=number,
            tracking_code=tracking_code(),
            site_id=message.site_id,
            kind=message.kind,
            unit_id=message.unit_id,
            channel=CHANNEL,
            person_ref=person_ref,
            urgent=message.urgent,
            due_at=instant(message.due_at) if message.HasField("due_at") else None,
            title=message.title,
            description=message.description,
            attributes=message.attributes,
            source=self.source.name,
            reference=message.reference,
            accused_unit_id=message.accused_unit_id,
        )
        order = Order(
            key=f"inbound/{message.reference}",
            body_hash=body_hash(message, self.source.name),
            occurred_at=instant(message.occurred_at),
        )
        return Entry(case_id, order, command, position(record))

    def _rejection(self, record: Received, refusal: Refused) -> Creation[None]:
        reply = ev.SubmissionRejected(
            reference=refusal.reference,
            violations=[to_violation(v) for v in refusal.violations],
            answers=position(record),
        )
        decision = Decision((Emit(reply, only=domain.replies_topic(self.source.name)),))
        order = Order(key="rejected", body_hash=body_hash(position(record), self.source.name))
        return Creation(submission_id(record), self.source.site, order, lambda _context: decision)

    def _deposit(self, message: InboundRequest) -> Deposit | None:
        if not message.HasField("contact"):
            return None
        given = message.contact
        contact = Contact(name=given.name, email=given.email, phone=given.phone, locale=given.locale)
        person_ref = domain.person_of(self.source.name, message.reference)
        return Deposit(person_ref, self.source.site, f"inbound/{message.reference}", contact)

    def _refusal(self, message: InboundRequest, error: CommandError) -> Refused:
        if isinstance(error, Contended):
            raise Infrastructure("store: contended")
        if error.reason == "idempotency_key_reused":
            return Refused([Violation("reference", "reference_reused")], reference=message.reference)
        return Refused(violations_of(error), reference=message.reference)


def decode(record: Received) -> InboundRequest:
    """Read a record: protobuf, JSON, or a structured JSON CloudEvent.

    Raises:
        Refused: it can't be read (`dead` says why), or its JSON has unknown fields or values of another type.
    """
    try:
        foreign = from_foreign(record.headers, record.value)
    except Poison as poison:
        raise Refused([Violation("", poison.reason)], dead=poison.reason) from None
    if foreign.attributes.get("ce_type") != TYPE:
        raise Refused([Violation("type", "unknown_type")], dead="unknown_type")
    if foreign.protobuf is None:
        return _from_json(foreign.json)
    try:
        return InboundRequest.FromString(foreign.protobuf)
    except (DecodeError, RecursionError):
        raise Refused([Violation("data", "bad_protobuf")], dead="bad_protobuf") from None


def check(message: InboundRequest, source: Source, moment: Moment) -> None:
    """Refuse what can be read and is wrong.

    Raises:
        Refused: it names each field.
        Infrastructure: whether it is wrong can't be told while our clocks differ.
    """
    found = violations(message)
    if message.site_id != source.site and not any(v.field == "site_id" for v in found):
        found.append(Violation("site_id", "not_the_site_of_the_source"))
    if wrong := wrong_unit(message.kind, message.accused_unit_id):
        found.append(Violation("accused_unit_id", wrong))
    if not any(v.field == "occurred_at" for v in found):
        try:
            not_ahead(instant(message.occurred_at), moment, "occurred_at")
        except Invalid as error:
            found.extend(error.violations)
    if found:
        raise Refused(found, reference=message.reference[:MAX_REFERENCE])


def position(record: Received) -> ev.InboundPosition:
    """The record that a reply answers."""
    return ev.InboundPosition(topic=record.topic, partition=record.partition, offset=record.offset)


def submission_id(record: Received) -> str:
    """The id of a rejection: the same for the same record, however often it is delivered."""
    return id_from("submission", record.topic, str(record.partition), str(record.offset))


def _from_json(data: Any) -> InboundRequest:
    if not isinstance(data, dict):
        raise Refused([Violation("data", "not_an_object")])
    given = data.get("reference")
    reference = given[:MAX_REFERENCE] if isinstance(given, str) else ""
    if unknown := unknown_fields(data, InboundRequest.DESCRIPTOR):
        raise Refused([Violation(name, "unknown_field") for name in unknown], reference=reference)
    try:
        return ParseDict(data, InboundRequest())
    except (ParseError, RecursionError) as error:
        # Only the field's name: the rest of the message may hold the value.
        named = PARSE_ERROR.match(str(error))
        raise Refused([Violation(named[1] if named else "data", "bad_value")], reference=reference) from None


def unknown_fields(data: dict[str, Any], descriptor: Descriptor, prefix: str = "") -> list[str]:
    """Names in a JSON object that the message has no field for, in the objects below it too."""
    found = []
    fields = {name: f for f in descriptor.fields for name in (f.name, f.json_name)}
    for name, value in data.items():
        field = fields.get(name)
        if field is None:
            found.append(prefix + name if FIELD.fullmatch(name) else f"{prefix}?")
        elif isinstance(value, dict) and (inner := _plain_message(field)):
            found += unknown_fields(value, inner, f"{prefix}{field.name}.")
    return found


def _plain_message(field: FieldDescriptor) -> Descriptor | None:
    """The message that a field holds; None for maps and the well-known types, whose JSON has another form."""
    kind = field.message_type
    if kind is None or kind.GetOptions().map_entry or kind.full_name.startswith("google."):
        return None
    return kind
