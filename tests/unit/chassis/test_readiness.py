"""Why a service is not ready, and who is told."""

import threading
from http.client import HTTPConnection
from socket import create_server

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.chassis import metrics
from services.chassis.metrics import Metrics
from services.chassis.readiness import Readiness, Reason
from tests.unit.chassis.edge import settings


def test_a_service_is_ready_when_nothing_is_waited_for() -> None:
    readiness = Readiness()
    seen = [readiness.ready]
    readiness.wait("store", "store away")
    readiness.wait("broker", "joining the group")
    assert readiness.reasons == [Reason("broker", "joining the group"), Reason("store", "store away")]
    for code in ("store", "broker"):
        seen.append(readiness.ready)
        readiness.clear(code)
    seen.append(readiness.ready)
    assert seen == [True, False, False, True]
    assert readiness.reasons == []


def test_a_later_word_on_the_same_wait_replaces_the_earlier() -> None:
    readiness = Readiness()
    readiness.wait("indexes", "missing: a, b")
    readiness.wait("indexes", "missing: b")
    assert readiness.reasons == [Reason("indexes", "missing: b")]


def test_single_cases_are_named_and_block_nothing() -> None:
    readiness = Readiness()
    readiness.name_cases("behind", 3, ["c-1", "c-2"])
    assert readiness.ready
    assert readiness.reasons == [Reason("behind", "3: c-1, c-2", blocks=False)]
    readiness.name_cases("behind", 0, [])
    assert readiness.reasons == []


def test_a_listener_hears_at_once_of_each_change_and_of_nothing_else_until_it_leaves() -> None:
    readiness = Readiness()
    heard: list[bool] = []
    leave = readiness.listen(lambda: heard.append(readiness.ready))
    readiness.wait("store", "away")
    readiness.wait("store", "away")
    readiness.clear("broker")
    readiness.clear("store")
    leave()
    readiness.wait("store", "away")
    assert heard == [True, False, True]


def test_a_wait_is_logged_when_it_begins_and_when_it_ends_once_each() -> None:
    readiness = Readiness()
    with capture_logs() as lines:
        for _ in range(3):
            readiness.wait("store", "away")
        for _ in range(3):
            readiness.clear("store")
    assert [(line["event"], line["code"]) for line in lines] == [
        ("not_ready", "store"),
        ("wait_over", "store"),
    ]


def test_many_threads_may_wait_and_clear_while_others_look() -> None:
    readiness = Readiness()

    def work(code: str) -> None:
        for number in range(200):
            readiness.wait(code, str(number))
            assert all(reason.detail for reason in readiness.reasons)
            readiness.clear(code)

    failed: list[object] = []
    before = threading.excepthook
    threading.excepthook = failed.append
    try:
        threads = [threading.Thread(target=work, args=(f"wait-{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = before
    assert failed == []
    assert readiness.ready


# -- metrics -------------------------------------------------------------------------------------------------


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def page(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_metrics_name_each_wait_while_it_lasts() -> None:
    readiness, port = Readiness(), free_port()
    metrics.serve(settings(metrics_port=port), readiness)
    assert "fengqiao_ready 1.0" in page(port)
    readiness.wait("store", "store away")
    waiting = page(port)
    assert "fengqiao_ready 0.0" in waiting
    assert 'fengqiao_not_ready{reason="store"} 1.0' in waiting
    readiness.clear("store")
    over = page(port)
    assert "fengqiao_ready 1.0" in over
    assert 'fengqiao_not_ready{reason="store"} 0.0' in over


def test_metrics_are_served_to_this_machine_alone_unless_told_otherwise() -> None:
    assert settings().metrics_host == "127.0.0.1"


@pytest.mark.parametrize(
    "name",
    [
        "lag_records",
        "batch_records",
        "batch_seconds",
        "commit_losers",
        "gaps",
        "behind_aggregates",
        "firing_lateness_seconds",
        "outbox_age_seconds",
        "dead_letters",
        "rpc_seconds",
        "ready",
        "not_ready",
    ],
)
def test_what_an_operator_must_see_has_a_metric(name: str) -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    assert f"fengqiao_{name}" in {metric.name for metric in registry.collect()}


def test_labels_of_metrics_hold_no_case_and_no_person() -> None:
    registry = CollectorRegistry()
    made = Metrics(registry)
    labels = {label for metric in vars(made).values() for label in metric._labelnames}
    assert labels == {"topic", "reason", "method", "code"}
