"""Replays recorded store writes raw: bulk writes of the same documents, a thread for each collection.

`python -m tests.bench.floor.store FOLDER URL`: prepares, says `ready`, begins at a line of input, ends with
its seconds.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from services.chassis.clock import monotonic
from tests.bench.floor.batches import FIELDS, Batch, by_collection
from tests.bench.floor.recorder import recorded

CONCERN = {"w": "majority", "j": True}


def main(folder: str, url: str) -> None:
    """See the module."""
    work = {
        where: [_raw(batch) for batch in writes.batches()]
        for where, writes in by_collection(recorded(Path(folder))).items()
    }
    with MongoClient[Any](url) as client, ThreadPoolExecutor(len(work)) as pool:
        client.admin.command("ping")
        print("ready", flush=True)  # noqa: T201 - who started us waits for it
        sys.stdin.readline()
        began = monotonic()

        def replay(where: tuple[str, str]) -> None:
            database, collection = where
            for kind, statements in work[where]:
                answer = client[database].command(
                    {kind: collection, FIELDS[kind]: statements, "ordered": False, "writeConcern": CONCERN}
                )
                if errors := answer.get("writeErrors") or answer.get("writeConcernError"):
                    raise RuntimeError(f"{database}.{collection}: {errors!s:.300}")

        for done in [pool.submit(replay, where) for where in work]:
            done.result()
        print(monotonic() - began, flush=True)  # noqa: T201


def _raw(batch: Batch) -> tuple[str, list[RawBSONDocument]]:
    """Encoded beforehand, so that the client has nothing left to do but to send."""
    return batch.kind, [RawBSONDocument(bson.encode(statement)) for statement in batch.statements]


if __name__ == "__main__":
    main(*sys.argv[1:])
