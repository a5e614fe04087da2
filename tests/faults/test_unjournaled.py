"""A store that forgets what it was not asked to journal, played on the wire to a real one."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import InsertOne, MongoClient, ReplaceOne, WriteConcern
from pymongo.collection import Collection

from deploy.local.ports import LOOPBACK, free_port
from tests.faults.proxy import Wires
from tests.faults.unjournaled import Unjournaled

Raw = dict[str, Any]
HASTY = WriteConcern(w=1, j=False)
JOURNALED = WriteConcern(w="majority", j=True)


@pytest.fixture
def wired(store: str, database_name: str) -> Iterator[tuple[Collection[Raw], Wires, Unjournaled]]:
    """A collection behind a link that plays the forgetful store."""
    unjournaled, port = Unjournaled(store), free_port()
    with Wires() as wires:
        wires.lay("a-store", port, int(store.partition(f"{LOOPBACK}:")[2].partition("/")[0]), unjournaled)
        with MongoClient[Raw](LOOPBACK, port, directConnection=True) as client:
            yield client[database_name]["cases"], wires, unjournaled


def killed(wires: Wires, unjournaled: Unjournaled, cases: Collection[Raw]) -> list[Raw]:
    """What is there for whoever comes after the store was killed."""
    wires.call(unjournaled.killed)
    cases.database.client.close()
    with MongoClient[Raw](LOOPBACK, wires.links[0].port, directConnection=True) as client:
        return client[cases.database.name][cases.name].find(sort=["_id"]).to_list()


def test_what_nobody_asked_to_journal_is_as_it_was_when_the_store_was_killed_at_once(
    wired: tuple[Collection[Raw], Wires, Unjournaled],
) -> None:
    cases, wires, unjournaled = wired
    cases.with_options(write_concern=JOURNALED).insert_many([{"_id": n, "tier": 1} for n in (1, 2, 3)])
    hasty = cases.with_options(write_concern=HASTY)
    hasty.bulk_write([ReplaceOne({"_id": 1}, {"_id": 1, "tier": 2}), InsertOne({"_id": 4, "tier": 1})])
    hasty.update_many({"tier": 1}, {"$set": {"tier": 3}})
    hasty.delete_one({"_id": 2})
    assert [case["_id"] for case in cases.find(sort=["_id"])] == [1, 3, 4], "until then everybody sees it"
    assert killed(wires, unjournaled, cases) == [{"_id": n, "tier": 1} for n in (1, 2, 3)]
    assert unjournaled.forgotten >= 4


def test_a_journaled_write_stays_and_takes_to_the_disk_what_came_before_it(
    wired: tuple[Collection[Raw], Wires, Unjournaled],
) -> None:
    cases, wires, unjournaled = wired
    cases.with_options(write_concern=HASTY).insert_one({"_id": 1})
    cases.with_options(write_concern=JOURNALED).insert_one({"_id": 2})
    assert killed(wires, unjournaled, cases) == [{"_id": 1}, {"_id": 2}]
    assert unjournaled.forgotten == 0
