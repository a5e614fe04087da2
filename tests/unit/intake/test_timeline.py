"""Cursors and the public form of timeline entries."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from fengqiao.intake.v1.intake_service_pb2 import TimelineEntry
from fengqiao.routing.v1.events_pb2 import Assignment, CaseEscalated, CaseJoined, CaseReference, CaseResolved
from fengqiao.routing.v1.followup_events_pb2 import ResidentAnswered, ReviewRecorded
from fengqiao.routing.v1.roster_events_pb2 import AnswererSummoned, SummonsReference
from services.chassis.auth import Role
from services.chassis.errors import Invalid
from services.intake.timeline import Seen, hidden_from, read_cursor, to_entry, with_cursors, write_cursor

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_an_entry_shows_codes_and_units_and_nobody() -> None:
    event = CaseEscalated(
        case=CaseReference(request_no="JILI-000001", site_id="jili", person_ref="p-secret"),
        assignment=Assignment(unit_id="jili/c1", holder_ref="leader-secret"),
    )
    entry = to_entry(
        {
            "_id": "routing/c/t/1",
            "service": "routing",
            "type": event.DESCRIPTOR.full_name,
            "occurred_at": NOW,
            "sequence": 1,
            "data": event.SerializeToString(),
        }
    )
    assert "secret" not in entry.data_json
    assert json.loads(entry.data_json)["assignment"] == {"unitId": "jili/c1"}


def test_a_summons_shows_its_department_and_until_when_and_nobody() -> None:
    event = AnswererSummoned(
        summons=SummonsReference(department="fire-rescue", case_id="c", unit_id="jili/c1"),
        person_ref="p-secret",
        next_refs=["p-secret-2"],
        summoned_by="p-secret-3",
        number=1,
    )
    entry = to_entry(
        {
            "_id": "routing/s/t/1",
            "service": "routing",
            "type": event.DESCRIPTOR.full_name,
            "occurred_at": NOW,
            "sequence": 1,
            "data": event.SerializeToString(),
        }
    )
    assert json.loads(entry.data_json) == {
        "summons": {"department": "fire-rescue", "caseId": "c", "unitId": "jili/c1"},
        "number": 1,
    }


def test_who_settled_who_called_back_and_who_reviewed_is_told_to_nobody() -> None:
    for event in (
        CaseResolved(unit_id="jili/c1", resolved_by="p-secret"),
        ResidentAnswered(unit_id="jili/c1", called_by="p-secret"),
        ReviewRecorded(unit_id="jili/c1", reviewed_by="p-secret"),
    ):
        raw = {"_id": "e", "service": "routing", "occurred_at": NOW, "sequence": 1}
        raw |= {"type": event.DESCRIPTOR.full_name, "data": event.SerializeToString()}
        assert json.loads(to_entry(raw).data_json) == {"unitId": "jili/c1"}


def joined(**fields: object) -> dict[str, object]:
    event = CaseJoined(
        case=CaseReference(request_no="JILI-000002", site_id="jili", person_ref="p-secret"),
        lead_case_id="lead",
        lead_request_no="JILI-000001",
        joined_by="desk-secret",
    )
    return {
        "_id": "routing/c/t/1",
        "service": "routing",
        "type": event.DESCRIPTOR.full_name,
        "occurred_at": NOW,
        "sequence": 1,
        "data": event.SerializeToString(),
        **fields,
    }


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.AGENCY])
def test_who_is_outside_the_house_sees_that_something_was_joined_and_not_with_what(role: Role) -> None:
    own = to_entry(joined(), hidden_from(role))
    assert json.loads(own.data_json) == {"case": {"requestNo": "JILI-000002", "siteId": "jili"}}
    of_another = to_entry(joined(of_another=True), hidden_from(role))
    assert json.loads(of_another.data_json) == {}


@pytest.mark.parametrize("role", [Role.HANDLER, Role.DESK, Role.CLERK])
def test_the_house_sees_with_what_and_nobody_by_whom(role: Role) -> None:
    shown = json.loads(to_entry(joined(of_another=True), hidden_from(role)).data_json)
    assert (shown["case"]["requestNo"], shown["leadRequestNo"]) == ("JILI-000002", "JILI-000001")
    assert "secret" not in json.dumps(shown)


def test_only_the_last_of_a_batch_moves_the_cursor() -> None:
    seen = [Seen(TimelineEntry(event_id=str(n)), NOW + timedelta(seconds=n)) for n in (3, 1, 2)]
    cursors = [after for _, after in with_cursors(seen, NOW)]
    assert cursors == [NOW, NOW, NOW + timedelta(seconds=3)]


def test_a_cursor_never_goes_back() -> None:
    late = [Seen(TimelineEntry(event_id="1"), NOW - timedelta(seconds=5))]
    assert [after for _, after in with_cursors(late, NOW)] == [NOW]


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert read_cursor(write_cursor(NOW)) == NOW
    assert read_cursor(write_cursor(None)) is None


@pytest.mark.parametrize("text", ["yesterday", "2026-03-02", "2026-03-02T09:00:00", "9" * 64])
def test_a_cursor_of_somebody_elses_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_cursor(text)
    assert [v.field for v in refusal.value.violations] == ["cursor"]
