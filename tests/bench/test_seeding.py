"""Copies of a closed case: what they share with their model, and what not."""

from datetime import UTC, datetime
from typing import Any

import bson

from services.chassis.record import shard_of
from tests.bench.seeding import Fresh, Model, base36

OWN = {
    "case_id": "fe98b74f-b2a3-5c7c-972e-2abb768d15f4",
    "request_no": "BENCH-000001",
    "tracking_code": "3L5A4KWN8VCM",
}
NOON = datetime(2026, 11, 25, 12, 0, 0, 123_000, tzinfo=UTC)
NOTICE = {
    "_id": f"routing/{OWN['case_id']}/fengqiao.routing.events/1",
    "shard": 3,
    "state": {"case_id": OWN["case_id"], "at": NOON, "facts": [{"request_no": OWN["request_no"], "tier": 2}]},
    "private": {"tracking_code": OWN["tracking_code"]},
}


def copied(number: int) -> dict[str, Any]:
    model = Model.of("fengqiao_notify", "notices", bson.encode(NOTICE), OWN)
    return bson.decode(model.copy(Fresh.of(number, OWN)).raw)


def test_a_copy_has_its_own_id_number_code_time_and_shard_and_is_the_same_otherwise() -> None:
    copy, own = copied(7), Fresh.of(7, OWN)
    case_id = own.texts["case_id"]
    assert copy["_id"] == f"routing/{case_id}/fengqiao.routing.events/1"
    assert copy["shard"] == shard_of(copy["_id"])
    assert copy["state"]["case_id"] == case_id
    assert copy["state"]["facts"] == [{"request_no": own.texts["request_no"], "tier": 2}]
    assert copy["private"]["tracking_code"] == own.texts["tracking_code"]
    older = NOON - copy["state"]["at"].replace(tzinfo=UTC)
    assert round(older.total_seconds() * 1000) == own.older_ms > 0


def test_the_same_number_makes_the_same_copy_and_another_one_another() -> None:
    assert copied(7) == copied(7)
    texts = [Fresh.of(number, OWN).texts for number in range(2_000)]
    for name, text in OWN.items():
        assert len({each[name] for each in texts}) == len(texts)
        assert {len(each[name]) for each in texts} == {len(text)}


def test_numbers_count_on_with_letters() -> None:
    assert [base36(n) for n in (0, 35, 36, 999_999)] == ["0", "Z", "10", "LFLR"]
