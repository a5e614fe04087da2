"""Rebuilding, the audit chain, what an event carries (chassis rules 7, 14, 17, 21)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import audit
from services.chassis.envelope import Envelope
from services.chassis.rebuild import differences, fold
from tests.kit import toy
from tests.kit.timing import START, run
from tests.kit.toy import EVENTS, OUTCOMES, PERIOD, REPLIES, SOURCE
from tests.kit.world import MINUTE, M, World


async def _lived() -> World:
    """A toy with a life: opened, added to from both sides, ticked, closed; events sent twice."""
    world = World()
    p = world.process()
    world.source("a", M["Open"](name="x"), M["Add"](amount=2), at=START)
    await p.consume()
    await p.add("a", 3, "key")
    await asyncio.sleep((2 * PERIOD + MINUTE).total_seconds())
    await p.sweep()
    world.source("a", M["Close"](), at=START + 2 * PERIOD + MINUTE, first=3)
    await p.consume()
    for record in world.broker.records(EVENTS)[:3]:
        world.broker.put(record)
    await p.rest()
    return world


def test_a_rebuild_from_the_own_topics_equals_what_is_stored_and_publishes_nothing() -> None:
    async def main() -> None:
        world = await _lived()
        records = {t: len(r) for t, r in world.broker.topics.items()}
        rebuilt = fold(toy.model(), world.arrived(EVENTS, OUTCOMES, REPLIES))["a"]
        stored = world.stored("a")
        assert differences(rebuilt, stored) == []
        assert (rebuilt.revision, rebuilt.seen) == (stored.revision, stored.seen)
        assert {t: len(r) for t, r in world.broker.topics.items()} == records
        assert differences(replace(rebuilt, heads={}), stored) == ["heads"]

    run(main())


def test_after_a_rebuild_consuming_goes_on_where_it_was() -> None:
    async def main() -> None:
        world = await _lived()
        lost = World(broker=world.broker, offsets=dict(world.offsets))
        p = lost.process()
        rebuilt = fold(p.engine.model, world.arrived(EVENTS, OUTCOMES, REPLIES))
        p.repository.commit(list(rebuilt.values()), p.wall.now())
        lost.offsets.clear()
        await p.rest()
        before, after = world.stored("a"), lost.stored("a")
        assert (after.state, after.seen, after.sequences) == (before.state, before.seen, before.sequences)

    run(main())


def test_an_event_carries_its_id_its_business_time_and_what_caused_it() -> None:
    async def main() -> None:
        world = await _lived()
        events = {e.sequence: e for e in world.broker.events(EVENTS, "a")}
        assert [e.id for e in events.values()] == [f"toy/a/{EVENTS}/{n}" for n in range(1, 7)]
        assert [e.type.removeprefix("kit.v1.") for e in events.values()] == [
            "Opened",
            "Added",
            "Added",
            "Ticked",
            "Ticked",
            "Closed",
        ]
        assert events[2].cause == f"{SOURCE}:0:1:2"
        assert events[3].cause == ""
        fired = events[4]
        assert fired.time == START + PERIOD, "the due time is its business time"
        assert fired.recorded_at > START + 2 * PERIOD, "the firing time stands apart"

    run(main())


Change = Callable[[list[Envelope]], list[Envelope]]


def _flipped(index: int, byte: int) -> Change:
    def change(events: list[Envelope]) -> list[Envelope]:
        data = bytearray(events[index].data)
        data[byte] ^= 1
        return [*events[:index], replace(events[index], data=bytes(data)), *events[index + 1 :]]

    return change


FORGERIES: dict[str, Change] = {
    "an event removed": lambda events: events[:2] + events[3:],
    "the first removed": lambda events: events[1:],
    "two exchanged": lambda events: [events[0], events[2], events[1], *events[3:]],
    "truncated": lambda events: events[:-1],
    "a time moved": lambda events: [
        replace(events[0], time=events[0].time + timedelta(milliseconds=1)),
        *events[1:],
    ],
    "the time of recording moved": lambda events: [
        *events[:-1],
        replace(events[-1], recorded_at=events[-1].recorded_at - timedelta(milliseconds=1)),
    ],
    "another site": lambda events: [*events[:-1], replace(events[-1], site="elsewhere")],
    "another cause": lambda events: [*events[:-1], replace(events[-1], cause="x.events:0:1:1")],
    "a type renamed": lambda events: [*events[:-1], replace(events[-1], type="kit.v1.Ignored")],
    "an id changed": lambda events: [replace(events[0], id="toy/b/x/1"), *events[1:]],
    "a head changed": lambda events: [*events[:-1], replace(events[-1], head=bytes(32))],
    "the last passed off as a repeat": lambda events: [*events[:-1], replace(events[-1], sequence=1)],
    "an edited repeat": lambda events: [*events, replace(events[1], data=b"")],
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_the_audit_chain_finds_an_edit_a_deletion_an_exchange_and_a_truncation(forgery: str) -> None:
    async def main() -> None:
        world = await _lived()
        events = list({e.sequence: e for e in world.broker.events(EVENTS, "a")}.values())
        head = world.stored("a").heads[EVENTS]
        assert audit.first_break(events, head) is None
        assert audit.first_break([*events, *events], head) is None, "repeats are lawful"
        assert audit.first_break(FORGERIES[forgery](events), head) is not None

    run(main())


def test_the_audit_chain_finds_any_single_byte_edit() -> None:
    async def main() -> None:
        world = await _lived()
        events = list({e.sequence: e for e in world.broker.events(EVENTS, "a")}.values())
        edits = 0
        for index, event in enumerate(events):
            for byte in range(len(event.data)):
                assert audit.first_break(_flipped(index, byte)(events)) == event.id
                edits += 1
        assert edits > 50

    run(main())


def test_a_truncated_document_is_found_against_the_topic() -> None:
    async def main() -> None:
        world = await _lived()
        events = list({e.sequence: e for e in world.broker.events(EVENTS, "a")}.values())
        older = events[-2].head
        assert audit.first_break(events, older) == "truncated"

    run(main())


def test_signed_anchors_show_that_a_whole_chain_was_rewritten() -> None:
    key = Ed25519PrivateKey.generate()
    heads = [("a", EVENTS, b"\x01" * 32), ("b", EVENTS, b"\x02" * 32)]
    signature = audit.sign(key, audit.anchor(heads), START)
    audit.verify(key.public_key(), audit.anchor(reversed(heads)), START, signature)
    for digest, at in (
        (audit.anchor([("a", EVENTS, b"\x03" * 32), heads[1]]), START),
        (audit.anchor(heads), START + MINUTE),
    ):
        with pytest.raises(InvalidSignature):
            audit.verify(key.public_key(), digest, at, signature)
