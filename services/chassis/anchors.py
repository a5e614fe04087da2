"""Signs the audit heads from time to time, so that nobody can rewrite a whole chain unseen (rule 21)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.chassis import audit
from services.chassis.store import EPOCH, JOURNALED, MAJORITY, Repository, database, infrastructure

OVERLAP = timedelta(minutes=1)
HEADS_PER_ANCHOR = 20_000


class Anchors:
    """Insert-only signatures over the heads that changed since the last one."""

    def __init__(self, alias: str, repositories: Sequence[Repository[Any]], key: Ed25519PrivateKey) -> None:
        """`alias` names the service's database connection."""
        self._alias = alias
        self._repositories = repositories
        self._key = key

    def anchor(self, now: datetime) -> int:
        """Sign what changed since the last anchor; returns how many aggregates. Blocks."""
        anchors = database(self._alias).get_collection(
            "anchors", write_concern=JOURNALED, read_concern=MAJORITY
        )
        with infrastructure():
            last = anchors.find_one(sort=[("at", -1)])
            # Commits carry the time before their write: one may have landed after the last anchor with an
            # earlier time.
            since = last["at"] - OVERLAP if last else EPOCH
            query = {"updated_at": {"$gt": since, "$lte": now}}
            changed, heads = 0, list[tuple[str, str, bytes]]()
            found = (raw for each in self._repositories for raw in each.collection.find(query, {"own": 1}))
            for changed, raw in enumerate(found, 1):  # noqa: B007 - how many
                heads += [(raw["_id"], own["topic"], bytes(own["head"])) for own in raw["own"]]
            # Without any head as well (a notice told in-app has none), or all would be read each time.
            for start in range(0, max(len(heads), min(changed, 1)), HEADS_PER_ANCHOR):
                anchors.insert_one(self._signed(heads[start : start + HEADS_PER_ANCHOR], now))
        return changed

    def _signed(self, heads: list[tuple[str, str, bytes]], now: datetime) -> dict[str, Any]:
        digest = audit.anchor(heads)
        return {
            "at": now,
            "heads": [{"aggregate": a, "topic": t, "head": h} for a, t, h in heads],
            "digest": digest,
            "signature": audit.sign(self._key, digest, now),
        }


def read_key(path: Path) -> Ed25519PrivateKey:
    """The signing key, Ed25519 PEM.

    Raises:
        TypeError: it is a key of another kind.
    """
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name} is no Ed25519 key")
    return key
