"""Ways to damage a good record set, one for each thing that the checker says it sees."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from fengqiao.routing.v1.events_pb2 import CaseEscalated, CaseRouted
from services.chassis.record import to_ms
from tests.faults import canaries
from tests.faults.evidence import Event, Evidence, Landed
from tests.faults.history import Entry, History

ROUTING, INTAKE = "fengqiao.routing.events", "fengqiao.intake.events"
Damage = Callable[[Evidence], Evidence]


def settled_case(evidence: Evidence) -> str:
    """A case that climbed at least once by its clock and was resolved for good by a handler's word."""
    for case, events in sorted(evidence.events(ROUTING).items()):
        names = [event.name for event in events]
        answered = any(e.case == case for e in evidence.history.of("ok", "submit"))
        if (
            answered
            and names[-1] == "CaseResolved"
            and any(climbed_by_its_clock(event) for event in events)
            and len(names) == len(set(names)) + 2
        ):
            return case
    raise LookupError("no such case in the record set")


def climbed_by_its_clock(event: Event) -> bool:
    """Whether the case moved up because a tier's clock ran out, not because somebody asked."""
    return isinstance(event.message, CaseEscalated) and bool(event.message.clock)


def firing(evidence: Evidence) -> Event:
    """The first time that case climbed by its clock."""
    events = evidence.events(ROUTING)[settled_case(evidence)]
    return next(event for event in events if climbed_by_its_clock(event))


# -- documents -----------------------------------------------------------------------------------------------


def _documents(evidence: Evidence, change: Callable[[Any], None]) -> Evidence:
    documents = deepcopy(dict(evidence.documents))
    change(documents)
    return replace(evidence, documents=documents)


def without(service: str, collection: str) -> Damage:
    """The case's document is gone."""

    def damage(evidence: Evidence) -> Evidence:
        case = settled_case(evidence)
        return _documents(evidence, lambda d: d[service, collection].pop(case))

    return damage


def changed(service: str, collection: str, **changes: Any) -> Damage:
    """Fields of the case's document say something else; `a__b` is b in a."""

    def damage(evidence: Evidence) -> Evidence:
        case = settled_case(evidence)

        def change(documents: Any) -> None:
            for path, value in changes.items():
                there = documents[service, collection][case]
                *parents, name = path.split("__")
                for parent in parents:
                    there = there[int(parent) if parent.isdigit() else parent]
                there[int(name) if name.isdigit() else name] = value

        return _documents(evidence, change)

    return damage


def a_pending_delivery(evidence: Evidence) -> Evidence:
    """A notice has not ended."""

    def change(documents: Any) -> None:
        notice = next(raw for raw in documents["notify", "notices"].values() if raw["state"]["deliveries"])
        notice["state"]["deliveries"][0]["status"] = "pending"

    return _documents(evidence, change)


def a_lost_notice(evidence: Evidence) -> Evidence:
    """Somebody is not told of a climb."""
    identity = firing(evidence).envelope.id
    return _documents(evidence, lambda d: d["notify", "notices"].pop(identity))


def a_second_number(evidence: Evidence) -> Evidence:
    """Two requests have one number."""

    def change(documents: Any) -> None:
        first, second, *_ = documents["intake", "requests"].values()
        second["state"]["request_no"] = first["state"]["request_no"]

    return _documents(evidence, change)


# -- topics --------------------------------------------------------------------------------------------------


def _topics(evidence: Evidence, topic: str, change: Callable[[list[Landed]], Iterable[Landed]]) -> Evidence:
    topics: Mapping[str, list[Landed]] = {
        **evidence.topics,
        topic: list(change(list(evidence.topics[topic]))),
    }
    return replace(evidence, topics=topics)


def _retold(landed: Landed, **changes: Any) -> Landed:
    """The record with another envelope."""
    if landed.envelope is None:
        raise ValueError("no envelope")
    envelope = replace(landed.envelope, **changes)
    record = replace(landed.record, value=envelope.data, offset=landed.record.offset + 10**6)
    return replace(landed, envelope=envelope, record=record)


def a_lost_firing(evidence: Evidence) -> Evidence:
    """A clock that ran out did not fire: its event is nowhere, and those after it are numbered without it."""
    gone = firing(evidence)

    def change(records: list[Landed]) -> Iterable[Landed]:
        for landed in records:
            envelope = landed.envelope
            if (
                envelope is None
                or envelope.subject != gone.envelope.subject
                or envelope.sequence < gone.envelope.sequence
            ):
                yield landed
            elif envelope.sequence > gone.envelope.sequence:
                yield _retold(landed, sequence=envelope.sequence - 1)

    return _topics(evidence, ROUTING, change)


def a_firing(**changes: Any) -> Damage:
    """One more firing at the end of the case; `changes` are fields of its event."""

    def damage(evidence: Evidence) -> Evidence:
        once = firing(evidence)
        last = evidence.events(ROUTING)[once.envelope.subject][-1]
        message = CaseEscalated()
        message.MergeFromString(once.envelope.data)
        for name, value in changes.items():
            setattr(message, name, value)
        again = _retold(
            once.landed,
            sequence=last.envelope.sequence + 1,
            id=f"{once.envelope.id}-again",
            data=message.SerializeToString(),
        )
        return _topics(evidence, ROUTING, lambda records: [*records, again])

    return damage


def an_early_firing(evidence: Evidence) -> Evidence:
    """A firing lay on its topic before it was due."""
    early = firing(evidence)
    moved = replace(early.landed, at=early.at - 0.2)

    def change(records: list[Landed]) -> Iterable[Landed]:
        return (moved if landed.where == moved.where else landed for landed in records)

    return _topics(evidence, ROUTING, change)


def a_missing_event(topic: str) -> Damage:
    """An event of the case is not on its topic."""

    def damage(evidence: Evidence) -> Evidence:
        gone = evidence.events(topic)[settled_case(evidence)][0].envelope.id

        def change(records: list[Landed]) -> Iterable[Landed]:
            return (each for each in records if each.envelope is None or each.envelope.id != gone)

        return _topics(evidence, topic, change)

    return damage


def an_inversion(evidence: Evidence) -> Evidence:
    """Two events of a case stand on their topic the other way round, and none is sent again."""
    events = evidence.events(ROUTING)[settled_case(evidence)]
    first, second = events[:2]
    swapped = {first.landed.where: second.landed, second.landed.where: first.landed}
    once = {event.landed.where for event in events}

    def change(records: list[Landed]) -> Iterable[Landed]:
        for landed in records:
            others = landed.envelope is None or landed.envelope.subject != first.envelope.subject
            if others or landed.where in once:
                yield swapped.get(landed.where, landed)

    return _topics(evidence, ROUTING, change)


def an_edited_byte(evidence: Evidence) -> Evidence:
    """A single byte of one event is another one; it can still be read."""
    edited = evidence.events(ROUTING)[settled_case(evidence)][0]
    if not isinstance(edited.message, CaseRouted):
        raise TypeError(edited.name)
    data = bytearray(edited.envelope.data)
    data[data.index(edited.message.kind.encode())] ^= 1
    envelope = replace(edited.envelope, data=bytes(data))

    def change(records: list[Landed]) -> Iterable[Landed]:
        for landed in records:
            yield replace(landed, envelope=envelope) if landed.where == edited.landed.where else landed

    return _topics(evidence, ROUTING, change)


def an_event_applied_twice(evidence: Evidence) -> Evidence:
    """One consumed event caused events of two commits."""
    once = evidence.events(ROUTING)[settled_case(evidence)][0]
    last = evidence.events(ROUTING)[once.envelope.subject][-1]
    later = to_ms(last.envelope.recorded_at)
    again = _retold(once.landed, sequence=last.envelope.sequence + 1, recorded_at=later, id="again")
    return _topics(evidence, ROUTING, lambda records: [*records, again])


def an_event_without_effect(evidence: Evidence) -> Evidence:
    """Routing did nothing about what it was told."""
    case = settled_case(evidence)

    def change(records: list[Landed]) -> Iterable[Landed]:
        for landed in records:
            ours = landed.envelope is not None and landed.envelope.subject == case
            yield _retold(landed, cause="") if ours else landed

    return _topics(evidence, ROUTING, change)


def a_canary(topic: str) -> Damage:
    """A free text on a topic."""

    def damage(evidence: Evidence) -> Evidence:
        first, *rest = evidence.topics[topic]
        value = (first.record.value or b"") + canaries.text("title").encode()
        spoilt = replace(first, record=replace(first.record, value=value))
        return _topics(evidence, topic, lambda _records: [spoilt, *rest])

    return damage


# -- history, logs, timelines --------------------------------------------------------------------------------


def _history(evidence: Evidence, change: Callable[[list[Entry]], Iterable[Entry]]) -> Evidence:
    return replace(evidence, history=History(tuple(change(list(evidence.history.entries)))))


def told(*entries: Entry) -> Damage:
    """The history says something more."""
    return lambda evidence: _history(evidence, lambda there: [*there, *entries])


def another_case_for_the_key(evidence: Evidence) -> Evidence:
    """The same key was answered with two cases."""
    entry = next(evidence.history.of("ok", "submit"))
    other = next(e for e in evidence.history.of("ok", "submit") if e.case != entry.case)
    return _history(evidence, lambda there: [*there, replace(entry, case=other.case)])


def a_command_nobody_gave(evidence: Evidence) -> Evidence:
    """An event of a command that is in nobody's history."""
    case = settled_case(evidence)
    return _history(evidence, lambda there: [e for e in there if not (e.op == "resolve" and e.case == case)])


def a_command_without_effect(evidence: Evidence) -> Evidence:
    """A command was answered, and there is no event of it."""
    case = settled_case(evidence)
    given = Entry(at=0, kind="invoke", op="withdraw", call=10**6, key="lost", case=case)
    return _history(evidence, lambda there: [*there, given, replace(given, kind="ok")])


def never_ready(evidence: Evidence) -> Evidence:
    """After the heal nothing became ready."""
    return _history(evidence, lambda there: [e for e in there if e.op != "ready"])


def a_canary_in_a_log(evidence: Evidence) -> Evidence:
    """A name in a log."""
    return replace(evidence, texts={**evidence.texts, "x.log": canaries.contact()["name"].encode()})


def a_repeated_mail(evidence: Evidence) -> Evidence:
    """A message came twice, and no sending was interrupted."""
    return replace(evidence, mails=[*evidence.mails, "id", "id"])


def a_lost_entry(evidence: Evidence) -> Evidence:
    """An event is not in the timeline."""
    gone = firing(evidence).envelope.id
    return replace(evidence, timelines={k: v for k, v in evidence.timelines.items() if k != gone})


def an_entry_of_nothing(evidence: Evidence) -> Evidence:
    """The timeline tells of something that never was."""
    raw = next(iter(evidence.timelines.values()))
    return replace(evidence, timelines={**evidence.timelines, "routing/x/y/1": raw})


def a_letter_of_nothing(evidence: Evidence) -> Evidence:
    """A dead letter of a record that was no poison."""
    landed = next(iter(evidence.topics[ROUTING]))
    headers = {"dead-reason": "x", "dead-topic": "t", "dead-partition": "0", "dead-offset": "0"}
    letter = replace(landed, record=replace(landed.record, headers=headers), envelope=None)
    return _topics(evidence, "fengqiao.routing.dead", lambda records: [*records, letter])


DAMAGES: Mapping[str, tuple[str, Damage]] = {
    "a request lost": ("I1", without("intake", "requests")),
    "a case lost": ("I1", without("routing", "cases")),
    "a command without effect": ("I1", a_command_without_effect),
    "another case for a key": ("I2", another_case_for_the_key),
    "a number twice": ("I2", a_second_number),
    "a command that nobody gave": ("I2", a_command_nobody_gave),
    "a clock that did not fire": ("I3", a_lost_firing),
    "a clock that fired twice": ("I3", a_firing()),
    "a firing on its topic too early": ("I4", an_early_firing),
    "a firing after the end": ("I6", a_firing(epoch=9)),
    "an event missing": ("I7", a_missing_event(ROUTING)),
    "two events the other way round": ("I7", an_inversion),
    "something said and not heard": ("I7", changed("routing", "cases", seen__0__sequence=0)),
    "a state without its event": ("I8", changed("routing", "cases", state__tier=9)),
    "another status": ("I8", changed("routing", "cases", state__status="assigned")),
    "an entry of nothing": ("I8", an_entry_of_nothing),
    "an outbox left": ("I9", changed("routing", "cases", waiting_since=1)),
    "an event not in the timeline": ("I9", a_lost_entry),
    "an event applied twice": ("I9", an_event_applied_twice),
    "an event without effect": ("I9", an_event_without_effect),
    "a letter of nothing": ("I10", a_letter_of_nothing),
    "poison without a letter": (
        "I10",
        told(Entry(at=0, kind="nemesis", op="poison", more={"what": "x", "where": ["t", 0, 0]})),
    ),
    "a notice lost": ("I11", a_lost_notice),
    "a delivery without an end": ("I11", a_pending_delivery),
    "a message twice": ("I11", a_repeated_mail),
    "a byte edited": ("I12", an_edited_byte),
    "a chain truncated": ("I12", changed("routing", "cases", own__0__head=b"x" * 32)),
    "a sum that does not agree": ("I13", a_missing_event(INTAKE)),
    "a text on a topic": ("I14", a_canary(ROUTING)),
    "a name in a log": ("I14", a_canary_in_a_log),
    "a text in another store": (
        "I14",
        changed("routing", "cases", private={"note_of_a_stranger": f"{canaries.WORD}1"}),
    ),
    "never ready again": ("I15", never_ready),
}
"""What is damaged, the invariant that must notice, and how it is done."""
