"""Requests of a release that knew no duplicates, made findable: where they are, and by which numbers."""

from pymongo import UpdateOne

from services.chassis.store import JOURNALED, Repository, infrastructure
from services.intake.domain import Request
from services.intake.duplicates.places import near
from services.intake.duplicates.scoring import references

BATCH = 500


def backfill(repository: Repository[Request]) -> int:
    """Add what is missing, in batches; returns how many there were. Blocks; safe to repeat and to break off.

    What changes meanwhile is left alone: whoever commits a request writes its places by themselves.

    Raises:
        Infrastructure: the store is away; repeat.
    """
    done = 0
    while records := repository.find({"state.near": None, "state.request_no": {"$gt": ""}}, limit=BATCH):
        operations = []
        for record in records:
            state, private = record.state, record.private
            if state is None:
                continue
            there = {"state.near": near(state.site_id, state.kind, state.unit_id)}
            attributes = {pair["name"]: pair["value"] for pair in private.get("attributes", ())}
            if found_under := references(private.get("reference", ""), attributes):
                there["private.references"] = list(found_under)
            operations.append(UpdateOne({"_id": record.id, "state.near": None}, {"$set": there}))
        with infrastructure():
            repository.collection.with_options(write_concern=JOURNALED).bulk_write(operations, ordered=False)
        done += len(operations)
    return done
