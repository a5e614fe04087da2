"""What goes wrong and mends itself: counted and logged in one place, once per batch, never per event.

docs/operations/faults.md says of each what an operator sees and what to do.
"""

from collections.abc import Mapping

import structlog
from pymongo.errors import BulkWriteError

from services.chassis.metrics import METRICS

log = structlog.get_logger()


def store_failed(error: Exception) -> str:
    """A call that the store did not answer: who made it waits. Returns why, in a word."""
    reason = type(error).__name__.lstrip("_")
    METRICS.store_failures.labels(reason).inc()
    return reason


def commit_unsure(error: Exception, records: int) -> None:
    """A bulk of which nobody knows whether it was carried out; a key that was there already is known."""
    if isinstance(error, BulkWriteError) and not error.details.get("writeConcernErrors"):
        return
    METRICS.commits_unsure.inc()
    log.warning("commit_unsure", records=records, reason=type(error).__name__)


def race_lost(records: int) -> None:
    """Others were quicker with so many of a bulk's records; 0: nobody was."""
    if records:
        METRICS.commit_losers.inc(records)
        log.info("race_lost", records=records)


def not_acknowledged(records: int) -> None:
    """So many records stay in their outboxes, for the sweep."""
    METRICS.unacknowledged.inc(records)
    log.warning("not_acknowledged", records=records)


def producer_replaced() -> None:
    """The broker's client failed a record; a new one is made, since it may send nothing any more."""
    METRICS.producers_replaced.inc()
    log.warning("producer_replaced")


def duplicates_dropped(by_topic: Mapping[str, int]) -> None:
    """Events of a batch that had been applied before."""
    for topic, count in by_topic.items():
        METRICS.duplicates.labels(topic).inc(count)
        log.info("duplicates_dropped", topic=topic, count=count)
