"""检举控告 never reach the accused: on no topic, board, timeline, notice or log but the restricted ones."""

from functools import partial
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.petition.v1 import events_pb2 as events
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from tests.journeys.clients import COMMUNITY, NEIGHBOURS, PATIENCE_S, STREET, House, refusal
from tests.journeys.petitioning import Accusation, calls_about
from tests.waiting import until

RESTRICTED = (".restricted",)
STORES = {
    ("fengqiao_intake", "accusations"),
    ("fengqiao_intake", "restricted_timeline"),
    ("fengqiao_petition", "accusations"),
    ("fengqiao_notify", "restricted_notices"),
}
"""Where an accusation may be named."""


def answered(house: House) -> Accusation:
    """An accusation through all its steps."""
    accusation = Accusation(house)
    accusation.register(events.PETITION_KIND_ACCUSATION, 0, content_code="discipline_inspection")
    accusation.route()
    accusation.notify()
    accusation.accept()
    accusation.reply("handed_to_discipline")
    accusation.until(rpc.PETITION_STATUS_REPLIED)
    return accusation


@pytest.mark.parametrize("unit_id", [COMMUNITY, NEIGHBOURS, STREET])
def test_the_accused_unit_and_every_other_get_the_same_no(house: House, unit_id: str) -> None:
    accusation = Accusation(house)
    for who in (house.leader(unit_id), house.petition_officer(unit_id), house.resident()):
        for name, call in calls_about(house, accusation.case_id).items():
            refused = refusal(partial(call, who))
            if name == "GetRequest" and who.role == "petition_officer":
                continue  # no method of theirs
            assert refused.code.name == "PERMISSION_DENIED", (name, who.role)


def test_an_inspector_of_the_accused_unit_is_recused(house: House) -> None:
    accusation = Accusation(house, COMMUNITY)
    for unit_id in (COMMUNITY, NEIGHBOURS):
        refused = refusal(partial(accusation.get, house.inspector(unit_id)))
        assert refused.code.name == "PERMISSION_DENIED"
    assert accusation.get(house.inspector(STREET)).reference.accused_unit_id == COMMUNITY


def test_clerks_and_desks_are_told_that_there_is_no_such_request(house: House) -> None:
    accusation = Accusation(house)
    for who in (house.clerk(), house.desk()):
        assert refusal(partial(who.request, accusation.case_id)).code.name == "NOT_FOUND"
        assert refusal(partial(who.timeline, accusation.case_id)).code.name == "NOT_FOUND"


def test_the_accuser_follows_it_and_is_told(house: House) -> None:
    accusation = answered(house)
    accuser = accusation.petitioner
    tracked = until(
        lambda: t if (t := accuser.track(accusation.submitted.tracking_code)).entries else None,
        PATIENCE_S,
        "the accuser's timeline",
    )
    assert tracked.request_no == accusation.submitted.request_no
    assert COMMUNITY not in str(tracked)

    def settled() -> bool:
        return accuser.request(accusation.case_id).status == intake.REQUEST_STATUS_SETTLED

    until(settled, PATIENCE_S, "the accuser's request settled")
    until(accuser.notices, PATIENCE_S, "a notice to the accuser")


def test_an_accusation_without_the_unit_it_is_about_is_refused_and_so_is_the_unit_on_another_kind(
    house: House,
) -> None:
    resident = house.resident()
    assert "request.accused_unit_id" in refusal(lambda: resident.submit(kind="accusation.misconduct")).fields
    assert (
        "request.accused_unit_id"
        in refusal(lambda: resident.submit(kind="noise.night", accused_unit_id=COMMUNITY)).fields
    )


def test_an_accusation_is_found_nowhere_but_in_restricted_topics_and_stores(house: House) -> None:
    accusation = answered(house)
    case_id, number = accusation.case_id, accusation.submitted.request_no
    traces = (case_id.encode(), number.encode())

    def rests() -> bool:
        statuses = [house.operator().status(name) for name in house.operations]
        return not sum(s.outbox_waiting + sum(s.lag.values()) for s in statuses)

    until(rests, PATIENCE_S, "rest")

    def seen(*where: bytes) -> bool:
        return any(trace in each for trace in traces for each in where)

    on_topics = [
        topic
        for topic in house.topics.names()
        for record in house.topics.read(topic)
        if seen(record.key or b"", record.value or b"", repr(record.headers).encode())
    ]
    assert {topic for topic in on_topics if not topic.endswith(RESTRICTED)} == set()
    assert "fengqiao.petition.restricted" in on_topics  # the search can find
    found = set()
    with MongoClient[dict[str, Any]](house.running.mongo_url) as client:
        for database in sorted(name for name in client.list_database_names() if name.startswith("fengqiao_")):
            for collection in client[database].list_collection_names():
                if any(seen(bson.encode(raw)) for raw in client[database][collection].find()):
                    found.add((database, collection))
    assert found - {(name, "anchors") for name, _ in STORES} <= STORES
    logs = Path(house.running.data_dir) / "log"
    assert [path.name for path in logs.glob("*.log") if number.encode() in path.read_bytes()] == []
    for unit_id in (COMMUNITY, NEIGHBOURS, STREET):
        leader = house.leader(unit_id)
        assert case_id not in leader.queue(unit_id)
        assert number not in str(leader.notices())
