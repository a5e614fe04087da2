"""Screening campaigns by gRPC on a real store: planned, told of, reported, closed; and what they found."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from fengqiao.common.v1.common_pb2 import TIER_NEIGHBOURHOOD, TIER_SECTION
from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.routing.v1 import early_warning_events_pb2 as ew
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from fengqiao.routing.v1 import routing_service_pb2 as routing_rpc
from fengqiao.routing.v1 import screening_events_pb2 as ev
from fengqiao.routing.v1 import screening_service_pb2 as rpc
from services.chassis.consumer import Received
from services.chassis.envelope import Envelope, header_map, to_headers
from services.chassis.protobuf import timestamp
from services.chassis.record import SHARDS
from services.chassis.store import database
from services.chassis.sweeper import Catchup
from services.routing.domain import OUTCOMES, REQUESTS
from services.routing.domain.screenings.screening import EVENTS
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, TOP, VILLAGE, House, meta
from tests.kit.edge import Who

CAMPAIGN = "gas-safety"
KIND = "gas.safety"
LEADER = Who("handler", (SECTION,), "p-s1")
STRANGER = Who("supervisor", ("jili/hedong",), "p-stranger")
SINCE, DUE, UNTIL = "2026-03-03", "2026-03-05", "2026-03-06"


def at(day: str) -> datetime:
    """An hour after work begins, by the zone of the test's rules."""
    return datetime.fromisoformat(f"{day}T09:30:00+00:00")


async def pass_to(house: House, day: str) -> None:
    """It is that morning, and what had fallen due has fired."""
    house.clock.move(at(day) - house.clock.now)
    await house.following.fresh()
    while await house.base.sweeper(Catchup()).fire(range(SHARDS)):
        pass


async def planned(house: House, **more: Any) -> rpc.Screening:
    await house.settled()
    await house.call("EstablishDepartment", code="works", mode=rosters.ROSTER_MODE_ROTATING, kinds=[KIND])
    given: dict[str, Any] = {
        "code": CAMPAIGN,
        "unit_code": VILLAGE,
        "kinds": [KIND, "fire.hazard"],
        "tier": TIER_SECTION,
        "since": SINCE,
        "until": UNTIL,
        "due_on": DUE,
        "lead": "works",
    }
    screening: rpc.Screening = (await house.call("PlanScreening", **given | more)).screening
    return screening


async def shown(house: House, who: Who = DESK) -> rpc.Screening:
    screening: rpc.Screening = (await house.call("GetScreening", who, code=CAMPAIGN)).screening
    return screening


def risk(offset: int, key: str = "", *, campaign: str = CAMPAIGN, unit: str = NEIGHBOURS) -> Received:
    """What intake says of a risk that was found."""
    key = key or str(uuid4())
    event = RequestSubmitted(
        request_no=f"JILI-{offset}",
        site_id="jili",
        kind=KIND,
        unit_id=unit,
        channel="screening",
        screening_code=campaign,
        due_at=timestamp(at("2026-03-06")),
    )
    when = at("2026-03-04")
    envelope = Envelope(
        f"intake/{key}/{REQUESTS}/1",
        event.DESCRIPTOR.full_name,
        "/fengqiao/intake",
        key,
        "jili",
        when,
        when,
        1,
        b"",
        "",
        event.SerializeToString(),
    )
    return Received(REQUESTS, 0, offset, key.encode(), envelope.data, header_map(to_headers(envelope)))


async def test_from_the_plan_to_the_report(house: House) -> None:
    there = await planned(house)
    assert [piece.unit_code for piece in there.pieces] == [SECTION]
    await pass_to(house, SINCE)
    assert (await shown(house)).status == rpc.SCREENING_STATUS_UNDER_WAY
    given: dict[str, Any] = {
        "code": CAMPAIGN,
        "unit_code": SECTION,
        "visited": 2,
        "findings": [ev.ScreeningFinding(kind=KIND, count=1)],
    }
    key = meta()
    first = await house.call("ReportScreening", LEADER, meta=key, **given)
    house.clock.move(timedelta(hours=1))
    assert await house.call("ReportScreening", LEADER, meta=key, **given) == first
    [piece] = (await shown(house)).pieces
    assert (piece.reported, piece.visited, piece.households, piece.overdue) == (True, 2, 2, False)
    await pass_to(house, "2026-03-09")
    over = await shown(house)
    assert (over.status, over.times_told) == (rpc.SCREENING_STATUS_CLOSED, 0)
    assert [(each.reported, each.visited, each.findings) for each in over.rounds] == [(1, 2, 1)]
    assert house.broker.types(EVENTS) == [
        "ScreeningPlanned",
        "ScreeningBegan",
        "ScreeningReported",
        "ScreeningClosed",
    ]


async def test_who_has_not_reported_is_told_and_named_at_the_end(house: House) -> None:
    await planned(house, until="2026-03-10")
    for day in (SINCE, DUE, "2026-03-06", "2026-03-09", "2026-03-10", "2026-03-11"):
        await pass_to(house, day)
    sent = [each for each in house.broker.sent if each.headers["ce_type"].endswith(".ScreeningOverdue")]
    told = [ev.ScreeningOverdue.FromString(each.value) for each in sent]
    assert [list(each.told) for each in told] == [[SECTION], [VILLAGE, SECTION], [VILLAGE, SECTION]]
    [over] = (await shown(house)).rounds
    assert [(each.unit_id, each.reason) for each in over.left] == [(SECTION, "not_reported")]


async def test_a_repeating_campaign_goes_on_by_itself(house: House) -> None:
    await planned(house, repeat_every=2, repeat_unit=ev.REPEAT_UNIT_WEEKS)
    await pass_to(house, "2026-03-09")
    there = await shown(house)
    assert there.round == 2
    assert (there.since, there.due_on, there.until) == ("2026-03-17", "2026-03-19", "2026-03-20")
    assert [piece.reported for piece in there.pieces] == [False]
    await house.call("CloseScreening", code=CAMPAIGN, reason="called_off", for_good=True)
    assert (await shown(house)).status == rpc.SCREENING_STATUS_CLOSED


async def test_risks_are_counted_once_by_the_campaign_that_they_name(house: House) -> None:
    await planned(house, unit_code=TOP)
    case_id = str(uuid4())
    batch = [risk(0, case_id), risk(1), risk(2, campaign="fire"), risk(3, unit=VILLAGE)]
    await house.arrivals.count(batch)
    await house.arrivals.count([*batch, risk(4, case_id)])
    there = await shown(house)
    assert [piece.cases for piece in there.pieces] == [2]
    assert sorted(each.unit_code for each in there.cases) == [VILLAGE, NEIGHBOURS, NEIGHBOURS]
    assert case_id in {each.case_id for each in there.cases}
    theirs = await shown(house, LEADER)
    assert {each.unit_code for each in theirs.cases} == {NEIGHBOURS}
    raw = database("routing")["risks"].find_one({"_id": case_id})
    assert raw is not None
    assert set(raw) == {"_id", "site", "code", "unit", "kind", "urgent", "at"}


async def test_a_risk_becomes_a_case_without_a_complainant_that_says_so(house: House) -> None:
    await planned(house)
    await pass_to(house, "2026-03-04")
    case_id = str(uuid4())
    await house.base.deciding.take([risk(0, case_id)])
    case = (await house.call("GetCase", case_id=case_id)).case
    assert (case.early_warning, case.screening_code) == (True, CAMPAIGN)
    assert case.assignment.unit_id == NEIGHBOURS
    assert case.status == routing_rpc.CASE_STATUS_ASSIGNED
    other = (await house.call("GetCase", case_id=await house.case_at(NEIGHBOURS))).case
    assert (other.early_warning, other.screening_code) == (False, "")


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"lead": "nobody"}, "lead: not_standing"),
        ({"unit_code": "jili/nowhere"}, "unit_code: not_standing"),
        ({"tier": TIER_NEIGHBOURHOOD, "unit_code": NEIGHBOURS}, "tier: no_unit_there"),
        ({"since": "2026-02-30"}, "since: no_such_day"),
    ],
)
async def test_a_wrong_plan_changes_nothing(house: House, changes: dict[str, Any], wrong: str) -> None:
    await planned(house, code="another")
    given: dict[str, Any] = {"code": CAMPAIGN, "unit_code": VILLAGE, "kinds": [KIND], "tier": TIER_SECTION}
    given |= {"since": SINCE, "until": UNTIL}
    assert (await house.refusal("PlanScreening", **given | changes)).fields == [wrong]
    assert (await house.refusal("GetScreening", code=CAMPAIGN)).code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_code_is_of_one_campaign(house: House) -> None:
    await planned(house)
    given: dict[str, Any] = {"unit_code": VILLAGE, "kinds": [KIND], "tier": TIER_SECTION}
    refused = await house.refusal("PlanScreening", code=CAMPAIGN, since=SINCE, until=UNTIL, **given)
    assert refused.fields == ["code: taken"]


async def test_who_has_no_part_in_it_learns_nothing(house: House) -> None:
    await planned(house)
    for name, given in (
        ("GetScreening", {}),
        ("ReportScreening", {"unit_code": SECTION, "visited": 1}),
        ("CloseScreening", {"reason": "called_off"}),
    ):
        refused = await house.refusal(name, STRANGER, code=CAMPAIGN, **given)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert not (await house.call("ListScreenings", STRANGER)).screenings
    villagers = Who("supervisor", (VILLAGE,), "p-hexi")
    refused = await house.refusal("CloseScreening", LEADER, code=CAMPAIGN)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    refused = await house.refusal("CloseScreening", villagers, code=CAMPAIGN)
    assert refused.fields == [f"reasons.{SECTION}: required"]


async def test_campaigns_are_listed_page_by_page_without_their_parts(house: House) -> None:
    await planned(house)
    await house.call(
        "PlanScreening", code="fire", unit_code=TOP, kinds=[KIND], tier=TIER_SECTION, since=SINCE, until=UNTIL
    )
    first = await house.call("ListScreenings", page_size=1)
    rest = await house.call("ListScreenings", page_size=1, page_token=first.next_page_token)
    found = [each for page in (first, rest) for each in page.screenings]
    assert [each.code for each in found] == ["fire", CAMPAIGN]
    assert not found[0].pieces
    theirs = (await house.call("ListScreenings", LEADER)).screenings
    assert [each.code for each in theirs] == ["fire", CAMPAIGN]


async def test_an_early_warning_is_ended_by_a_superior_of_who_settled_it(house: House) -> None:
    await planned(house)
    await pass_to(house, "2026-03-04")
    case_id, neighbour = str(uuid4()), Who("handler", (NEIGHBOURS,), "p-n1")
    await house.base.deciding.take([risk(0, case_id)])
    await house.call("ResolveCase", neighbour, case_id=case_id, outcome="repaired")
    case = (await house.call("GetCase", case_id=case_id)).case
    assert case.end_awaited.superior_unit_id == SECTION
    end: dict[str, Any] = {"case_id": case_id, "end": ew.LAWFUL_END_RISK_REMOVED}
    assert (await house.refusal("RecordEnd", neighbour, **end)).code is grpc.StatusCode.PERMISSION_DENIED
    ended = (await house.call("RecordEnd", LEADER, **end)).case
    assert (ended.lawful_end, ended.HasField("end_awaited")) == (ew.LAWFUL_END_RISK_REMOVED, False)
    assert house.broker.types(OUTCOMES) == ["CaseResolved", "EarlyWarningEnded"]
    assert (await house.refusal("RecordEnd", **end)).reason == "no_end_awaited"
