"""What mongoengine, pymongo and the stores do that the chassis is built around, shown on the real store."""

import ast
import functools
from datetime import timedelta
from typing import Any

import pytest
from mongoengine import connect
from mongoengine.connection import disconnect
from pymongo import ReplaceOne, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from services.chassis import store as chassis_store
from services.chassis.store import AggregateDocument, Repository, due_query, insert_only
from tests.integration.chassis.faust_lab import ROOT
from tests.kit import toy
from tests.kit.timing import START


def test_an_unordered_bulk_tells_how_many_matched_and_not_which(
    collection: Collection[dict[str, Any]],
) -> None:
    collection.insert_many([{"_id": n, "version": 1} for n in range(3)])
    collection.update_one({"_id": 1}, {"$set": {"version": 9}})
    result = collection.bulk_write(
        [ReplaceOne({"_id": n, "version": 1}, {"version": 2}) for n in range(3)], ordered=False
    )
    assert result.matched_count == 2
    told = {key: value for key, value in result.bulk_api_result.items() if value}
    assert set(told) <= {"nMatched", "nModified", "electionId", "opTime"}, "nothing says that it was 1"


def test_the_chassis_finds_out_which_by_the_commit_id(store: str, database_name: str) -> None:
    class Toys(AggregateDocument):
        meta = {"collection": "toys", "db_alias": "pitfalls", "auto_create_index": False}  # noqa: RUF012

    connect(db=database_name, host=store, alias="pitfalls", tz_aware=True, uuidRepresentation="standard")
    try:
        repository = Repository(Toys, toy.model())
        repository.commit([repository.fresh(name, toy.SITE) for name in "abc"], START)
        ours = list(repository.get("abc").values())
        theirs = repository.get("b")["b"]
        assert repository.commit([theirs], START).lost == set()
        committed = repository.commit(ours, START)
        assert (committed.lost, {r.id for r in committed.stored}) == ({"b"}, {"a", "c"})
        handle = repository.collection
        assert handle.write_concern == WriteConcern(w="majority", j=True)
        assert handle.read_concern == ReadConcern("majority")
        assert handle.codec_options.tz_aware
        assert Toys._get_collection().index_information().keys() <= {"_id_"}, (
            "no index is made by using a document"
        )
    finally:
        disconnect("pitfalls")


def test_the_store_s_own_clock_in_a_query_can_fire_early_so_the_due_query_names_a_literal(
    collection: Collection[dict[str, Any]],
) -> None:
    due, later = START, START + timedelta(days=36_500)
    collection.insert_many(
        [
            {"_id": name, "site": "s", "shard": 0, "next_due_at": at}
            for name, at in (("due", due), ("later", later))
        ]
    )
    by_its_clock = {raw["_id"] for raw in collection.find({"$expr": {"$lt": ["$next_due_at", "$$NOW"]}})}
    # SecantusDB answers {due, later}: a hundred years early. MongoDB answers {due}.
    assert by_its_clock <= {"due", "later"}
    query = due_query("s", [0], START + timedelta(seconds=1), START)
    assert {raw["_id"] for raw in collection.find(query)} == {"due"}
    assert "$$NOW" not in repr(query)
    assert "$expr" not in repr(query)


def test_due_is_strictly_before_now(collection: Collection[dict[str, Any]]) -> None:
    collection.insert_one({"_id": "due", "site": "s", "shard": 0, "next_due_at": START})
    assert collection.count_documents(due_query("s", [0], START, START)) == 0
    assert collection.count_documents(due_query("s", [0], START + timedelta(milliseconds=1), START)) == 1


def test_what_is_there_already_stays_as_it_is(collection: Collection[dict[str, Any]]) -> None:
    assert insert_only(collection, [{"_id": 1, "text": "first"}]) == 1
    assert insert_only(collection, [{"_id": 1, "text": "again"}, {"_id": 2, "text": "new"}]) == 1
    assert [raw["text"] for raw in collection.find().sort("_id", 1)] == ["first", "new"]
    with pytest.raises(DuplicateKeyError):
        collection.insert_one({"_id": 1})


@functools.cache
def sources() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(ROOT)), node)
        for path in (ROOT / "services").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_nothing_in_the_house_finds_and_modifies() -> None:
    forbidden = {
        "find_one_and_update",
        "find_one_and_replace",
        "find_one_and_delete",
        "find_and_modify",
        "modify",
    }
    found = [
        (file, node.attr)
        for file, node in sources()
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]
    assert found == []


def test_no_query_of_the_house_asks_for_the_store_s_clock() -> None:
    found = [
        file
        for file, node in sources()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in {"$$NOW", "$expr"}
    ]
    assert found == []


WRITES = {
    "bulk_write",
    "insert_one",
    "insert_many",
    "replace_one",
    "update_one",
    "update_many",
    "delete_one",
    "delete_many",
}


def test_every_module_that_writes_names_the_journaled_majority() -> None:
    writing = {f for f, n in sources() if isinstance(n, ast.Attribute) and n.attr in WRITES}
    promising = {f for f, n in sources() if isinstance(n, ast.Name) and n.id == "JOURNALED"}
    assert "services/chassis/store.py" in writing
    assert sorted(writing - promising) == []


def test_no_document_makes_indexes_by_itself_or_refers_to_another() -> None:
    fields = {n.id for _, n in sources() if isinstance(n, ast.Name)}
    assert fields.isdisjoint({"ReferenceField", "LazyReferenceField", "GenericReferenceField", "switch_db"})
    assert AggregateDocument._meta["auto_create_index"] is False
    assert WriteConcern(w="majority", j=True) == chassis_store.JOURNALED
