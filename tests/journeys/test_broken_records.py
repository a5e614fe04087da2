"""A broken record on a topic of the house is a dead letter; its case is behind, the others go on."""

from uuid import uuid4

import pytest

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.intake.v1 import events_pb2 as ev
from services.chassis.clock import process_time
from services.chassis.envelope import Envelope, event_id, to_headers
from tests.journeys.clients import JILI, NEIGHBOURS, PATIENCE_S, SECTION, House, Outgoing
from tests.waiting import until

TOPIC = "fengqiao.intake.requests"
ESCALATION = ev.EscalationRequested.DESCRIPTOR.full_name


def record(case_id: str, sequence: int, type_name: str, value: bytes | None) -> Outgoing:
    """A record as intake would publish it, but for what it holds."""
    now = process_time()
    envelope = Envelope(
        id=event_id("intake", case_id, TOPIC, sequence),
        type=type_name,
        source="/fengqiao/intake",
        subject=case_id,
        site=JILI,
        time=now,
        recorded_at=now,
        sequence=sequence,
        head=b"",
        cause="",
        data=b"",
    )
    headers = {name: text.decode() for name, text in to_headers(envelope)}
    return Outgoing(case_id.encode(), value, headers)


def letters(house: House, case_id: str) -> list[operations.DeadLetter]:
    """Routing's dead letters of a case, also those that only the event's id ties to it."""
    request = operations.ListDeadLettersRequest(page_size=500)
    found = house.operator().call(house.operations["routing"].ListDeadLetters, request).dead_letters
    return [letter for letter in found if case_id in {letter.aggregate_id, letter.event_id.split("/")[1]}]


def until_letter(house: House, case_id: str) -> operations.DeadLetter:
    return until(lambda: letters(house, case_id), PATIENCE_S, "a dead letter")[0]


def replay(house: House, case_id: str) -> operations.ReplayDeadLetterResponse:
    request = operations.ReplayDeadLetterRequest(aggregate_id=case_id, source_topic=TOPIC)
    return house.operator().call(house.operations["routing"].ReplayDeadLetter, request)


def drop(house: House, case_id: str, sequence: int) -> operations.DropDeadLetterResponse:
    request = operations.DropDeadLetterRequest(aggregate_id=case_id, source_topic=TOPIC, sequence=sequence)
    return house.operator().call(house.operations["routing"].DropDeadLetter, request)


def is_behind(house: House, case_id: str) -> bool:
    reasons = house.operator().status("routing").reasons
    return any(reason.code == "behind" and case_id in reason.detail for reason in reasons)


@pytest.mark.parametrize(
    ("type_name", "value", "reason"),
    [
        (ESCALATION, b"\xff\xff\xff", "bad_protobuf"),
        (ESCALATION, b"", "invalid:reason"),
        ("fengqiao.intake.v1.RequestAbolished", b"", "undeclared_type"),
    ],
    ids=["bad bytes", "broken rule", "unknown type"],
)
def test_a_broken_record_holds_up_its_own_case_only_and_an_operator_gives_it_up(
    house: House, type_name: str, value: bytes, reason: str
) -> None:
    resident, neighbour, leader = house.resident(), house.resident(), house.leader(NEIGHBOURS)
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    house.publish(TOPIC, record(case_id, 2, type_name, value))
    letter = until_letter(house, case_id)
    assert (letter.reason, letter.source_topic, letter.aggregate_id) == (reason, TOPIC, case_id)
    until(lambda: is_behind(house, case_id), PATIENCE_S, "the case named as behind")
    # The service stays ready, the neighbours go on, and so do the commands of the case itself.
    assert house.operator().status("routing").ready
    neighbour.until_case(neighbour.submit().case_id)
    assert leader.accept(case_id).assignment.unit_id == NEIGHBOURS
    # A replay can't mend what is broken in itself, and says why.
    answer = replay(house, case_id)
    assert (answer.healed, answer.reason) == (False, reason)
    assert drop(house, case_id, 7).reason == reason
    # Given up on an operator's word, what came after it is applied.
    good = ev.EscalationRequested(reason="too_slow").SerializeToString()
    house.publish(TOPIC, record(case_id, 3, ESCALATION, good))
    until(lambda: drop(house, case_id, 2).healed or replay(house, case_id).healed, PATIENCE_S, "healing")
    resident.until_owned_by(case_id, SECTION)
    until(lambda: not is_behind(house, case_id), PATIENCE_S, "the case no longer behind")


def test_a_record_without_value_is_reported_alone_and_its_case_heals_when_the_event_comes(
    house: House,
) -> None:
    resident = house.resident()
    case_id = str(uuid4())
    submitted = ev.RequestSubmitted(
        request_no="JILI-900001", site_id=JILI, kind="noise.night", channel="online", unit_id=NEIGHBOURS
    )
    up = ev.EscalationRequested(reason="too_slow").SerializeToString()
    opening = submitted.DESCRIPTOR.full_name
    house.publish(TOPIC, record(case_id, 1, opening, None), record(case_id, 2, ESCALATION, up))
    assert until_letter(house, case_id).reason == "null_value"
    # The second event tells that the first is missing: a gap, which is a wait and no letter.
    until(lambda: is_behind(house, case_id), PATIENCE_S, "the gap")
    assert len(letters(house, case_id)) == 1
    resident.until_case(resident.submit().case_id)
    house.publish(TOPIC, record(case_id, 1, opening, submitted.SerializeToString()))
    until(lambda: replay(house, case_id).healed, PATIENCE_S, "healing")
    case = house.desk().until_case(case_id)
    assert case.assignment.unit_id == SECTION
    until(lambda: not is_behind(house, case_id), PATIENCE_S, "the case no longer behind")


def test_an_event_that_comes_again_changes_nothing(house: House) -> None:
    resident = house.resident()
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    resident.ask_up(case_id)
    resident.until_owned_by(case_id, SECTION)
    ours = [r for r in house.topics.read(TOPIC) if r.key == case_id.encode()]
    house.publish(TOPIC, *[Outgoing(r.key or b"", r.value, r.headers) for r in ours])
    # What is published after them is applied, so they have been consumed.
    resident.ask_up(case_id)
    case = resident.until_case(case_id, lambda c: len(c.steps) == 2)
    assert [step.to_unit_id for step in case.steps] == [SECTION, "jili/hexi"]
