"""What is said of two requests, and what joining does to one, without any I/O."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.auth import Principal, Role
from services.chassis.errors import IllegalTransition, Invalid
from services.chassis.model import Context
from services.chassis.record import Record
from services.intake import domain, store
from services.intake.domain import CLOSED, SETTLED, SUBMITTED, WITHDRAWN, Request
from services.intake.duplicates import relations
from services.intake.duplicates.desk import undecided
from services.intake.duplicates.places import within_reach
from services.intake.duplicates.relations import LinkRequests, RejectDuplicate, Said, keeper
from tests.unit.intake.test_domain import CASE, Walk

OTHER = "5a3c1d3e-0000-5000-8000-000000000002"


def said(walk: Walk, command: Said, other: Request | None = None) -> list[str]:
    """Say something of the walk's request and another one; returns the types of its new events."""
    before = len(walk.types(domain.EVENTS))

    def decide(state: Request, context: Context) -> Any:
        return relations.decide(state, command, context, other or walk.state)

    walk._commands += 1
    walk.engine.command(walk.record, decide, walk.moment, key=f"key-{walk._commands}", body_hash=b"")
    return walk.types(domain.EVENTS)[before:]


def request(walk: Walk, **changes: Any) -> Request:
    return replace(walk.state, **changes)


# -- linked, kept apart --------------------------------------------------------------------------------------


def test_a_link_is_kept_and_changes_nothing_else() -> None:
    walk = Walk()
    before = walk.state
    assert said(walk, LinkRequests(OTHER, "desk-1")) == ["RequestsLinked"]
    assert walk.state == replace(before, links=(OTHER,))
    assert said(walk, LinkRequests(OTHER, "desk-2")) == []


def test_a_rejection_ends_a_link_and_a_link_a_rejection() -> None:
    walk = Walk()
    said(walk, LinkRequests(OTHER, "desk-1"))
    assert said(walk, RejectDuplicate(OTHER, "desk-1")) == ["DuplicateRejected"]
    assert (walk.state.links, walk.state.kept_apart) == ((), (OTHER,))
    assert said(walk, LinkRequests(OTHER, "desk-1")) == ["RequestsLinked"]
    assert (walk.state.links, walk.state.kept_apart) == ((OTHER,), ())


def test_what_is_said_of_two_is_kept_by_the_later_one() -> None:
    early = Walk().state
    late = replace(early, submitted_at=early.submitted_at + timedelta(minutes=1))
    assert keeper(("a", early), ("b", late)) == ("b", "a")
    assert keeper(("b", late), ("a", early)) == ("b", "a")
    assert keeper(("a", early), ("b", early)) == keeper(("b", early), ("a", early)) == ("b", "a")


@pytest.mark.parametrize(
    ("other", "site", "reason"),
    [("a", "jili", "other_case_id: same_request"), ("b", "boston", "other_case_id: other_site")],
)
def test_a_request_has_nothing_to_do_with_itself_or_another_site(other: str, site: str, reason: str) -> None:
    state = Walk().state
    with pytest.raises(Invalid, match=reason):
        keeper(("a", state), (other, replace(state, site_id=site)))


def test_joined_requests_are_parted_before_anything_else_is_said_of_them() -> None:
    follower, lead = Walk(), Walk()
    follower.routing_says(routing.CaseJoined(lead_case_id=OTHER))
    for command in (LinkRequests(OTHER, "desk-1"), RejectDuplicate(OTHER, "desk-1")):
        with pytest.raises(IllegalTransition, match="part them first") as refusal:
            said(follower, command)
        assert refusal.value.details["rule"] == "duplicates.joined"
        with pytest.raises(IllegalTransition, match="part them first"):
            said(lead, command, request(lead, joined_to=CASE))
    follower.routing_says(routing.CaseParted(lead_case_id=OTHER))
    assert said(follower, RejectDuplicate(OTHER, "desk-1")) == ["DuplicateRejected"]


def test_a_request_keeps_only_so_many_and_says_so() -> None:
    walk = Walk()
    for number in range(relations.MOST):
        said(walk, LinkRequests(f"other-{number}", "desk-1"))
    with pytest.raises(IllegalTransition) as refusal:
        said(walk, LinkRequests(OTHER, "desk-1"))
    assert refusal.value.details["rule"] == "duplicates.most"
    assert said(walk, RejectDuplicate("other-0", "desk-1")) == ["DuplicateRejected"]
    assert said(walk, LinkRequests(OTHER, "desk-1")) == ["RequestsLinked"]


# -- joined, parted ------------------------------------------------------------------------------------------


def test_a_joined_request_is_settled_rated_and_reopened_as_any_other() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseJoined(lead_case_id=OTHER))
    assert (walk.state.joined_to, walk.state.status) == (OTHER, SUBMITTED)
    walk.routing_says(routing.CaseResolved(outcome="repaired"))
    assert (walk.state.joined_to, walk.state.status) == (OTHER, SETTLED)
    walk.command(domain.RateOutcome(1, solved=False))
    walk.routing_says(routing.CaseReopened())
    assert (walk.state.joined_to, walk.state.status) == ("", SUBMITTED)
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.RateOutcome(5, solved=True))
    assert walk.state.status == CLOSED


def test_the_resident_of_a_joined_request_can_go_up_and_withdraw() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseJoined(lead_case_id=OTHER))
    walk.command(domain.EscalateRequest("no_answer"))
    walk.command(domain.WithdrawRequest("moved_away"))
    assert walk.types(domain.REQUESTS)[-2:] == ["EscalationRequested", "WithdrawalRequested"]


def test_what_is_so_already_is_only_noted() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseParted(lead_case_id=OTHER))
    walk.routing_says(*[routing.CaseJoined(lead_case_id=OTHER)] * 2)
    walk.routing_says(*[routing.CaseParted(lead_case_id=OTHER)] * 2)
    assert walk.types(domain.EVENTS) == ["RequestSubmitted", "RequestJoined", "RequestParted"]


def test_what_a_released_version_stored_is_read_as_neither_joined_nor_linked() -> None:
    stored = store.dump(Walk().state)
    assert not stored.keys() & {"joined_to", "links", "kept_apart"}
    del stored["near"]
    assert store.load(stored) == Walk().state


# -- whom is looked for where --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "places"),
    [
        (("jili/a/s2",), ["jili/a/s2/n3", "jili/a/s2"]),
        (("jili/a/s1",), ["jili/a/s1"]),
        (("jili/b", "jili/a/s2"), ["jili/a/s2/n3", "jili/a/s2", "jili/b"]),
        (("jili",), ["jili/a/s2/n3", "jili/a/s2", "jili/a", ""]),
        (("*",), ["jili/a/s2/n3", "jili/a/s2", "jili/a", ""]),
        ((), []),
    ],
)
def test_a_handler_looks_where_their_units_are_nearest_first(
    units: tuple[str, ...], places: list[str]
) -> None:
    handler = Principal("h", Role.HANDLER, "jili", units)
    assert within_reach(handler, "jili/a/s2/n3", whole_site=False) == places


def test_who_sees_the_whole_site_looks_everywhere() -> None:
    desk = Principal("d", Role.DESK, "jili", ())
    assert within_reach(desk, "jili/a/s2", whole_site=True) == ["jili/a/s2", "jili/a", ""]


# -- what is suggested again ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [{"links": (OTHER,)}, {"kept_apart": (OTHER,)}, {"joined_to": OTHER}, {"status": WITHDRAWN}],
    ids=["linked", "kept apart", "joined", "withdrawn"],
)
def test_what_somebody_decided_is_not_suggested_from_either_side(said: dict[str, Any]) -> None:
    one: Record[Request] = Record(OTHER, "jili", state=Walk().state)
    other: Record[Request] = Record(CASE, "jili", state=replace(Walk().state, **said))
    assert undecided(one, Record(CASE, "jili", state=Walk().state))
    assert not undecided(one, other)
    assert "status" in said or not undecided(other, one)


def test_two_that_follow_the_same_one_are_not_suggested_for_each_other() -> None:
    follower = replace(Walk().state, joined_to="lead")
    assert not undecided(Record(CASE, "jili", state=follower), Record(OTHER, "jili", state=follower))
