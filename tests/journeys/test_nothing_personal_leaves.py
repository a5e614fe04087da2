"""What people say and who they are stays with its owner: on no topic, in no log, in no dead letter (I14)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient
from typer.testing import CliRunner

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.inbound_pb2 import InboundContact
from fengqiao.routing.v1.directory_service_pb2 import GetUnitRequest
from services.chassis.envelope import PROTOBUF
from services.cli.__main__ import app
from tests.journeys.clients import JILI, NEIGHBOURS, PATIENCE_S, SECTION, House, Outgoing, refusal
from tests.journeys.test_agencies import TYPE, Agency, binary, structured
from tests.waiting import until

CANARY = "Canary0731"
OWNERS = {("fengqiao_intake", "requests"), ("fengqiao_routing", "cases")}
"""Where the owner keeps the texts, each in the private part of its own documents."""


def spoken(house: House) -> None:
    """Put the canary into every free text and contact that the house takes, in good calls and in bad ones."""
    resident, clerk = house.resident(), house.clerk()
    contact = {"name": f"{CANARY} Li", "email": f"{CANARY}@example.org", "phone": "0731 0731 0731"}
    resident.put_contact(**contact, locale="en")
    clerk.put_contact(**contact)
    texts: dict[str, Any] = {
        "title": f"{CANARY} title",
        "description": f"{CANARY} description",
        "attributes": {f"{CANARY} name": f"{CANARY} value"},
    }
    case_id = resident.submit(**texts).case_id
    resident.until_case(case_id)
    neighbours, section = house.leader(NEIGHBOURS), house.leader(SECTION)
    neighbours.progress(case_id, f"{CANARY} note")
    neighbours.give_back(case_id, f"{CANARY} note")
    section.escalate(case_id, f"{CANARY} note")
    house.desk().resolve(case_id, f"{CANARY} note")
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    resident.rate(case_id, 1, f"{CANARY} comment", solved=False)
    # What is refused must not be told either, wherever the text was put.
    for call in (
        lambda: clerk.submit(**{**texts, "kind": CANARY, "channel": CANARY}),
        lambda: clerk.put_contact(name=CANARY * 20, email=CANARY, phone=CANARY),
        lambda: neighbours.progress(case_id, f"{CANARY} too late"),
        lambda: clerk.call(
            house.intake.ResolveContact, intake.ResolveContactRequest(person_ref=CANARY, purpose="x")
        ),
    ):
        assert CANARY not in refusal(call).message
    imported = intake.ImportRequestsRequest(row=1, submission=clerk.submission(kind="noise.day", **texts))
    house.intake.ImportRequests(iter([imported]), metadata=clerk._token(), timeout=PATIENCE_S)
    said_by_an_agency(house)
    named_in_a_sheet(house)


def named_in_a_sheet(house: House) -> None:
    """The same in sheets of a directory: in one that is imported, and in one that is refused."""
    town = house.name("town")
    head = "sheet,code,kind,since,unit,person,name,phone,appointed_on"
    unit = f"units,{town},sub_district,2026-01-01,,,,,"
    sound = f"posts,,,,{town},,{CANARY} Wang,0731 0731 0731,2026-01-01"
    twice = f"posts,,,,{town},p-1,{CANARY} Wang,,2026-01-01"
    no_number = f"posts,,,,{town},,{CANARY} Wang,{CANARY},2026-01-01"
    misplaced = f"posts,,,,{town},{CANARY}王,,,2026-01-01"
    for rows, code in (
        ((unit, twice), 1),
        ((unit, no_number), 1),
        ((unit, misplaced), 1),
        ((unit, sound), 0),
    ):
        result = CliRunner().invoke(
            app,
            ["import", "-", "--data-dir", house.running.data_dir, "--site", JILI],
            input="\n".join((head, *rows)),
        )
        assert result.exit_code == code, result.output
        assert CANARY not in result.output
    imported = house.desk().call(house.directory.GetUnit, GetUnitRequest(code=town)).unit
    assert imported.posts[0].holder_ref.startswith("p-")


def said_by_an_agency(house: House) -> None:
    """The same through an agency's topic, in sound records and in broken ones."""
    source = house.name("canary")
    house.operator().register_source(source)
    agency = Agency(house, source, JILI)
    contact = InboundContact(name=CANARY, email=f"{CANARY}@example.org", phone=CANARY)
    texts: dict[str, Any] = {"title": CANARY, "description": CANARY, "attributes": {CANARY: CANARY}}
    keys = {form: house.name(form) for form in ("binary", "json", "wrong", "unknown", "bytes", "type")}
    headers = {"ce_specversion": "1.0", "ce_type": TYPE, "content-type": PROTOBUF}
    agency.send(
        binary(agency.request(keys["binary"], contact=contact, **texts)),
        structured(agency.request(keys["json"], contact=contact, **texts)),
        binary(agency.request(keys["wrong"], kind=CANARY, contact=contact, **texts)),
        structured(agency.request(keys["unknown"], **texts), **{f"{CANARY} is their name": CANARY}),
        Outgoing(keys["bytes"].encode(), b"\xff\xff" + CANARY.encode(), headers),
        Outgoing(keys["type"].encode(), CANARY.encode(), {**headers, "ce_type": f"x.{CANARY}"}),
    )
    agency.until_replied(*keys.values())


def on_topics(house: House) -> Iterator[str]:
    """Where the canary is on topics; what an agency sent may be on its own topics alone."""
    for topic in house.topics.names():
        if topic.startswith("fengqiao.inbound.") and topic.endswith((".requests", ".dead")):
            continue
        for record in house.topics.read(topic):
            if seen(record.key or b"", record.value or b"", repr(record.headers).encode()):
                yield f"{topic} at {record.partition}:{record.offset}"


def in_logs(folder: Path) -> Iterator[str]:
    """Where the canary is in log files."""
    for path in sorted(folder.glob("*.log")):
        if seen(path.read_bytes()):
            yield path.name


def in_stores(house: House) -> Iterator[str]:
    """Where the canary is in stores, but in the private part of its owner's documents."""
    with MongoClient[dict[str, Any]](house.running.mongo_url) as client:
        for database in sorted(name for name in client.list_database_names() if name.startswith("fengqiao_")):
            for collection in client[database].list_collection_names():
                for raw in client[database][collection].find():
                    if (database, collection) in OWNERS:
                        raw.pop("private")
                    if seen(bson.encode(raw)):
                        yield f"{database}.{collection}: {raw['_id']}"


def seen(*where: bytes) -> bool:
    return any(CANARY.lower().encode() in each.lower() for each in where)


def test_a_canary_in_every_free_text_and_contact_is_found_nowhere_else(house: House) -> None:
    spoken(house)

    def rests() -> bool:
        statuses = [house.operator().status(name) for name in house.operations]
        return not sum(s.outbox_waiting + sum(s.lag.values()) for s in statuses)

    until(rests, PATIENCE_S, "rest")
    assert list(on_topics(house)) == []
    assert list(in_logs(Path(house.running.data_dir) / "log")) == []
    assert list(in_stores(house)) == []
    # The search can find: it is where it belongs.
    with MongoClient[dict[str, Any]](house.running.mongo_url) as client:
        for database, collection in sorted(OWNERS):
            assert any(seen(bson.encode(raw)) for raw in client[database][collection].find())
    inbound = [topic for topic in house.topics.names() if topic.endswith(".dead") and ".canary" in topic]
    assert any(seen(record.value or b"") for topic in inbound for record in house.topics.read(topic))
