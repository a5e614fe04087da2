"""Broker or store standing still: it is said, nothing is half done, and all resumes by itself."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.request import urlopen

import pytest

from deploy.local.runtime import SERVICES
from deploy.local.supervisor import State
from fengqiao.notify.v1 import notify_service_pb2 as notify
from services.routing.domain import EVENTS
from tests.faults.conftest import Ground
from tests.journeys.clients import NEIGHBOURS, SECTION, refusal
from tests.waiting import until

pytestmark = pytest.mark.kafka

SAID_S = 40.0
"""How long it may take until a service says what it lacks: its clients' own timeouts."""


def reasons(ground: Ground, service: str) -> set[str]:
    """What a service says that it waits for, by its metrics: they need neither store nor broker."""
    with urlopen(f"http://{ground.runtime.running.metrics[service]}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    waits = [line for line in lines if line.startswith("fengqiao_not_ready{") and line.endswith(" 1.0")]
    return {line.partition('reason="')[2].partition('"')[0] for line in waits}


def misses_its_broker(ground: Ground, service: str) -> bool:
    """Whether a service says that it waits for its broker."""
    return "broker" in reasons(ground, service)


@pytest.mark.timeout(240)
def test_while_the_broker_stands_still_requests_are_taken_in_and_all_resumes_after(
    ground: Ground,
) -> None:
    ground.until_ready()
    house, resident = ground.house, ground.house.resident()
    before = resident.submit()
    resident.until_case(before.case_id)
    with ground.standing_still("broker"):
        taken = [resident.submit() for _ in range(5)]
        accepted = house.leader(NEIGHBOURS).accept(before.case_id)
        for service in SERVICES:
            until(partial(misses_its_broker, ground, service), SAID_S, f"{service} missing its broker")
            assert not house.operator().status(service).ready
        assert house.operator().status("intake").outbox_waiting >= len(taken)
    ground.accepted.update({answer.request_no for answer in (before, *taken)})
    ground.until_ready()
    for answer in taken:
        until(partial(resident.case, answer.case_id), 60, "a case that waited")
    assert resident.case(before.case_id).revision == accepted.revision
    ground.until_conserved()


@pytest.mark.timeout(240)
def test_while_the_store_stands_still_calls_end_in_unavailable_and_nothing_half_done(
    ground: Ground,
) -> None:
    ground.until_ready()
    house, resident, leader = ground.house, ground.house.resident(), ground.house.leader(NEIGHBOURS)
    before = resident.submit()
    ground.accepted.add(before.request_no)
    resident.until_case(before.case_id)
    submission = resident.submission(house.name("key"))
    calls = {
        "submit": lambda: resident.call(house.intake.SubmitRequest, submission, timeout=90),
        "wish": lambda: resident.ask_up(before.case_id),
        "accept": lambda: leader.escalate(before.case_id, key="escalate-once"),
        "read": lambda: resident.case(before.case_id),
        "deliveries": lambda: resident.call(house.notify.ListDeliveries, notify.ListDeliveriesRequest()),
    }
    with ground.standing_still("store"), ThreadPoolExecutor(len(calls)) as pool:
        refused = dict(zip(calls, pool.map(refusal, calls.values()), strict=True))
        for service in SERVICES:
            until(partial(reasons, ground, service), SAID_S, f"{service} missing its store")
    assert {what: told.code.name for what, told in refused.items()} == dict.fromkeys(calls, "UNAVAILABLE")
    ground.until_ready()
    # The same keys find out what became of it, and nothing happens twice.
    answers = [resident.call(house.intake.SubmitRequest, submission) for _ in range(2)]
    assert answers[0] == answers[1]
    ground.accepted.add(answers[0].request_no)
    lifted = leader.escalate(before.case_id, key="escalate-once")
    assert lifted.steps[0].to_unit_id == SECTION
    ground.until_conserved()
    climbs = [r for r in house.topics.read(EVENTS) if r.headers["ce_id"].split("/")[1] == before.case_id]
    handlers = [r for r in climbs if r.headers["ce_type"].endswith("CaseEscalated")]
    assert len({r.headers["ce_id"] for r in handlers}) <= 2


def test_a_service_that_stands_still_is_shown_as_not_ready(ground: Ground) -> None:
    ground.until_ready()
    supervisor = ground.runtime.supervisor
    with ground.standing_still("routing"):
        until(lambda: supervisor.status("routing").state is State.UNREADY, 20, "an unready service")
    ground.until_ready()
