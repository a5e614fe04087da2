"""The lab: one broker, topics and a group of its own for each test."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from services.chassis.store import JOURNALED
from tests.integration.chassis.faust_lab import Lab
from tests.parts import Parts

SHORTEST_SESSION_S = {True: 6.0, False: 2.0}
"""Apache Kafka refuses shorter ones; the wheel doesn't, and lets a group wait for half of it."""


@pytest.fixture
def lab(broker: str, parts: Parts, topic_suffix: str) -> Iterator[Lab]:
    lab = Lab(broker, topic_suffix, SHORTEST_SESSION_S[parts.broker.genuine])
    yield lab
    lab.close()


@pytest.fixture
def collection(store: str, database_name: str) -> Iterator[Collection[dict[str, Any]]]:
    """An empty one, with journaled writes."""
    with MongoClient[dict[str, Any]](store, tz_aware=True) as client:
        yield client[database_name]["things"].with_options(write_concern=JOURNALED)
