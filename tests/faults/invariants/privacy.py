"""No personal data and no free text outside the vault and the store that owns them (I14)."""

from collections.abc import Sequence

import bson

from tests.faults import canaries
from tests.faults.evidence import Evidence, Raw, Tally

ENCRYPTED = ("intake", "contacts")
"""Intake keeps texts; its vault keeps them encrypted."""
OWN = {("routing", "cases"): ("private", "note")}
"""Free text that another service owns, and where in its documents it may be."""


def nothing_personal_leaves_the_vault(evidence: Evidence, tally: Tally) -> None:
    """No canary on any topic but the agencies' own, in any log, in any other service's store."""
    for topic, records in evidence.topics.items():
        if topic.startswith("fengqiao.inbound.") and not topic.endswith(".replies"):
            continue  # what the agency sends; read by intake alone, for seven days
        for landed in records:
            record = landed.record
            text = repr(record.headers).encode()
            found = canaries.hits((record.key or b"") + (record.value or b"") + text)
            tally.check("I14", holds=not found, text=f"{landed.where}: {found} canaries")
    for name, data in evidence.texts.items():
        tally.check("I14", holds=not canaries.hits(data), text=f"{name}: {canaries.hits(data)} canaries")
    for collection, documents in evidence.documents.items():
        if collection[0] == "intake" and collection != ENCRYPTED:
            continue
        for key, raw in documents.items():
            found = canaries.hits(bson.encode(_without(raw, OWN.get(collection, ()))))
            tally.check(
                "I14", holds=not found, text=f"{'.'.join(collection)} {key}: {found} canaries", case=key
            )
    for identity, raw in evidence.timelines.items():
        tally.check("I14", holds=not canaries.hits(bson.encode(raw)), text=f"timeline {identity}: canaries")


def _without(raw: Raw, path: Sequence[str]) -> Raw:
    """The document without one of its fields."""
    if not path or path[0] not in raw:
        return raw
    name, *rest = path
    if rest:
        return {**raw, name: _without(raw[name], rest)}
    return {key: value for key, value in raw.items() if key != name}
