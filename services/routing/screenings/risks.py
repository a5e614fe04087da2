"""Early warnings counted as they come in, by the campaign that they name: a request enters once, by intake.

One document each, named as its case: what comes again is there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from services.chassis.envelope import Envelope
from services.chassis.foundation import Foundation
from services.chassis.store import JOURNALED, MAJORITY, Raw, database, infrastructure

DUPLICATE = 11_000


@dataclass(frozen=True, slots=True)
class Risks:
    """The early warnings of campaigns."""

    base: Foundation[Any]

    def keep(self, risks: Sequence[Raw]) -> None:
        """Note them, durably; those that are there already stay as they are."""
        if not risks:
            return
        collection = database(self.base.alias)["risks"].with_options(write_concern=JOURNALED)
        with infrastructure():
            try:
                collection.insert_many(risks, ordered=False)
            except BulkWriteError as error:
                if any(each["code"] != DUPLICATE for each in error.details["writeErrors"]):
                    raise

    async def of(self, site_id: str, code: str, since: datetime) -> list[Raw]:
        """Those that name a campaign, submitted since a time, in order."""

        def read() -> list[Raw]:
            collection = database(self.base.alias)["risks"].with_options(read_concern=MAJORITY)
            query = {"site": site_id, "code": code, "at": {"$gte": since}}
            with infrastructure():
                return list(collection.find(query).sort("at"))

        return await self.base.threads.run(read)


def risk_of(envelope: Envelope, request: RequestSubmitted) -> Raw:
    """What is kept of one: no text, nobody."""
    return {
        "_id": envelope.subject,
        "site": envelope.site,
        "code": request.screening_code,
        "unit": request.unit_id,
        "kind": request.kind,
        "urgent": request.urgent,
        "at": envelope.time,
    }
