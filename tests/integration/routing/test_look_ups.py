"""Leader → households → open and closed cases, and who looked them up, on a real store."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.commands import Order
from services.chassis.errors import Infrastructure
from services.chassis.model import Context, Decision, transition
from services.routing.directory import accesses
from services.routing.domain import Case, ResolveCase, table
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, TOP, VILLAGE, House
from tests.kit.edge import Who

DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
WHY = "inspection"
SUPERVISOR = Who("supervisor", (TOP,), "p-supervisor")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")


async def resolve(house: House, case_id: str) -> None:
    def decide(case: Case, context: Context) -> Decision:
        return transition(table(house.ladder), case.status, case, ResolveCase("settled", ""), context)

    key = Order(uuid4().hex, b"")
    await house.base.commands.execute(case_id, key, decide, authorize=lambda _case, _at: None)


async def with_cases(house: House) -> tuple[str, str]:
    """A case of the neighbourhood that is open, and one that is closed."""
    await house.settled()
    await house.following.fresh()
    still_open, closed = await house.case_at(NEIGHBOURS), await house.case_at(NEIGHBOURS)
    await resolve(house, closed)
    return still_open, closed


async def test_a_leaders_households_and_open_and_closed_cases_are_looked_up(house: House) -> None:
    still_open, closed = await with_cases(house)
    found = await house.call("LookUpCases", leader_ref="p-n1", purpose=WHY)
    [unit] = found.units
    assert (unit.code, unit.leader_ref, list(unit.households)) == (NEIGHBOURS, "p-n1", ["h-1", "h-2"])
    assert [case.case_id for case in found.cases] == [still_open, closed]
    for scope, wanted in ((rpc.CASE_SCOPE_OPEN, still_open), (rpc.CASE_SCOPE_CLOSED, closed)):
        some = await house.call("LookUpCases", leader_ref="p-n1", purpose=WHY, scope=scope)
        assert [case.case_id for case in some.cases] == [wanted]


@pytest.mark.parametrize("whom", [{"code": NEIGHBOURS}, {"household": "h-2"}], ids=str)
async def test_a_unit_and_a_household_lead_to_the_same_cases(house: House, whom: dict[str, Any]) -> None:
    cases = await with_cases(house)
    found = await house.call("LookUpCases", **whom, purpose=WHY)
    assert ([unit.code for unit in found.units], {case.case_id for case in found.cases}) == (
        [NEIGHBOURS],
        set(cases),
    )


async def test_page_by_page_each_case_comes_once_and_open_ones_first(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    still_open = [await house.case_at(NEIGHBOURS) for _ in range(3)]
    closed = [await house.case_at(NEIGHBOURS) for _ in range(2)]
    for case_id in closed:
        await resolve(house, case_id)
    seen, token, pages = list[str](), "", 0
    while token or not pages:
        found = await house.call("LookUpCases", leader_ref="p-n1", purpose=WHY, page_size=2, page_token=token)
        seen, token, pages = (
            [*seen, *(case.case_id for case in found.cases)],
            found.next_page_token,
            pages + 1,
        )
    assert seen == [*sorted(still_open), *sorted(closed)]
    assert pages == 3


async def test_a_leader_is_looked_up_as_of_a_day(house: House) -> None:
    await with_cases(house)
    today = house.clock.now.date().isoformat()
    house.clock.move(timedelta(days=3))
    await house.call("VacatePost", code=NEIGHBOURS, reason=ev.VACANCY_REASON_RESIGNED)
    refused = await house.refusal("LookUpCases", leader_ref="p-n1", purpose=WHY)
    assert refused.code is DENIED
    then = await house.call("LookUpCases", leader_ref="p-n1", purpose=WHY, day=today)
    assert [unit.code for unit in then.units] == [NEIGHBOURS]


async def test_what_a_neighbourhood_closed_before_it_moved_goes_along(house: House) -> None:
    _, closed = await with_cases(house)
    await house.call("EstablishUnit", code=f"{VILLAGE}/s2", kind=ev.UNIT_KIND_SECTION)
    moved = f"{VILLAGE}/s2/n1"
    await house.call("MoveUnit", code=NEIGHBOURS, new_code=moved)
    found = await house.call("LookUpCases", household="h-1", purpose=WHY)
    [unit] = found.units
    assert (unit.code, list(unit.former_codes)) == (moved, [NEIGHBOURS])
    assert closed in [case.case_id for case in found.cases]


async def test_a_look_up_is_on_record_with_who_whom_why_and_when(house: House) -> None:
    await with_cases(house)
    await house.call("LookUpCases", household="h-1", purpose=WHY)
    house.clock.move(timedelta(seconds=1))
    await house.call("LookUpCases", leader_ref="p-n1", purpose="complaint")
    listed = await house.call("ListLookUps", SUPERVISOR)
    assert [(each.purpose, each.leader_ref, each.household) for each in listed.look_ups] == [
        ("complaint", "p-n1", ""),
        (WHY, "", "h-1"),
    ]
    latest = listed.look_ups[0]
    assert (latest.by, latest.role, latest.allowed) == (DESK.sub, "desk", True)
    assert latest.at.ToDatetime(house.clock.now.tzinfo) == house.clock.now
    assert (list(latest.units), list(latest.leader_refs)) == ([NEIGHBOURS], ["p-n1"])


async def test_look_ups_are_listed_page_by_page_by_who_asked_and_at_whom(house: House) -> None:
    await house.settled()
    for code, later in ((NEIGHBOURS, 0), (SECTION, 400), (NEIGHBOURS, 2)):
        house.clock.move(timedelta(days=later))
        await house.call("LookUpCases", code=code, purpose=WHY)
    await house.call("LookUpCases", SUPERVISOR, code=NEIGHBOURS, purpose=WHY)
    seen, token, first = list[str](), "", True
    while token or first:
        page = await house.call("ListLookUps", SUPERVISOR, page_size=1, page_token=token)
        seen, token, first = [*seen, *(each.code for each in page.look_ups)], page.next_page_token, False
    assert seen == [NEIGHBOURS, NEIGHBOURS, SECTION, NEIGHBOURS], "newest first, however long ago"
    at_leader = await house.call("ListLookUps", SUPERVISOR, leader_ref="p-n1", by=DESK.sub)
    assert [each.code for each in at_leader.look_ups] == [NEIGHBOURS, NEIGHBOURS]
    by_supervisor = await house.call("ListLookUps", SUPERVISOR, by=SUPERVISOR.sub)
    assert [each.by for each in by_supervisor.look_ups] == [SUPERVISOR.sub]


async def test_where_nothing_can_be_put_on_record_nothing_is_answered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_cases(house)

    def away(*_given: object) -> int:
        raise Infrastructure("the store is away")

    monkeypatch.setattr(accesses, "insert_only", away)
    refused = await house.refusal("LookUpCases", leader_ref="p-n1", purpose=WHY)
    assert refused.code is grpc.StatusCode.UNAVAILABLE


async def test_others_leaders_and_nobody_are_refused_alike_and_that_is_on_record_too(house: House) -> None:
    await with_cases(house)
    told = {
        (refused.code, refused.message)
        for whom in (
            {"leader_ref": "p-n1"},
            {"leader_ref": "p-nobody"},
            {"code": NEIGHBOURS},
            {"household": "h"},
        )
        for refused in [await house.refusal("LookUpCases", STRANGER, **whom, purpose=WHY)]
    }
    assert told == {(DENIED, "no such leader, unit or household in your territory")}
    listed = await house.call("ListLookUps", SUPERVISOR, by=STRANGER.sub)
    assert [each.allowed for each in listed.look_ups] == [False] * 4
    everywhere = Who("desk", ("*",), DESK.sub)
    missing = await house.refusal("LookUpCases", everywhere, leader_ref="p-nobody", purpose=WHY)
    assert missing.code is grpc.StatusCode.NOT_FOUND


async def test_only_whoever_supervises_the_units_sees_who_looked(house: House) -> None:
    await with_cases(house)
    await house.call("LookUpCases", leader_ref="p-n1", purpose=WHY)
    assert (await house.refusal("ListLookUps", DESK)).code is DENIED
    elsewhere = Who("supervisor", ("jili/hedong",), "p-other")
    assert not (await house.call("ListLookUps", elsewhere)).look_ups
    there = Who("supervisor", (VILLAGE,), "p-village")
    assert len((await house.call("ListLookUps", there)).look_ups) == 1


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"leader_ref": "p-n1"}, "purpose"),
        ({"leader_ref": "p-n1", "purpose": "just looking"}, "purpose"),
        ({"purpose": WHY}, "whom"),
        ({"purpose": WHY, "code": NEIGHBOURS, "day": "2026-02-30"}, "day"),
        ({"purpose": WHY, "code": NEIGHBOURS, "page_token": "x"}, "page_token"),
    ],
    ids=str,
)
async def test_a_bad_look_up_is_refused_with_the_field(
    house: House, given: dict[str, Any], wrong: str
) -> None:
    refused = await house.refusal("LookUpCases", **given)
    assert refused.code is INVALID
    assert [field.partition(":")[0] for field in refused.fields] == [wrong]
