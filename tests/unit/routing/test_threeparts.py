"""A settlement by feeling, reason and law (情理法), where the kind asks for it."""

from dataclasses import replace

import pytest

from fengqiao.intake.v1.events_pb2 import ReopeningRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.auth import Principal, Role
from services.chassis.errors import Invalid
from services.routing import domain
from services.routing.domain.codes.village_code import digest_of
from services.routing.helping import plan_of
from services.routing.rules import Capability
from tests.unit.routing.ladder import NEIGHBOURS, NEXT_DOOR, Walk, rules

WHOLE = domain.ThreeParts("两家是多年邻居", "各让一步", "民法典第二百八十八条")


def asking() -> Walk:
    """A case of a kind whose settlement needs a plan."""
    its = rules()
    return Walk(replace(its, capability={**its.capability, "kin.*": Capability(1, 3, plan=True)}))


def lacking(walk: Walk, plan: domain.ThreeParts) -> list[tuple[str, str]]:
    before = walk.case
    with pytest.raises(Invalid) as error:
        walk.order(domain.ResolveCase("agreed", plan=plan))
    assert walk.case == before
    return [(each.field, each.reason) for each in error.value.violations]


def test_where_the_kind_asks_for_a_plan_each_part_that_lacks_is_named() -> None:
    walk = asking().submit(kind="kin.quarrel")
    every = [("plan.feeling", "required"), ("plan.reason", "required"), ("plan.law", "required")]
    assert lacking(walk, domain.ThreeParts()) == every
    assert lacking(walk, replace(WHOLE, law=" \n")) == every[2:]
    walk.order(domain.ResolveCase("agreed", plan=WHOLE))
    assert walk.case.status == domain.RESOLVED
    assert walk.case.three_parts == tuple(map(digest_of, WHOLE.texts.values()))


def test_where_the_kind_asks_for_none_a_plan_may_be_given_and_then_is_whole() -> None:
    assert asking().submit().order(domain.ResolveCase("mended")).case.three_parts == ()
    assert lacking(asking().submit(), replace(WHOLE, feeling="")) == [("plan.feeling", "required")]
    assert asking().submit().order(domain.ResolveCase("mended", plan=WHOLE)).case.three_parts


def test_the_texts_of_a_plan_are_in_no_event_and_read_by_those_who_lead() -> None:
    walk = asking().submit(kind="kin.quarrel").order(domain.ResolveCase("agreed", plan=WHOLE))
    [resolved] = [each for each in walk.record.outbox if each.type.endswith("CaseResolved")][:1]
    assert not any("邻居".encode() in each.data for each in walk.record.outbox)
    assert ev.CaseResolved.FromString(resolved.data).plan.law == digest_of(WHOLE.law)

    def read(unit_id: str) -> str:
        who = Principal("h", Role.HANDLER, "jili", (unit_id,))
        plan = plan_of(who, walk.case, walk.record.private)
        return plan.feeling if plan else ""

    assert (read(NEIGHBOURS), read(NEXT_DOOR)) == (WHOLE.feeling, "")


def test_a_reopened_case_needs_a_plan_of_its_own_again() -> None:
    walk = asking().submit(kind="kin.quarrel").order(domain.ResolveCase("agreed", plan=WHOLE))
    walk.hear(ReopeningRequested(reason="not_solved"))
    assert walk.case.three_parts == ()
    assert len(lacking(walk, domain.ThreeParts())) == 3
