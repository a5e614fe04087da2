"""The rows of `fengqiao doctor --live`: what is known, what isn't, what is alarming."""

import io

from rich.console import Console

from fengqiao.common.v1 import operations_service_pb2 as rpc
from services.cli.vitals import Row, table


def answer(**more: object) -> rpc.GetStatusResponse:
    return rpc.GetStatusResponse(service="routing", ready=True, **more)  # type: ignore[arg-type]  # fields by name


def shown(*rows: Row) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(rows))
    return console.export_text()


def test_figures_come_as_numbers_and_reasons_with_their_codes() -> None:
    status = answer(
        lag={"b": 2, "a": 1},
        behind=1,
        outbox_age_seconds=2.5,
        reasons=[rpc.StatusReason(code="behind", detail="1: case-7")],
    )
    plain = Row("routing", "host:1", status).plain()
    assert (plain["lag"], plain["lag_by_topic"]) == (3, {"a": 1, "b": 2})
    assert (plain["ready"], plain["behind"], plain["dead_letters"]) == (True, 1, 0)
    assert (plain["outbox_age_seconds"], plain["lateness_seconds"]) == (2.5, 0.0)
    assert plain["reasons"] == [{"code": "behind", "detail": "1: case-7"}]


def test_what_the_store_did_not_tell_is_unknown_not_zero() -> None:
    plain = Row("routing", "host:1", answer(unanswered=["store"])).plain()
    unknown = {name for name, value in plain.items() if value is None}
    assert unknown == {
        "outbox_waiting",
        "outbox_age_seconds",
        "lateness_seconds",
        "due_unfired",
        "behind",
        "aggregates",
    }
    assert plain["reasons"] == [{"code": "unknown", "detail": "store gave no figures in time"}]


def test_what_the_broker_did_not_tell_is_unknown_not_zero() -> None:
    plain = Row("routing", "host:1", answer(unanswered=["broker"])).plain()
    assert {name for name, value in plain.items() if value is None} == {
        "lag",
        "lag_by_topic",
        "dead_letters",
    }


def test_a_service_that_does_not_answer_is_not_ready_and_nothing_of_it_is_known() -> None:
    row = Row("notify", "host:2", error="UNAVAILABLE")
    plain = row.plain()
    assert not row.ready
    assert plain["reasons"] == [{"code": "unreachable", "detail": "UNAVAILABLE"}]
    assert (plain["lag"], plain["behind"], plain["clock_skew_seconds"]) == (None, None, None)


def test_people_see_a_line_per_service_and_the_reasons_below() -> None:
    reasons = [rpc.StatusReason(code="clock", detail="store and process clocks differ by 3600.000 s")]
    status = rpc.GetStatusResponse(
        service="routing", reasons=reasons, lag={"a": 4}, lateness_seconds=12.34, unanswered=["broker"]
    )
    text = shown(Row("intake", "host:1", answer()), Row("routing", "host:2", status))
    lines = [line.split() for line in text.splitlines()]
    assert ["intake", "ready", "0", "0.0", "s", "0.0", "s", "0", "0", "0", "0", "host:1"] in lines
    assert ["routing", "not", "ready", "?", "0.0", "s", "12.3", "s", "0", "0", "?", "0", "host:2"] in lines
    assert "routing  clock    store and process clocks differ by 3600.000 s" in text
    assert "routing  unknown  broker gave no figures in time" in text


def test_when_all_is_well_there_are_no_reasons() -> None:
    assert len(shown(Row("intake", "host:1", answer())).strip().splitlines()) == 2
