"""Readiness names what the rules lack, and the service goes on: each test takes one thing away."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from services.chassis.protobuf import timestamp
from services.routing.capability import Able, Version
from services.routing.domain.emergencies.emergency import EVENTS
from services.routing.emergencies.following import Declared, Watch
from services.routing.gaps import Gaps
from services.routing.rules import Rules
from tests.integration.routing.conftest import SECTION, TOP, House


async def said(house: House, **changed: Any) -> dict[str, str]:
    """What is said to be lacking when the rules are changed like this."""
    await house.following.fresh()
    rules: Rules = replace(house.ladder._rules["jili"], **changed)
    await Gaps(house.base, {"jili": rules}, Watch(house.base, house.base.kinds[-1], {})).look()
    assert house.base.readiness.ready
    codes = {"no_capable_tier", "ladder_broken", "no_rule_version", "emergency_unknown", "unknown_unit"}
    return {each.code: each.detail for each in house.base.readiness.reasons if each.code in codes}


async def test_with_everything_there_nothing_is_said(house: House) -> None:
    await house.settled()
    assert await said(house) == {}


async def test_a_kind_that_nobody_can_settle_is_named(house: House) -> None:
    await house.settled()
    barred = (Able("gas.*", TOP, able=False),)
    assert await said(house, able=barred) == {"no_capable_tier": "1: jili: gas.*"}
    assert await said(house) == {}, "and no more once it is put right"


async def test_a_unit_of_the_table_that_there_is_not_is_named(house: House) -> None:
    await house.settled()
    rows = (Able("gas.*", f"{TOP}/nowhere", able=True), Able("gas.*", SECTION, able=True))
    assert await said(house, able=rows) == {"unknown_unit": "1: jili: jili/nowhere"}


async def test_a_day_without_a_version_in_force_is_named_as_soon_as_it_is_known(house: House) -> None:
    known = house.ladder._rules["jili"]
    ends = Version("1", known.capability, known.default_capability, until=date(2026, 4, 1))
    assert await said(house, versions=(ends,)) == {"no_rule_version": "1: jili: none from 2026-04-01"}


async def test_an_emergency_whose_profile_is_gone_is_named(house: House) -> None:
    await house.settled()
    until = timestamp(house.clock.now + timedelta(days=1))
    given: dict[str, Any] = {
        "profile": "flood",
        "unit_code": SECTION,
        "until": until,
        "reason": "flood_warning",
    }
    declared = await house.call("DeclareEmergency", **given)
    forgotten = Declared()
    [kind] = [each for each in house.base.kinds if each.engine.model.topic == EVENTS]
    record = await kind.committer.get_one(declared.emergency.emergency_id)
    assert record is not None
    assert record.state is not None
    forgotten.put(record.id, record.state)
    assert await said(house, emergencies=forgotten) == {"emergency_unknown": "1: jili: flood@1"}
