"""The audit chain: every event's bytes hashed onto the one before it (rule 21).

One chain per aggregate and topic. The head travels in each event and stays in the document, so an edited,
removed or reordered event is found by walking the topic, and a truncated document against the topic.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.chassis.envelope import Envelope, iso

GENESIS = b""


def link(
    head: bytes,
    event_id: str,
    event_type: str,
    site: str,
    times: tuple[datetime, datetime],
    cause: str,
    data: bytes,
) -> bytes:
    """The head (32 bytes) after an event; `times` are when it happened and when it was recorded."""
    hashed = [head]
    for text in (event_id, event_type, site, iso(times[0]), iso(times[1]), cause):
        part = text.encode()
        hashed += len(part).to_bytes(4, "big"), part
    hashed += len(data).to_bytes(4, "big"), data
    return hashlib.sha256(b"".join(hashed)).digest()


def first_break(events: Iterable[Envelope], head: bytes | None = None) -> str | None:
    """Walk one aggregate's events of one topic in order; repeats of an event are allowed when they repeat it.

    Returns None when the chain holds, and ends in `head` where one is given; else the id where it breaks, or
    `truncated`.
    """
    heads = [GENESIS]
    for event in events:
        if not 1 <= event.sequence <= len(heads):
            return event.id
        before, times = heads[event.sequence - 1], (event.time, event.recorded_at)
        after = link(before, event.id, event.type, event.site, times, event.cause, event.data)
        if event.sequence == len(heads):
            heads.append(after)
        if not after == event.head == heads[event.sequence]:
            return event.id
    return None if head is None or head == heads[-1] else "truncated"


def anchor(heads: Iterable[tuple[str, str, bytes]]) -> bytes:
    """One digest over (aggregate, topic, head) triples, in sorted order: what is signed."""
    digest = hashlib.sha256()
    for aggregate_id, topic, head in sorted(heads):
        digest.update(f"{aggregate_id}\n{topic}\n{head.hex()}\n".encode())
    return digest.digest()


def sign(key: Ed25519PrivateKey, digest: bytes, at: datetime) -> bytes:
    """Sign an anchor together with its time."""
    return key.sign(digest + iso(at).encode())


def verify(key: Ed25519PublicKey, digest: bytes, at: datetime, signature: bytes) -> None:
    """Raise `cryptography.exceptions.InvalidSignature` when the anchor is not the signed one."""
    key.verify(signature, digest + iso(at).encode())
