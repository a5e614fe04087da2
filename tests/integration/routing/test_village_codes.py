"""Village codes by gRPC on a real store: adopted, cited, shown as of a day, and never without their texts."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import code_events_pb2 as ev
from fengqiao.routing.v1 import code_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.model import Context
from services.routing.domain.codes.folding import evolve
from services.routing.domain.codes.village_code import EVENTS, digest_of
from services.routing.store import village_code_id
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, TOP, VILLAGE, House, meta
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
RESIDENT = Who("resident", (), "p-somebody")
STRANGER = Who("desk", ("jili/hedong",), "p-stranger")
QUIET = "晚上十点以后不放鞭炮。"
CLAUSES = [rpc.Clause(number="1", text="邻里之间互相谦让。"), rpc.Clause(number="3.2", text=QUIET)]


async def adopt(house: House, **more: Any) -> rpc.VillageCode:
    answer = await house.call("AdoptVillageCode", **{"unit_code": VILLAGE, "clauses": CLAUSES, **more})
    code: rpc.VillageCode = answer.village_code
    return code


async def in_force(house: House, day: str = "", who: Who = RESIDENT) -> dict[str, str]:
    answer = await house.call("GetVillageCode", who, unit_code=VILLAGE, day=day)
    versions = {each.version: each for each in answer.village_code.versions}
    told = versions[answer.in_force].clauses if answer.in_force else ()
    return {clause.number: clause.text for clause in told}


async def test_whoever_is_bound_by_a_code_reads_it_as_of_any_day(house: House) -> None:
    await house.settled()
    await adopt(house, adopted_on="2026-02-27")
    await adopt(house, on="2026-03-10", clauses=[rpc.Clause(number="1", text="改了。")])
    assert await in_force(house) == {"1": CLAUSES[0].text, "3.2": QUIET}
    assert await in_force(house, "2026-03-09") == {"1": CLAUSES[0].text, "3.2": QUIET}
    assert await in_force(house, "2026-03-10") == {"1": "改了。"}
    assert await in_force(house, "2026-03-01") == {}
    one = await house.call("GetClause", RESIDENT, unit_code=VILLAGE, number="3.2")
    assert (one.clause.text, one.clause.digest, one.version) == (QUIET, digest_of(QUIET), 1)
    for given in ({"number": "3.3"}, {"number": "3.2", "day": "2026-03-10"}):
        refused = await house.refusal("GetClause", RESIDENT, unit_code=VILLAGE, **given)
        assert refused.code is grpc.StatusCode.NOT_FOUND


async def test_no_text_of_a_clause_leaves_the_store_by_an_event(house: House) -> None:
    await house.settled()
    await adopt(house)
    await house.call("RepealVillageCode", unit_code=VILLAGE, on="2026-06-01")
    sent = [record for record in house.broker.sent if record.topic == EVENTS]
    assert house.broker.types(EVENTS) == ["VillageCodeAdopted", "VillageCodeRepealed"]
    assert not [record for record in sent if "鞭炮".encode() in record.value]
    adopted = ev.VillageCodeAdopted.FromString(sent[0].value)
    assert [clause.digest for clause in adopted.clauses] == [digest_of(each.text) for each in CLAUSES]


async def test_a_handler_settles_a_case_by_a_clause_and_everybody_sees_which(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    await adopt(house)
    case_id = await house.case_at(NEIGHBOURS)
    refused = await house.refusal(
        "ResolveCase", LEADER, case_id=case_id, outcome="settled", clauses=["1", "7"]
    )
    assert refused.fields == ["clauses[1]: no_such_clause"]
    answer = await house.call("ResolveCase", LEADER, case_id=case_id, outcome="settled", clauses=["3.2"])
    cited = [events.CitedClause(unit_code=VILLAGE, version=1, number="3.2")]
    assert list(answer.case.clauses) == cited
    shown = await house.call("GetCase", LEADER, case_id=case_id)
    assert list(shown.case.clauses) == cited
    [resolved] = [
        events.CaseResolved.FromString(record.value)
        for record in house.broker.sent
        if (record.topic, record.headers["ce_type"][-12:]) == ("fengqiao.routing.outcomes", "CaseResolved")
    ]
    assert list(resolved.clauses) == cited


async def test_a_case_of_a_village_without_code_is_settled_without(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case_id = await house.case_at(NEIGHBOURS)
    given = {"case_id": case_id, "outcome": "settled"}
    assert (await house.refusal("ResolveCase", LEADER, clauses=["1"], **given)).fields == [
        "clauses[0]: no_code"
    ]
    answer = await house.call("ResolveCase", LEADER, **given)
    assert answer.case.status == routing.CASE_STATUS_RESOLVED


async def test_who_may_not_settle_a_case_learns_nothing_of_its_code(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case_id = await house.case_at(NEIGHBOURS)
    elsewhere = Who("handler", ("jili/hedong",), "p-stranger")
    refused = await house.refusal("ResolveCase", elsewhere, case_id=case_id, outcome="settled", clauses=["1"])
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_an_order_is_answered_alike_on_every_retry(house: House) -> None:
    await house.settled()
    first, second = meta(), meta()
    one = await adopt(house, meta=first)
    two = await adopt(house, meta=second, on="2026-04-01")
    assert (len(one.versions), len(two.versions)) == (1, 2)
    house.clock.move(timedelta(minutes=1))
    assert await adopt(house, meta=second, on="2026-04-01") == two
    assert len((await adopt(house, meta=first)).versions) == 2
    assert house.broker.types(EVENTS) == ["VillageCodeAdopted"] * 2
    refused = await house.refusal(
        "AdoptVillageCode", meta=first, unit_code=VILLAGE, clauses=CLAUSES[:1], on="2026-05-01"
    )
    assert refused.code is grpc.StatusCode.ALREADY_EXISTS


async def test_two_that_adopt_a_first_version_at_once_leave_one(house: House) -> None:
    await house.settled()
    both = await asyncio.gather(adopt(house), adopt(house), return_exceptions=True)
    assert sum(isinstance(each, grpc.aio.AioRpcError) for each in both) == 1
    assert len((await house.call("GetVillageCode", DESK, unit_code=VILLAGE)).village_code.versions) == 1


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"unit_code": "jili/nowhere"}, "unit_code: no_such_unit"),
        ({"unit_code": SECTION}, "unit_code: not_a_community_or_village"),
        ({"unit_code": TOP}, "unit_code: not_a_community_or_village"),
        ({"on": "2026-03-01"}, "on: in_the_past"),
        ({"on": "2026-02-30"}, "on: no_such_day"),
        ({"adopted_on": "2026-03-03", "on": "2026-03-03"}, "adopted_on: in_the_future"),
        ({"clauses": [CLAUSES[0], CLAUSES[0]]}, "clauses[1].number: twice"),
        ({"clauses": [CLAUSES[1], CLAUSES[0]]}, "clauses[1].number: out_of_order"),
        ({"clauses": [rpc.Clause(number="1", text=" \n")]}, "clauses[0].text: required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_adoption_that_is_wrong_is_refused_by_its_field(
    house: House, given: dict[str, Any], wrong: str
) -> None:
    await house.settled()
    refused = await house.refusal("AdoptVillageCode", **{"unit_code": VILLAGE, "clauses": CLAUSES, **given})
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert house.broker.types(EVENTS) == []


async def test_a_code_of_another_territory_is_nobodys_to_change(house: House) -> None:
    await house.settled()
    for who in (STRANGER, LEADER, RESIDENT):
        refused = await house.refusal("AdoptVillageCode", who, unit_code=VILLAGE, clauses=CLAUSES)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    refused = await house.refusal("RepealVillageCode", unit_code=VILLAGE)
    assert refused.code is grpc.StatusCode.NOT_FOUND


async def test_codes_are_listed_by_unit_page_by_page_without_texts(house: House) -> None:
    await house.settled()
    for code in ("jili/a", "jili/b"):
        await house.call("EstablishUnit", code=code, kind=2)
        await adopt(house, unit_code=code)
    await adopt(house)
    first = await house.call("ListVillageCodes", page_size=2)
    rest = await house.call("ListVillageCodes", page_size=2, page_token=first.next_page_token)
    found = [each for page in (first, rest) for each in page.village_codes]
    assert [each.unit_code for each in found] == ["jili/a", "jili/b", VILLAGE]
    assert not rest.next_page_token
    assert not [clause for each in found for clause in each.versions[0].clauses if clause.text]


async def test_the_texts_lie_beside_what_the_events_say(house: House) -> None:
    await house.settled()
    await adopt(house)
    [kind] = [kind for kind in house.base.kinds if kind.engine.model.topic == EVENTS]
    record = await kind.committer.get_one(village_code_id("jili", VILLAGE))
    assert record is not None
    assert record.private == {digest_of(each.text): each.text for each in CLAUSES}
    [sent] = [sent for sent in house.broker.sent if sent.topic == EVENTS]
    at = Context(record.id, "jili", house.clock.now, house.clock.now, house.clock.now)
    assert evolve(None, ev.VillageCodeAdopted.FromString(sent.value), at) == record.state
