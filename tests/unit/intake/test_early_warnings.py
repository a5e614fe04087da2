"""Early warnings (预警): taken in once, by intake, and nobody's voice is made up for them."""

from dataclasses import replace
from typing import Any

import pytest

from fengqiao.intake.v1.intake_service_pb2 import RequestBody
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1.early_warning_events_pb2 import EarlyWarningEnded
from services.chassis.auth import Principal, Role
from services.chassis.errors import IllegalTransition
from services.intake import domain
from services.intake.early_warnings import faults
from tests.unit.intake.test_domain import SUBMISSION, Walk

WARNING = replace(SUBMISSION, channel="screening", person_ref="", screening_code="gas-safety")


def body(**changes: Any) -> RequestBody:
    return RequestBody(
        **{"kind": "gas.safety", "channel": "screening", "screening_code": "gas-safety"} | changes
    )


def wrong(role: Role, **changes: Any) -> list[str]:
    principal = Principal("p-1", role, "jili", ("*",))
    return [f"{each.field}: {each.reason}" for each in faults(principal, body(**changes))]


@pytest.mark.parametrize("role", [Role.HANDLER, Role.CLERK, Role.DESK])
def test_whoever_takes_part_in_a_campaign_gives_an_early_warning(role: Role) -> None:
    assert wrong(role) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"person_ref": "p-2"}, "request.person_ref: nobody_asks"),
        ({"channel": "counter"}, "request.channel: not_screening"),
        ({"kind": "accusation.bribery"}, "request.kind: not_for_early_warnings"),
        ({"screening_code": ""}, "request.screening_code: required"),
    ],
)
def test_one_that_is_wrong_is_refused_with_its_field(changes: dict[str, Any], fault: str) -> None:
    assert wrong(Role.HANDLER, **changes) == [fault]


def test_a_resident_asks_and_gives_no_early_warning() -> None:
    assert wrong(Role.RESIDENT) == ["request.screening_code: not_for_this_role"]


def test_the_campaign_is_told_and_kept() -> None:
    walk = Walk(WARNING)
    assert walk.state.screening_code == "gas-safety"
    assert walk.types(domain.REQUESTS) == ["RequestSubmitted"]


@pytest.mark.parametrize(
    "command", [domain.RateOutcome(5, solved=True), domain.WithdrawRequest("not_needed")]
)
def test_nobody_rates_or_withdraws_what_nobody_complained_of(command: object) -> None:
    walk = Walk(WARNING)
    walk.routing_says(routing.CaseResolved())
    with pytest.raises(IllegalTransition) as refused:
        walk.command(command)
    assert refused.value.reason == "no_complainant"


def test_the_desk_may_lift_and_reopen_it_as_any_other() -> None:
    walk = Walk(WARNING)
    walk.command(domain.EscalateRequest("danger"))
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.ReopenRequest("found_again"))
    assert walk.types(domain.REQUESTS) == ["RequestSubmitted", "EscalationRequested", "ReopeningRequested"]


def test_it_is_closed_by_the_end_that_a_superior_put_on_record() -> None:
    walk = Walk(WARNING)
    walk.routing_says(routing.CaseResolved(), EarlyWarningEnded())
    assert (walk.state.status, walk.state.rating) == (domain.CLOSED, 0)
    assert walk.types(domain.EVENTS) == ["RequestSubmitted", "RequestSettled", "RequestClosed"]
