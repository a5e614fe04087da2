"""How agencies' records are read and checked; their verdicts in the store are in tests/integration/intake."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1.inbound_pb2 import InboundRequest
from services.chassis.consumer import Received
from services.chassis.engine import Moment
from services.chassis.envelope import PROTOBUF, STRUCTURED
from services.chassis.errors import Infrastructure, Violation
from services.chassis.protobuf import timestamp
from services.intake.inbound import TYPE, Refused, check, decode, submission_id
from services.intake.sources import Source

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOTLINE = Source("hotline", "jili")
BODY = {
    "reference": "101",
    "kind": "noise",
    "site_id": "jili",
    "title": "Loud at night",
    "occurred_at": "2026-03-01T22:00:00Z",
    "contact": {"name": "Zhang San", "phone": "0731 000"},
    "attributes": {"any name": "may stand here"},
}


def record(value: bytes | None, headers: dict[str, str]) -> Received:
    return Received("fengqiao.inbound.hotline.requests", 0, 7, b"101", value, headers)


def binary(value: bytes | None, content_type: str = PROTOBUF) -> Received:
    return record(value, {"ce_specversion": "1.0", "ce_type": TYPE, "content-type": content_type})


def structured(data: Any, **attributes: str) -> Received:
    body = {"specversion": "1.0", "type": TYPE, "id": "1", "source": "/hotline", "data": data} | attributes
    return record(json.dumps(body).encode(), {"content-type": STRUCTURED})


def message(**changes: Any) -> InboundRequest:
    return InboundRequest(
        reference="101", kind="noise", site_id="jili", title="Loud", occurred_at=timestamp(NOW), **changes
    )


def refusal_of(sent: Received) -> Refused:
    with pytest.raises(Refused) as refusal:
        decode(sent)
    return refusal.value


def test_protobuf_and_both_kinds_of_json_say_the_same() -> None:
    from_structured = decode(structured(BODY))
    assert from_structured.contact.name == "Zhang San"
    assert decode(binary(json.dumps(BODY).encode(), "application/json")) == from_structured
    assert decode(binary(from_structured.SerializeToString())) == from_structured
    encoded = base64.b64encode(from_structured.SerializeToString()).decode()
    assert decode(structured(None, data_base64=encoded)) == from_structured


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (binary(None), "null_value"),
        (binary(b"\xff\xff\xff"), "bad_protobuf"),
        (binary(b"{", "application/json"), "bad_json"),
        (binary(b"<xml/>", "text/xml"), "unknown_content_type"),
        (record(b"{]", {"content-type": STRUCTURED}), "bad_json"),
        (record(b"[]", {"content-type": STRUCTURED}), "not_cloudevents"),
        (record(b"", {}), "not_cloudevents"),
        (structured(BODY, type="something.else"), "unknown_type"),
    ],
)
def test_bytes_that_nobody_can_read_are_dead_and_refused_with_the_reason(sent: Received, reason: str) -> None:
    refusal = refusal_of(sent)
    assert refusal.dead == reason
    assert [v.reason for v in refusal.violations] == [reason]


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"adress": "x"}, Violation("adress", "unknown_field")),
        ({"contact": {"nmae": "x"}}, Violation("contact.nmae", "unknown_field")),
        ({"occurred_at": "yesterday"}, Violation("occurred_at", "bad_value")),
        ({"urgent": "yes"}, Violation("urgent", "bad_value")),
        ({"title": {"en": "x"}}, Violation("title", "bad_value")),
    ],
)
def test_a_wrong_field_of_json_is_named_and_its_value_is_not(
    change: dict[str, Any], violation: Violation
) -> None:
    refusal = refusal_of(structured(BODY | change))
    assert (refusal.violations, refusal.reference, refusal.dead) == ((violation,), "101", "")


def test_a_name_that_is_no_fields_name_is_not_repeated() -> None:
    refusal = refusal_of(structured(BODY | {"张三 138 0000 0000": 1}))
    assert refusal.violations == (Violation("?", "unknown_field"),)


@pytest.mark.parametrize("data", [None, 5, "text", []])
def test_json_that_is_no_object_is_refused(data: Any) -> None:
    assert refusal_of(structured(data)).violations == (Violation("data", "not_an_object"),)


@given(st.binary(max_size=200), st.sampled_from([PROTOBUF, "application/json", STRUCTURED, ""]))
def test_no_bytes_raise_anything_but_a_refusal(value: bytes, content_type: str) -> None:
    try:
        decode(binary(value, content_type))
    except Refused as refusal:
        assert refusal.violations  # noqa: PT017 - what bytes decode to is not known beforehand


def check_at(sent: InboundRequest, *, replay: bool = False, latest: datetime = NOW) -> tuple[Violation, ...]:
    try:
        check(sent, HOTLINE, Moment(NOW, NOW, replay, latest))
    except Refused as refusal:
        return refusal.violations
    return ()


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = InboundRequest(reference="101", kind="NOISE!", site_id="jili", title="x" * 501)
    assert {v.field for v in check_at(wrong)} == {"kind", "title", "occurred_at"}


def test_a_source_speaks_for_its_own_site_only() -> None:
    sent = message()
    sent.site_id = "boston"
    assert check_at(sent) == (Violation("site_id", "not_the_site_of_the_source"),)


def test_what_is_yet_to_happen_is_refused_but_in_a_replay() -> None:
    sent = message()
    sent.occurred_at.CopyFrom(timestamp(NOW + timedelta(minutes=1)))
    assert check_at(sent) == (Violation("occurred_at", "later_than_now"),)
    assert check_at(sent, replay=True) == ()


def test_an_agencys_clock_may_be_a_second_ahead() -> None:
    sent = message()
    sent.occurred_at.CopyFrom(timestamp(NOW + timedelta(seconds=1)))
    assert check_at(sent) == ()


def test_nothing_is_rejected_because_a_clock_of_ours_is_behind() -> None:
    sent = message()
    sent.occurred_at.CopyFrom(timestamp(NOW + timedelta(minutes=59)))
    with pytest.raises(Infrastructure):
        check_at(sent, latest=NOW + timedelta(hours=1))
    sent.occurred_at.CopyFrom(timestamp(NOW + timedelta(minutes=61)))
    assert check_at(sent, latest=NOW + timedelta(hours=1)) == (Violation("occurred_at", "later_than_now"),)


def test_the_same_record_has_the_same_rejection() -> None:
    first, again = binary(b"a"), binary(b"b")
    assert submission_id(first) == submission_id(again)
    assert submission_id(first) != submission_id(Received(first.topic, 1, 7, None, b"a", {}))
