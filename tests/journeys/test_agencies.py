"""Another agency's events make the same cases; each has its verdict, and no bad one stops its neighbours."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1.inbound_pb2 import InboundContact, InboundRequest
from services.chassis.clock import process_time
from services.chassis.envelope import PROTOBUF, STRUCTURED
from services.chassis.protobuf import timestamp
from tests.journeys.clients import BOSTON, JILI, NEIGHBOURS, PATIENCE_S, Actor, House, Outgoing
from tests.waiting import until

TYPE = InboundRequest.DESCRIPTOR.full_name


class Agency:
    """An agency's system with a source of its own."""

    def __init__(self, house: House, source: str, site: str) -> None:
        self.house = house
        self.source = source
        self.site = site
        self.system = Actor(house, "agency", source, site)

    def request(self, reference: str, **fields: Any) -> InboundRequest:
        at: datetime = fields.pop("at", process_time() - timedelta(minutes=5))
        given = {
            "reference": reference,
            "kind": "noise.night",
            "site_id": self.site,
            "unit_id": NEIGHBOURS if self.site == JILI else "boston",
            "title": "Reported by phone",
            "occurred_at": timestamp(at),
            **fields,
        }
        return InboundRequest(**given)

    def send(self, *records: Outgoing) -> None:
        self.house.publish(f"fengqiao.inbound.{self.source}.requests", *records)

    def replies(self) -> dict[str, Any]:
        """Replies by the key of the record that they answer, or its reference."""
        sent = {
            (r.partition, r.offset): (r.key or b"").decode()
            for r in self.house.topics.read(f"fengqiao.inbound.{self.source}.requests")
        }
        found = {}
        for record in self.house.topics.read(f"fengqiao.inbound.{self.source}.replies"):
            kind = getattr(ev, record.headers["ce_type"].rpartition(".")[2])
            reply = kind.FromString(record.value)
            found[sent[reply.answers.partition, reply.answers.offset]] = reply
        return found

    def until_replied(self, *keys: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            replies = self.replies()
            return replies if set(keys) <= replies.keys() else None

        return until(look, PATIENCE_S, f"replies to {', '.join(keys)}")


def binary(message: InboundRequest, key: str = "") -> Outgoing:
    """A record as protobuf in a binary-mode CloudEvent."""
    headers = {"ce_specversion": "1.0", "ce_type": TYPE, "ce_id": message.reference, "content-type": PROTOBUF}
    return Outgoing((key or message.reference).encode(), message.SerializeToString(), headers)


def structured(message: InboundRequest, key: str = "", **more: Any) -> Outgoing:
    """A record as a structured JSON CloudEvent."""
    event = {
        "specversion": "1.0",
        "type": TYPE,
        "id": message.reference,
        "source": "/hotline",
        "data": {**MessageToDict(message), **more},
    }
    body = json.dumps(event).encode()
    return Outgoing((key or message.reference).encode(), body, {"content-type": STRUCTURED})


@pytest.fixture(scope="module")
def agency(house: House) -> Agency:
    """A source that is registered while everything runs."""
    source = house.name("police").replace("_", "-")
    registered = house.operator().register_source(source)
    assert registered.requests_topic == f"fengqiao.inbound.{source}.requests"
    return Agency(house, source, JILI)


def test_a_registered_source_is_read_without_a_restart(agency: Agency) -> None:
    reference = agency.house.name("ref")
    agency.send(binary(agency.request(reference)))
    accepted = agency.until_replied(reference)[reference]
    assert isinstance(accepted, ev.SubmissionAccepted)
    assert agency.house.clerk().until_case(accepted.case_id).request_no == accepted.request_no
    # The agency may follow its own case.
    assert agency.system.request(accepted.case_id).reference == reference


def test_a_hotlines_event_makes_the_same_case_as_the_counter_in_either_form(house: House) -> None:
    hotline = Agency(house, "hotline", BOSTON)
    names = {form: house.name(form) for form in ("protobuf", "json")}
    messages = {form: hotline.request(name, kind="graffiti.tag", urgent=True) for form, name in names.items()}
    hotline.send(binary(messages["protobuf"]), structured(messages["json"]))
    replies = hotline.until_replied(*names.values())
    cases = [house.desk(BOSTON).until_case(replies[name].case_id) for name in names.values()]
    counter = house.clerk(BOSTON).submit(kind="graffiti.tag", urgent=True)
    cases.append(house.desk(BOSTON).until_case(counter.case_id))
    for case in cases:
        assert (case.kind, case.urgent, case.site_id) == ("graffiti.tag", True, BOSTON)
        assert case.assignment.unit_id == "boston"
        assert "urgent_skip" in case.assignment.reasons
    assert len({case.request_no for case in cases}) == 3


def test_the_same_reference_twice_is_one_case(agency: Agency) -> None:
    reference = agency.house.name("ref")
    message = agency.request(reference)
    agency.send(binary(message, f"{reference}-a"))
    accepted = agency.until_replied(f"{reference}-a")[f"{reference}-a"]
    other = agency.request(reference, title="Another matter")
    agency.send(binary(message, f"{reference}-b"), structured(other, f"{reference}-c"))
    replies = agency.until_replied(f"{reference}-c")
    # The first reply stands for what is the same; what is not is rejected.
    assert f"{reference}-b" not in replies
    rejected = replies[f"{reference}-c"]
    assert [(v.field, v.reason) for v in rejected.violations] == [("reference", "reference_reused")]
    case = agency.house.clerk().until_case(accepted.case_id)
    submitted = [
        r
        for r in agency.house.topics.read("fengqiao.intake.events")
        if r.key == case.case_id.encode() and r.headers["ce_type"].endswith("RequestSubmitted")
    ]
    assert len({record.headers["ce_id"] for record in submitted}) == 1


def test_a_malformed_record_is_dead_lettered_and_rejected_and_its_neighbours_go_on(agency: Agency) -> None:
    good = [agency.house.name("good") for _ in range(3)]
    bad = {
        what: agency.house.name(what)
        for what in ("bytes", "null", "json", "type", "kind", "field", "future", "site")
    }
    headers = {"ce_specversion": "1.0", "ce_type": TYPE, "content-type": PROTOBUF}
    later = process_time() + timedelta(hours=1)
    agency.send(
        binary(agency.request(good[0])),
        Outgoing(bad["bytes"].encode(), b"\xff\xff\xff", headers),
        Outgoing(bad["null"].encode(), None, headers),
        Outgoing(bad["json"].encode(), b"{not json", {"content-type": STRUCTURED}),
        Outgoing(bad["type"].encode(), b"", {**headers, "ce_type": "somebody.elses.Type"}),
        structured(agency.request(good[1])),
        binary(agency.request(bad["kind"], kind="NOISE!", title="")),
        structured(agency.request(bad["field"]), colour="green"),
        binary(agency.request(bad["future"], at=later)),
        binary(agency.request(bad["site"], site_id=BOSTON)),
        binary(agency.request(good[2])),
    )
    replies = agency.until_replied(*good, *bad.values())
    clerk = agency.house.clerk()
    for name in good:
        clerk.until_case(replies[name].case_id)
    why = {what: sorted((v.field, v.reason) for v in replies[name].violations) for what, name in bad.items()}
    assert why == {
        "bytes": [("data", "bad_protobuf")],
        "null": [("", "null_value")],
        "json": [("", "bad_json")],
        "type": [("type", "unknown_type")],
        "kind": [("kind", "string.pattern"), ("title", "string.min_len")],
        "field": [("colour", "unknown_field")],
        "future": [("occurred_at", "later_than_now")],
        "site": [("site_id", "not_the_site_of_the_source")],
    }
    # What could not be read is kept as it came, with reason and origin.
    dead = {
        record.key: record
        for record in agency.house.topics.read(f"fengqiao.inbound.{agency.source}.dead")
        if (record.key or b"").decode() in bad.values()
    }
    reasons = {
        what: dead[name.encode()].headers["dead-reason"]
        for what, name in bad.items()
        if name.encode() in dead
    }
    assert reasons == {
        "bytes": "bad_protobuf",
        "null": "null_value",
        "json": "bad_json",
        "type": "unknown_type",
    }
    letter = dead[bad["bytes"].encode()]
    assert letter.value == b"\xff\xff\xff"
    assert letter.headers["dead-topic"] == f"fengqiao.inbound.{agency.source}.requests"


def test_what_an_agency_passes_on_of_a_person_goes_into_the_vault(agency: Agency) -> None:
    reference = agency.house.name("ref")
    contact = InboundContact(name="Caller Wang", email="caller.wang@example.org", locale="en")
    agency.send(binary(agency.request(reference, contact=contact)))
    case_id = agency.until_replied(reference)[reference].case_id
    person = agency.system.request(case_id).body.person_ref
    assert person.startswith("p-")
    for topic in ("fengqiao.intake.events", "fengqiao.routing.events"):
        assert not any(b"Wang" in (record.value or b"") for record in agency.house.topics.read(topic))
