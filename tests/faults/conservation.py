"""What must hold once everything has come to rest, read from stores and topics past all services.

The names in brackets are the invariants of the fault plan: I1 no case lost, I2 none doubled, I3 every timer
once, I7 order, I8 state = events, I9 outboxes drain, I11 notices end, I12 audit, I13 conservation.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from fengqiao.routing.v1 import events_pb2 as routing_events
from services.chassis import audit
from services.chassis.consumer import Arrived
from services.chassis.engine import parse
from services.chassis.envelope import from_record
from services.chassis.model import Model
from services.chassis.rebuild import differences, fold
from services.chassis.site import load_sites
from services.chassis.store import load
from services.intake import store as intake_store
from services.intake.domain import EVENTS as INTAKE_EVENTS
from services.intake.domain import OUTCOMES, REQUESTS
from services.notify.domain import EVENTS as NOTIFY_EVENTS
from services.routing import store as routing_store
from services.routing.domain import EVENTS as ROUTING_EVENTS
from services.routing.domain import Ladder
from services.routing.sitefiles import read_rules
from tests.journeys.clients import House

Raw = dict[str, Any]
Log = Mapping[str, Mapping[str, list[Arrived]]]
"""By topic and aggregate: its events in the order of the topic, repeats and all."""

COLLECTIONS = (("intake", "requests"), ("intake", "submissions"), ("routing", "cases"), ("notify", "notices"))
SAME_END = {
    "submitted": {"assigned", "in_progress"},
    "settled": {"resolved"},
    "closed": {"resolved"},
    "withdrawn": {"withdrawn"},
}
"""Where a case stands in routing when its request stands so in intake."""


@dataclass(slots=True)
class History:
    """What clients were told, kept outside the system, by request number."""

    accepted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that the stores and the topics hold."""

    documents: Mapping[tuple[str, str], Mapping[str, Raw]]
    timeline: set[str]
    log: Log

    def of(self, service: str, collection: str) -> Mapping[str, Raw]:
        """A collection's documents by id."""
        return self.documents[service, collection]


def broken(house: House, sites: Path, history: History) -> list[str]:
    """Every violation found, in words; empty when all holds."""
    books = read(house)
    ladder = Ladder({site.id: read_rules(site) for site in load_sites(sites).values()})
    return [
        *_cases(books, history),
        *_sequences(books),
        *_rebuilt(books, "intake", "requests", intake_store.model()),
        *_rebuilt(books, "routing", "cases", routing_store.model(ladder)),
        *_seen(books),
        *_timers(books),
        *_timeline(books),
        *_notices(books),
    ]


def read(house: House) -> Books:
    """Read all of it: the stores first, so that the topics are not behind them."""
    documents: dict[tuple[str, str], Mapping[str, Raw]] = {}
    with MongoClient[Raw](house.running.mongo_url, tz_aware=True) as client:
        for service, collection in COLLECTIONS:
            found = client[f"fengqiao_{service}"][collection].find()
            documents[service, collection] = {raw["_id"]: raw for raw in found}
        timeline = {raw["_id"] for raw in client["fengqiao_intake"]["timeline"].find({}, {"_id": 1})}
    replies = [topic for topic in house.topics.names() if topic.endswith(".replies")]
    log = {
        topic: _by_aggregate(house, topic)
        for topic in (INTAKE_EVENTS, REQUESTS, ROUTING_EVENTS, OUTCOMES, NOTIFY_EVENTS, *replies)
    }
    return Books(documents, timeline, log)


def _by_aggregate(house: House, topic: str) -> Mapping[str, list[Arrived]]:
    found: dict[str, list[Arrived]] = defaultdict(list)
    for record in house.topics.read(topic):
        envelope = from_record(record.headers, record.value)
        found[envelope.subject].append(Arrived(record, envelope))
    return found


def _cases(books: Books, history: History) -> Iterator[str]:
    """Every accepted submission has exactly one case, in both services, and both agree (I1, I2, I13)."""
    requests, cases = books.of("intake", "requests"), books.of("routing", "cases")
    numbers = Counter(raw["state"]["request_no"] for raw in requests.values() if raw["state"])
    yield from (f"{n}: accepted, and no request" for n in sorted(history.accepted - numbers.keys()))
    yield from (f"{n}: a request nobody made" for n in sorted(numbers.keys() - history.accepted))
    yield from (f"{n}: {count} requests" for n, count in sorted(numbers.items()) if count > 1)
    for case_id in sorted(requests.keys() | cases.keys()):
        request, case = requests.get(case_id), cases.get(case_id)
        if not (request and request["state"] and case and case["state"]):
            yield f"{case_id}: not in both services"
        elif case["state"]["status"] not in SAME_END[request["state"]["status"]]:
            yield f"{case_id}: {request['state']['status']}, and {case['state']['status']} in routing"


def _sequences(books: Books) -> Iterator[str]:
    """Sequences are 1 to n in order, as many as the document says; chains hold (I7, I9, I12)."""
    for service, collection in COLLECTIONS:
        for aggregate_id, raw in books.of(service, collection).items():
            if raw["outbox"] or raw.get("waiting_since") or raw.get("behind_since"):
                yield f"{collection}/{aggregate_id}: an outbox or a mark is left"
            for own in raw["own"]:
                events = [event.envelope for event in books.log[own["topic"]].get(aggregate_id, [])]
                firsts = list(dict.fromkeys(event.sequence for event in events))
                if firsts != list(range(1, own["sequence"] + 1)):
                    yield f"{aggregate_id} on {own['topic']}: {firsts}, not 1 to {own['sequence']}"
                elif found := audit.first_break(events, bytes(own["head"])):
                    yield f"{aggregate_id} on {own['topic']}: the audit chain breaks at {found}"
    known = {i for documents in books.documents.values() for i in documents}
    for topic, aggregates in books.log.items():
        yield from (f"{i} on {topic}: events of nobody" for i in aggregates.keys() - known)


def _rebuilt(books: Books, service: str, collection: str, model: Model[Any]) -> Iterator[str]:
    """A fold of the service's own topics equals what it stored (I8)."""
    stored = books.of(service, collection)
    own = {topic for raw in stored.values() for topic in (own["topic"] for own in raw["own"])}
    records = fold(model, _events((books.log[topic] for topic in sorted(own)), stored))
    for aggregate_id, raw in stored.items():
        if aggregate_id not in records:
            yield f"{service}: {aggregate_id}: no event tells of it"
        elif found := differences(records[aggregate_id], load(raw, model.load)):
            yield f"{service}: {aggregate_id}: rebuilt otherwise in {', '.join(found)}"


def _events(logs: Iterable[Mapping[str, list[Arrived]]], wanted: Mapping[str, Raw]) -> Iterator[Arrived]:
    for log in logs:
        for aggregate_id, events in log.items():
            if aggregate_id in wanted:
                yield from events


def _seen(books: Books) -> Iterator[str]:
    """Each of the two has seen all that the other said to it (I7)."""
    pairs = (
        ("intake", "requests", "routing", "cases", REQUESTS),
        ("routing", "cases", "intake", "requests", OUTCOMES),
    )
    for by, collection, to, other, topic in pairs:
        for aggregate_id, raw in books.of(by, collection).items():
            said = next((own["sequence"] for own in raw["own"] if own["topic"] == topic), 0)
            listener = books.of(to, other).get(aggregate_id, {"seen": ()})
            heard = next((seen["sequence"] for seen in listener["seen"] if seen["topic"] == topic), 0)
            if said != heard:
                yield f"{aggregate_id}: {to} has seen {heard} of {said} on {topic}"


def _timers(books: Books) -> Iterator[str]:
    """No run of a clock fired twice, and none after the end (I3, I6)."""
    firing = (routing_events.CaseEscalated, routing_events.SupervisionOrdered)
    for case_id, events in books.log[ROUTING_EVENTS].items():
        fired: Counter[tuple[str, int]] = Counter()
        for envelope in {event.envelope.sequence: event.envelope for event in events}.values():
            message = parse(envelope.type, envelope.data)
            if isinstance(message, firing) and message.clock:
                fired[message.clock, message.epoch] += 1
        yield from (f"{case_id}: {clock} fired {n} times" for clock, n in fired.items() if n > 1)


def _timeline(books: Books) -> Iterator[str]:
    """The timeline has every event of every service once (I9)."""
    published = {
        event.envelope.id
        for topic in (INTAKE_EVENTS, ROUTING_EVENTS, NOTIFY_EVENTS)
        for events in books.log[topic].values()
        for event in events
    }
    yield from (f"{i}: not in the timeline" for i in sorted(published - books.timeline))
    yield from (f"{i}: in the timeline alone" for i in sorted(books.timeline - published))


def _notices(books: Books) -> Iterator[str]:
    """Each owed notice has ended, each of its deliveries once (I11)."""
    for notice_id, raw in books.of("notify", "notices").items():
        deliveries = raw["state"]["deliveries"]
        if len({delivery["id"] for delivery in deliveries}) != len(deliveries):
            yield f"{notice_id}: a delivery twice"
        for delivery in deliveries:
            if delivery["status"] not in {"delivered", "failed"}:
                yield f"{delivery['id']}: still {delivery['status']}"
