"""Splitting off what is for the courts (诉访分离)."""

from datetime import timedelta

import pytest

from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.routing import domain
from tests.unit.routing.ladder import NEXT_DOOR, OPENED, Walk

CIVIL = domain.SplitOff(hv.COURT_ROUTE_CIVIL, hv.SPLIT_REASON_ONLY_A_COURT, "h-1", "房屋产权归谁")


def patient() -> Walk:
    return Walk().submit(due_in=timedelta(days=400))


def refused(walk: Walk, command: object) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command)
    assert walk.case == before
    return error.value


def test_a_part_for_the_courts_has_a_reference_of_its_own_and_the_rest_goes_on_by_the_same_clocks() -> None:
    before = patient().case
    walk = patient().order(domain.AcceptCase()).order(CIVIL)
    case, [part] = walk.case, walk.case.parts
    assert (part.reference, part.route, part.at) == ("JILI-000001-S1", hv.COURT_ROUTE_CIVIL, OPENED)
    assert case.status == domain.IN_PROGRESS
    assert (case.unit_id, case.plan, case.running, case.due_at) == (
        before.unit_id,
        before.plan,
        before.running,
        before.due_at,
    )
    assert walk.order(domain.ResolveCase("mended")).case.parts == (part,)


def test_which_part_it_is_stays_in_the_store() -> None:
    walk = patient().order(CIVIL)
    assert walk.record.private["part_1"] == "房屋产权归谁"
    assert not any("产权".encode() in each.data for each in walk.record.outbox)


def test_the_same_is_split_off_once_and_not_endlessly_many_parts() -> None:
    walk = patient().order(CIVIL)
    error = refused(walk, CIVIL)
    assert isinstance(error, Invalid)
    assert [(each.field, each.reason) for each in error.violations] == [("route", "split_off_already")]
    for route in (2, 3, 4):
        walk.order(domain.SplitOff(route, hv.SPLIT_REASON_ONLY_A_COURT, "h-1"))
    walk.order(domain.SplitOff(1, hv.SPLIT_REASON_PENDING_IN_COURT, "h-1"))
    many = refused(walk, domain.SplitOff(2, hv.SPLIT_REASON_PENDING_IN_COURT, "h-1"))
    assert isinstance(many, IllegalTransition)
    assert (many.reason, many.details["rule"]) == ("too_many", "routing.split_off@1")


def test_whoever_says_that_a_case_is_not_theirs_splits_nothing_off_it() -> None:
    walk = patient().order(domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, NEXT_DOOR, "h-1"))
    assert refused(walk, CIVIL).reason == "ruling_awaited"
