"""CloudEvents on Kafka: what is written is read the same, and what is broken is named."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.envelope import (
    PROTOBUF,
    STRUCTURED,
    Envelope,
    event_id,
    from_foreign,
    from_record,
    header_map,
    iso,
    to_headers,
)
from services.chassis.errors import Poison

AT = datetime(2026, 3, 2, 14, 0, 0, 120_000, tzinfo=UTC)
SOUND = Envelope(
    id="intake/c-1/fengqiao.intake.events/1",
    type="fengqiao.intake.v1.RequestSubmitted",
    source="/fengqiao/intake",
    subject="c-1",
    site="jili",
    time=AT,
    recorded_at=AT + timedelta(milliseconds=412),
    sequence=1,
    head=bytes(range(32)),
    cause="fengqiao.inbound.hotline.requests:2:17:1",
    data=b"\x0a\x03abc",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
HEADERS = header_map(to_headers(SOUND))

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
instants = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds are naive
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
)
envelopes = st.builds(
    Envelope,
    id=texts,
    type=texts,
    source=texts,
    subject=texts,
    site=st.text(st.characters(codec="utf-8"), max_size=20),
    time=instants,
    recorded_at=instants,
    sequence=st.integers(1, 10**18 - 1),
    head=st.binary(max_size=32),
    cause=st.text(st.characters(codec="utf-8"), max_size=40),
    data=st.binary(max_size=200),
    traceparent=st.text(st.characters(codec="ascii"), max_size=60),
)


@given(envelopes)
def test_what_is_written_is_read_the_same(envelope: Envelope) -> None:
    assert from_record(header_map(to_headers(envelope)), envelope.data) == envelope


@given(st.dictionaries(st.sampled_from([*HEADERS, "other"]), st.binary(max_size=40)), st.binary(max_size=40))
def test_no_record_does_worse_than_poison(headers: dict[str, bytes], value: bytes) -> None:
    for read in (from_record, from_foreign):
        with contextlib.suppress(Poison):
            read(header_map(headers), value)


def test_bytes_stay_bytes_though_they_look_like_text() -> None:
    for data in (b"plain text", b"", b"\xff\x00"):
        assert from_record(HEADERS, data).data == data


def test_a_record_is_what_other_readers_of_cloudevents_expect() -> None:
    assert HEADERS["ce_specversion"] == "1.0"
    assert HEADERS["content-type"] == PROTOBUF
    assert HEADERS["ce_time"] == "2026-03-02T14:00:00.120Z"
    assert {"ce_id", "ce_type", "ce_source", "ce_subject", "traceparent"} <= HEADERS.keys()


def test_empty_extensions_are_left_out() -> None:
    bare = Envelope("i", "t", "s", "a", "jili", AT, AT, 1, b"", "", b"")
    assert {"ce_cause", "traceparent"}.isdisjoint(header_map(to_headers(bare)))


def test_times_are_written_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert iso(datetime(2026, 3, 2, 22, 0, tzinfo=shanghai)) == "2026-03-02T14:00:00.000Z"
    read = from_record(HEADERS | {"ce_time": "2026-03-02T22:00:00.120+08:00"}, b"")
    assert read.time == AT
    assert read.time.tzinfo is UTC


def test_without_a_time_of_recording_it_is_the_business_time() -> None:
    assert from_record({k: v for k, v in HEADERS.items() if k != "ce_recordedtime"}, b"").recorded_at == AT


def test_an_event_has_the_same_id_however_often_it_is_published() -> None:
    assert event_id("routing", "c-1", "fengqiao.routing.events", 7) == "routing/c-1/fengqiao.routing.events/7"


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_attribute_is_named(name: str, *, empty: bool) -> None:
    headers = HEADERS | {name: ""} if empty else {k: v for k, v in HEADERS.items() if k != name}
    with pytest.raises(Poison, match=f"^missing_{name}$"):
        from_record(headers, b"")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_specversion", "0.3", "not_cloudevents"),
        ("ce_time", "yesterday", "bad_ce_time"),
        ("ce_time", "2026-03-02T14:00:00", "bad_ce_time"),
        ("ce_time", "0001-01-01T00:00:00+14:00", "bad_ce_time"),
        ("ce_recordedtime", "2026-13-02T14:00:00Z", "bad_ce_recordedtime"),
        ("ce_sequence", "one", "bad_ce_sequence"),
        ("ce_sequence", "-1", "bad_ce_sequence"),
        ("ce_sequence", "0", "bad_ce_sequence"),
        ("ce_sequence", "1" + "0" * 18, "bad_ce_sequence"),
        ("ce_sequence", "1.0", "bad_ce_sequence"),
        ("ce_sequence", "\N{ARABIC-INDIC DIGIT ONE}", "bad_ce_sequence"),
        ("ce_sequence", "\N{SUPERSCRIPT TWO}", "bad_ce_sequence"),
        ("ce_sequence", "9" * 5000, "bad_ce_sequence"),
        ("ce_audithead", "xyz", "bad_ce_audithead"),
    ],
)
def test_a_broken_attribute_is_named(name: str, value: str, reason: str) -> None:
    with pytest.raises(Poison, match=f"^{reason}$"):
        from_record(HEADERS | {name: value}, b"")


def test_a_record_without_value_is_named() -> None:
    for read in (from_record, from_foreign):
        with pytest.raises(Poison, match=r"^null_value$"):
            read(HEADERS, None)


def test_headers_are_read_in_any_case_and_whatever_their_bytes() -> None:
    read = header_map([("CE_ID", b"1"), ("ce_type", b"\xff"), ("empty", None)])
    assert read == {"ce_id": "1", "ce_type": "\N{REPLACEMENT CHARACTER}", "empty": ""}
    assert header_map(None) == {}


# -- what agencies send --------------------------------------------------------------------------------------

BODY = {
    "specversion": "1.0",
    "id": "7",
    "type": "fengqiao.intake.v1.InboundRequest",
    "source": "/hotline",
    "data": {"reference": "7"},
}


def structured(body: Any, content_type: str = STRUCTURED) -> Any:
    value = body if isinstance(body, bytes) else json.dumps(body).encode()
    return from_foreign({"content-type": content_type}, value)


def test_an_agency_may_send_structured_json() -> None:
    event = structured(BODY)
    assert event.json == {"reference": "7"}
    assert event.protobuf is None
    assert event.attributes == {
        "ce_specversion": "1.0",
        "ce_id": "7",
        "ce_type": "fengqiao.intake.v1.InboundRequest",
        "ce_source": "/hotline",
    }


@pytest.mark.parametrize("kind", [f"{STRUCTURED}; charset=utf-8", f"  {STRUCTURED.upper()}  "])
def test_a_content_type_is_read_without_its_parameters_and_in_any_case(kind: str) -> None:
    assert structured(BODY, kind).json == {"reference": "7"}


@given(st.binary(max_size=100))
def test_structured_json_may_carry_protobuf(data: bytes) -> None:
    body = {k: v for k, v in BODY.items() if k != "data"} | {"data_base64": base64.b64encode(data).decode()}
    assert structured(body).protobuf == data


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "bad_json"),
        (b"\xff\xfe\xfd", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b"[]", "not_cloudevents"),
        (b'"text"', "not_cloudevents"),
        (b"{}", "not_cloudevents"),
        (b'{"specversion": "0.3"}', "not_cloudevents"),
        (b'{"specversion": "1.0", "data_base64": "*"}', "bad_data_base64"),
        (b'{"specversion": "1.0", "data_base64": "a"}', "bad_data_base64"),
        ('{"specversion": "1.0", "data_base64": "\N{SNOWMAN}"}'.encode(), "bad_data_base64"),
        (b'{"specversion": "1.0", "data": ' + b"9" * 5000 + b"}", "bad_json"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_broken_structured_json_is_named(body: bytes, reason: str) -> None:
    with pytest.raises(Poison, match=f"^{reason}$"):
        structured(body)


@pytest.mark.parametrize("kind", [PROTOBUF, "application/x-protobuf", "Application/Protobuf; v=1"])
def test_an_agency_may_send_binary_protobuf(kind: str) -> None:
    event = from_foreign({"ce_specversion": "1.0", "content-type": kind, "ce_id": "7"}, b"\x0a")
    assert event.protobuf == b"\x0a"
    assert event.attributes["ce_id"] == "7"


def test_an_agency_may_send_json_in_binary_mode() -> None:
    event = from_foreign({"ce_specversion": "1.0", "content-type": "application/json"}, b'{"reference": "7"}')
    assert event.json == {"reference": "7"}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-type": PROTOBUF}, "not_cloudevents"),
        ({"ce_specversion": "1.0"}, "unknown_content_type"),
        ({"ce_specversion": "1.0", "content-type": "text/csv"}, "unknown_content_type"),
        ({}, "not_cloudevents"),
    ],
)
def test_what_is_no_event_of_an_agency_is_named(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Poison, match=f"^{reason}$"):
        from_foreign(headers, b"{}")
