"""The floor writes what was written, in the fewest commands that keep each document's order."""

from typing import Any

from tests.bench.floor.batches import MAX_STATEMENTS, Writes, by_collection


def insert(*ids: str) -> dict[str, Any]:
    return command("insert", documents=[{"_id": each} for each in ids])


def replace(each: str, version: int) -> dict[str, Any]:
    return command("update", updates=[{"q": {"_id": each, "version": version}, "u": {}}])


def command(kind: str, **fields: Any) -> dict[str, Any]:
    return {"database": "fengqiao_routing", "name": kind, "command": {kind: "cases", **fields}}


def batches(*commands: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    [writes] = by_collection(commands).values()
    return [
        (batch.kind, [s["_id"] if batch.kind == "insert" else s["q"]["_id"] for s in batch.statements])
        for batch in writes.batches()
    ]


def test_writes_of_different_documents_go_together_and_those_of_one_stay_in_order() -> None:
    found = batches(insert("a"), replace("a", 1), insert("b"), replace("b", 1), replace("a", 2))
    assert found == [("insert", ["a", "b"]), ("update", ["a", "b"]), ("update", ["a"])]


def test_a_statement_on_many_documents_comes_after_each_of_them_and_before_what_follows() -> None:
    trim = command("update", updates=[{"q": {"_id": {"$in": ["a", "b"]}}, "u": {}, "multi": True}])
    found = batches(insert("a", "b"), replace("a", 1), trim, replace("b", 2))
    assert [ids for _, ids in found] == [["a", "b"], ["a"], [{"$in": ["a", "b"]}], ["b"]]


def test_a_statement_on_nobody_knows_which_waits_for_all_and_all_for_it() -> None:
    everything = command("delete", deletes=[{"q": {}, "limit": 0}])
    writes = by_collection([insert("a"), everything, insert("b")]).popitem()[1]
    assert [batch.kind for batch in writes.batches()] == ["insert", "delete", "insert"]


def test_what_was_inserted_before_is_counted_and_left_out() -> None:
    writes = by_collection([insert("a", "b"), insert("b", "c")]).popitem()[1]
    assert writes.repeated == 1
    assert [len(batch.statements) for batch in writes.batches()] == [3]


def test_reads_are_no_writes_and_a_full_command_is_followed_by_another() -> None:
    assert by_collection([{"database": "d", "name": "find", "command": {}}]) == {}
    writes = Writes()
    for number in range(MAX_STATEMENTS + 1):
        writes.add("insert", {"_id": number})
    assert [len(batch.statements) for batch in writes.batches()] == [MAX_STATEMENTS, 1]


def test_a_find_and_modify_is_an_update_of_its_document() -> None:
    found = {
        "database": "fengqiao_intake",
        "name": "findAndModify",
        "command": {"findAndModify": "counters", "query": {"_id": "n"}, "update": {"$inc": {"next": 1}}},
    }
    writes = by_collection([found])["fengqiao_intake", "counters"]
    [batch] = writes.batches()
    assert batch.kind == "update"
    assert batch.statements[0]["q"] == {"_id": "n"}
