"""A service whose consumer does what the environment says: run by the chassis's own runner, ended by a test.

`TOLD` is the file it tells its steps to, `TOPIC` what it reads. `FAULT`: `hang` never ends a batch, `raise`
fails on the value `2`, `slow` takes half a second, "" does its work.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.chassis import worker as worker_module
from services.chassis.consumer import Received
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.settings import Settings
from services.chassis.store import AggregateDocument
from services.chassis.worker import Worker
from tests.kit import toy

TOLD, TOPIC, FAULT = Path(os.environ["TOLD"]), os.environ["TOPIC"], os.environ.get("FAULT", "")


class MemberSettings(Settings):
    """The lab's service."""

    service: str = "lab"


class MemberDocument(AggregateDocument):
    """The toy."""

    meta = {"collection": "toys", "db_alias": "lab", "auto_create_index": False}  # noqa: RUF012 - mongoengine's way


def tell(line: str) -> None:
    with TOLD.open("a") as file:
        file.write(line + "\n")


async def take(batch: Sequence[Received]) -> None:
    values = ",".join((record.value or b"").decode() for record in batch)
    tell(f"took {values}")
    if FAULT == "hang":
        await asyncio.Event().wait()
    if FAULT == "slow":
        await asyncio.sleep(0.5)
    if FAULT == "raise" and "2" in values.split(","):
        raise ValueError("2")
    tell(f"did {values}")


def wire(settings: MemberSettings) -> Service:
    base = lay(settings, toy.model(), MemberDocument, sites={})

    def register(worker: Worker) -> None:
        async def read(stream: Any) -> None:
            await worker.drain(stream, take)

        worker.agent(TOPIC)(read)

    return Service(base, (), {}, register, TOPIC, ())


if __name__ == "__main__":
    worker_module.STALL_S, worker_module.WATCH_PERIOD_S = float(os.environ.get("STALL_S", "60")), 0.2
    main(MemberSettings, wire)
