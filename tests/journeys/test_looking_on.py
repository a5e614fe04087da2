"""Timeline, board and deadlines as people see them; and what those are told who may not see."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.clock import process_time
from services.chassis.protobuf import instant, timestamp
from tests.journeys.clients import (
    BOSTON,
    COMMUNITY,
    NEIGHBOURS,
    PATIENCE_S,
    SECTION,
    Actor,
    House,
    refusal,
)
from tests.waiting import until


def test_the_timeline_resumes_by_cursor_without_loss(house: House) -> None:
    resident, leader = house.resident(), house.leader(NEIGHBOURS)
    case_id = resident.submit().case_id
    resident.until_told(case_id, "RequestSubmitted", "CaseRouted")
    following = resident.follow(case_id)
    seen, cursor = set(), ""
    for response in following:
        seen.add(response.entry.event_id)
        cursor = response.cursor or cursor
        if len(seen) == 2:
            break
    following.close()
    # Things happen while nobody listens; who comes back drops the repeats by their id.
    leader.accept(case_id)
    for _ in range(3):
        leader.progress(case_id)
    leader.resolve(case_id)
    resident.until_told(case_id, *["ProgressReported"] * 3, "RequestSettled")
    missed = {response.entry.event_id for response in resident.timeline(case_id, cursor)}
    until(
        lambda: (
            {r.entry.event_id for r in resident.timeline(case_id, cursor)} | seen
            == {r.entry.event_id for r in resident.timeline(case_id)}
        ),
        PATIENCE_S,
        "the same entries either way",
    )
    assert len(missed - seen) >= 6


def test_within_one_stream_nothing_comes_twice_and_what_happens_comes(house: House) -> None:
    resident, leader = house.resident(), house.leader(NEIGHBOURS)
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    ids: list[str] = []
    following = resident.follow(case_id)
    for response in following:
        if not ids:
            leader.resolve(case_id)
        ids.append(response.entry.event_id)
        if response.entry.type.endswith("RequestSettled"):
            break
    following.close()
    assert len(ids) == len(set(ids))


def test_the_board_counts_cases_by_tier_and_status(house: House) -> None:
    desk, resident = house.desk(), house.resident()

    def community() -> dict[int, int]:
        cells = [cell for cell in desk.board().cells if cell.tier == TIER_COMMUNITY]
        return {cell.status: cell.count for cell in cells}

    before = community()
    assigned, in_progress = routing.CASE_STATUS_ASSIGNED, routing.CASE_STATUS_IN_PROGRESS
    cases = [resident.submit(kind="building.crack").case_id for _ in range(3)]
    for case_id in cases:
        resident.until_case(case_id)
    house.leader(COMMUNITY).accept(cases[0])
    after = community()
    assert after[assigned] - before.get(assigned, 0) == 2
    assert after[in_progress] - before.get(in_progress, 0) == 1
    climbs = desk.board().climbs
    house.leader(COMMUNITY).escalate(cases[1])
    assert desk.board().climbs == climbs + 1
    assert community()[assigned] == after[assigned] - 1


def test_the_board_is_shown_again_when_a_count_has_changed(house: House) -> None:
    desk, resident = house.desk(), house.resident()
    request = routing.WatchBoardRequest(site_id=desk.site, follow=True)
    boards = desk.stream(house.routing.WatchBoard, request)
    first = next(boards)
    total = sum(cell.count for cell in first.cells)
    resident.submit()
    for board in boards:
        if sum(cell.count for cell in board.cells) > total:
            break
    boards.cancel()


def test_an_explained_deadline_adds_up(house: House) -> None:
    resident = house.resident()
    case_id = resident.submit().case_id
    case = resident.until_case(case_id)
    request = routing.ExplainDeadlineRequest(case_id=case_id)
    explained = resident.call(house.routing.ExplainDeadline, request)
    clocks = list(explained.clocks)
    assert [clock.name for clock in clocks] == ["tier-1", "tier-2", "tier-3", "tier-4"]
    assert explained.running == "tier-1"
    # Each tier has its share of the term, one after another; the last one ends when the case is due.
    start, due = instant(case.submitted_at), instant(case.due_at)
    assert instant(clocks[0].started_at) == start
    for one, next_one in itertools.pairwise(clocks):
        assert next_one.started_at == one.due_at
    for number, clock in enumerate(clocks, 1):
        share = instant(clock.due_at) - start
        assert timedelta(0) <= (due - start) * number / 4 - share < timedelta(seconds=1)
        assert clock.rule == "service.default@1"
    assert clocks[-1].due_at == case.due_at
    # Five working days are counted, holidays and weekends between them are named.
    counted = [
        step.amount for step in clocks[0].explanation if step.code.endswith(("working_day", "workday"))
    ]
    assert sum(counted) == 5, clocks[0].explanation


def test_a_promised_due_time_is_kept_and_only_some_may_promise(house: House) -> None:
    due_at = process_time() + timedelta(days=3)
    case = house.clerk().until_case(house.clerk().submit(due_at=due_at).case_id)
    assert (instant(case.due_at), case.due_promised) == (due_at, True)
    refused = refusal(lambda: house.resident().submit(due_at=due_at))
    assert refused.fields == {"request.due_at": "not_for_this_role"}


def test_a_replay_clock_only_goes_forward_and_a_wall_clock_not_at_all(house: House) -> None:
    replay = house.replay()
    now = instant(next(site for site in replay.status("notify").sites if site.site_id == BOSTON).now)

    def move(site: str, by: timedelta) -> operations.MoveReplayClockResponse:
        request = operations.MoveReplayClockRequest(site_id=site, to=timestamp(now + by))
        return replay.call(house.operations["notify"].MoveReplayClock, request)

    assert instant(move(BOSTON, timedelta(hours=1)).now) == now + timedelta(hours=1)
    assert instant(move(BOSTON, timedelta(0)).now) == now + timedelta(hours=1)
    assert refusal(lambda: move("jili", timedelta(0))).fields == {"site_id": "site_runs_on_the_wall_clock"}


STRANGERS: dict[str, Callable[[House], Actor]] = {
    "another resident": House.resident,
    "a leader of elsewhere": lambda house: house.leader("jili/elsewhere"),
    "a leader of the tier above's sister": lambda house: house.leader("jili/hexi/s2"),
    "an agency": lambda house: Actor(house, "agency", "somebody", "jili"),
    "the desk of another site": lambda house: house.desk(BOSTON),
}
# Who sees the whole of a site is told that there it is not.
UNSEEN = {"the desk of another site": "NOT_FOUND"}


@pytest.mark.parametrize("who", STRANGERS)
def test_who_may_not_see_is_told_the_same_of_what_is_there_and_what_is_not(house: House, who: str) -> None:
    resident = house.resident()
    case_id = resident.submit(kind="parking.fire_lane").case_id
    assert resident.until_case(case_id).assignment.unit_id == SECTION
    stranger, missing = STRANGERS[who](house), str(uuid4())
    attempts: dict[str, Callable[[str], object]] = {
        "request": stranger.request,
        "timeline": stranger.timeline,
        "withdraw": stranger.withdraw,
        "ask up": stranger.ask_up,
        "rate": lambda i: stranger.rate(i, 3, solved=True),
        "reopen": stranger.reopen,
        "case": stranger.case,
        "explain": lambda i: stranger.call(
            house.routing.ExplainDeadline, routing.ExplainDeadlineRequest(case_id=i)
        ),
        "accept": stranger.accept,
        "resolve": stranger.resolve,
        "escalate": stranger.escalate,
        "give back": stranger.give_back,
    }
    for what, attempt in attempts.items():
        told = [refusal(partial(attempt, case)) for case in (case_id, missing)]
        assert told[0] == told[1], what
        assert told[0].code.name in ("PERMISSION_DENIED", UNSEEN.get(who)), what
    assert resident.case(case_id).status == routing.CASE_STATUS_ASSIGNED


def test_without_a_token_or_with_a_forged_one_nobody_is_let_in(house: House) -> None:
    request = intake.GetRequestRequest(case_id=str(uuid4()))
    tokens = ["", "Bearer", "Bearer x.y.z", "Basic dXNlcjpwYXNz"]
    for token in tokens:
        metadata = (("authorization", token),) if token else ()
        refused = refusal(partial(house.intake.GetRequest, request, metadata=metadata, timeout=10))
        assert refused.code.name == "UNAUTHENTICATED"


def test_a_contact_is_read_for_a_purpose_by_few(house: House) -> None:
    clerk, resident = house.clerk(), house.resident()
    person = resident.put_contact(name="Aunt Zhou", email="zhou@example.org")
    request = intake.ResolveContactRequest(person_ref=person, purpose="call_back")
    assert clerk.call(house.intake.ResolveContact, request).contact.name == "Aunt Zhou"
    for stranger in (house.resident(), house.leader(NEIGHBOURS), house.operator()):
        refused = refusal(partial(stranger.call, house.intake.ResolveContact, request))
        assert refused.code.name == "PERMISSION_DENIED"
    elsewhere = house.clerk(BOSTON)
    unknown = intake.ResolveContactRequest(person_ref="p-nobody", purpose="call_back")
    told = [refusal(partial(elsewhere.call, house.intake.ResolveContact, r)) for r in (request, unknown)]
    assert told[0] == told[1]
