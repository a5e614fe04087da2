"""Moves, mergers and splits by gRPC on a real store: everybody goes along, whenever the process dies."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.errors import Infrastructure
from services.routing.directory.restructurings import Restructurings
from tests.integration.routing.conftest import (
    DESK,
    NEIGHBOURS,
    OTHER_NEIGHBOURS,
    SECTION,
    TOP,
    VILLAGE,
    House,
    meta,
)
from tests.kit.edge import Who

NEW_SECTION = "jili/hexi/s7"
NEW = f"{NEW_SECTION}/n1"
TODAY, NEXT_WEEK = "2026-03-02", "2026-03-09"
ELSEWHERE = Who("desk", ("jili/hedong",), "p-other-desk")


async def home(house: House, household: str, day: str = "") -> tuple[str, str]:
    """Whose a household is, and who leads it."""
    found = await house.call("FindHousehold", household=household, day=day)
    return found.code, found.leader_ref


async def codes(house: House, day: str = "") -> list[str]:
    return [unit.code for unit in (await house.call("ListUnits", within=TOP, day=day)).units]


async def move(house: House, **more: Any) -> Any:
    answer = await house.call("MoveUnit", **{"code": SECTION, "new_code": NEW_SECTION, **more})
    return answer.restructuring


async def test_a_section_moves_on_a_day_with_everybody_below_it_and_the_days_before_stay(
    house: House,
) -> None:
    await house.settled()
    done = await move(house, on=NEXT_WEEK)
    assert (done.completed, done.units) == (True, 4)
    assert await codes(house) == [TOP, VILLAGE, SECTION, NEIGHBOURS]
    assert await codes(house, NEXT_WEEK) == [TOP, VILLAGE, NEW_SECTION, NEW]
    assert await home(house, "h-1") == (NEIGHBOURS, "p-n1")
    assert await home(house, "h-1", NEXT_WEEK) == (NEW, "p-n1")
    old = (await house.call("GetUnit", code=NEIGHBOURS)).unit
    assert list(old.successors) == [NEW]
    assert house.broker.types("fengqiao.routing.restructurings") == [
        "RestructuringDecided",
        "RestructuringCompleted",
    ]


async def test_open_cases_go_along_on_that_day(house: House) -> None:
    await house.settled()
    await house.standing.sweep()
    case_id = await house.case_at(NEIGHBOURS)
    before = await house.case(case_id)
    await move(house)
    await house.standing.sweep()
    after = await house.case(case_id)
    assert (after.unit_id, after.holder_ref) == (NEW, "p-n1")
    assert after.clock == before.clock


async def test_a_neighbourhood_goes_to_another_whose_leader_stays(house: House) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    await house.appoint(OTHER_NEIGHBOURS, "p-other")
    answer = await house.call("MergeUnit", code=NEIGHBOURS, into=OTHER_NEIGHBOURS)
    assert answer.restructuring.completed
    assert await home(house, "h-2") == (OTHER_NEIGHBOURS, "p-other")


async def test_a_neighbourhood_becomes_two_and_nobody_is_left_out(house: House) -> None:
    await house.settled()
    parts = [{"code": f"{SECTION}/a", "households": ["h-2"]}, {"code": f"{SECTION}/b", "households": ["h-1"]}]
    answer = await house.call("SplitUnit", code=NEIGHBOURS, parts=parts)
    assert list(answer.restructuring.into) == [f"{SECTION}/a", f"{SECTION}/b"]
    assert await home(house, "h-2") == (f"{SECTION}/a", "p-n1")
    assert await home(house, "h-1") == (f"{SECTION}/b", "")


@pytest.mark.parametrize("told", range(5))
async def test_a_crash_after_any_unit_is_finished_as_it_was_decided(
    house: House, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    await house.settled()
    tell, count = Restructurings._tell, 0

    async def dies(self: Restructurings, id_: str, plan: Any, change: Any) -> None:
        nonlocal count
        if count == told:
            raise Infrastructure("store: killed")
        count += 1
        await tell(self, id_, plan, change)

    key = meta()
    with monkeypatch.context() as patched:
        patched.setattr(Restructurings, "_tell", dies)
        if told < 4:
            refused = await house.refusal("MoveUnit", meta=key, code=SECTION, new_code=NEW_SECTION)
            assert refused.code is grpc.StatusCode.UNAVAILABLE
        else:
            await move(house, meta=key)
    await house.reshaping.resume()
    assert await codes(house) == [TOP, VILLAGE, NEW_SECTION, NEW]
    assert await home(house, "h-1") == (NEW, "p-n1")
    assert (await move(house, meta=key)).completed
    events = house.broker.types("fengqiao.routing.directory")
    assert events.count("UnitClosed") == 2
    assert house.base.readiness.ready


async def test_what_was_changed_by_others_meanwhile_is_named_and_not_overwritten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.settled()

    async def dies(*_given: Any) -> None:
        raise Infrastructure("store: killed")

    with monkeypatch.context() as patched:
        patched.setattr(Restructurings, "_tell", dies)
        await house.refusal("MoveUnit", code=SECTION, new_code=NEW_SECTION)
    await house.call("VacatePost", code=SECTION, reason=ev.VACANCY_REASON_RESIGNED)
    await house.reshaping.resume()
    [reason] = [each for each in house.base.readiness.reasons if each.code == "restructuring_stuck"]
    assert "stale_revision" in reason.detail
    assert await codes(house) == [TOP, VILLAGE, SECTION, NEIGHBOURS]


@pytest.mark.parametrize(
    ("name", "fields", "wrong"),
    [
        ("MoveUnit", {"code": SECTION, "new_code": f"{SECTION}/x"}, "new_code: within_itself"),
        ("MoveUnit", {"code": SECTION, "new_code": "jili/nowhere/s1"}, "new_code: nothing_above"),
        ("MoveUnit", {"code": "jili/none", "new_code": "jili/x"}, "code: not_standing_then"),
        (
            "MoveUnit",
            {"code": SECTION, "new_code": NEW_SECTION, "on": "2026-03-01"},
            "code: not_standing_then",
        ),
        ("MergeUnit", {"code": NEIGHBOURS, "into": NEIGHBOURS}, "into: is_itself"),
        ("MergeUnit", {"code": NEIGHBOURS, "into": SECTION}, "into: not_a_neighbourhood"),
        (
            "SplitUnit",
            {
                "code": NEIGHBOURS,
                "parts": [
                    {"code": f"{SECTION}/a", "households": ["h-1"]},
                    {"code": f"{SECTION}/b", "households": ["h-1"]},
                ],
            },
            "parts: not_each_household_once",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_is_refused_with_its_field_and_nothing_is_written(
    house: House, name: str, fields: dict[str, Any], wrong: str
) -> None:
    await house.settled()
    sent = len(house.broker.sent)
    refused = await house.refusal(name, **fields)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert len(house.broker.sent) == sent


async def test_a_key_stands_for_one_restructuring(house: House) -> None:
    await house.settled()
    key = meta()
    first = await move(house, meta=key)
    house.clock.move(timedelta(days=3))
    assert (await move(house, meta=key)).restructuring_id == first.restructuring_id
    refused = await house.refusal("MoveUnit", meta=key, code=NEW_SECTION, new_code="jili/hexi/s8")
    assert refused.code is grpc.StatusCode.ALREADY_EXISTS
    shown = await house.call("GetRestructuring", restructuring_id=first.restructuring_id)
    assert (shown.restructuring.code, shown.restructuring.on) == (SECTION, TODAY)


async def test_nobody_restructures_what_is_not_theirs(house: House) -> None:
    await house.settled()
    given = {"code": SECTION, "new_code": NEW_SECTION}
    for who in (ELSEWHERE, Who("handler", (SECTION,), "p-s1")):
        refused = await house.refusal("MoveUnit", who, **given)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    done = await move(house)
    asked = {"restructuring_id": done.restructuring_id}
    assert (await house.refusal("GetRestructuring", ELSEWHERE, **asked)).code is (
        grpc.StatusCode.PERMISSION_DENIED
    )
    assert (await house.refusal("GetRestructuring", DESK, restructuring_id="x")).code in {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
    }
