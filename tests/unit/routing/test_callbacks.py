"""Call-back (回访) and closing: nothing is closed but by the resident's answer or a lawful end on record."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    OutcomeRated,
    ReopeningRequested,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import END_REASON_AGREEMENT
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.errors import CommandError, Forbidden
from services.chassis.terms import Rule
from services.routing import domain
from services.routing.domain.callbacks import closed_by
from services.routing.domain.case import OUTCOMES
from services.routing.domain.followup import CallBack
from services.routing.rules import ATTEMPTS
from services.routing.store import dump, load
from services.routing.telling import told
from tests.unit.routing.ladder import (
    CASE,
    NEIGHBOURS,
    OPENED,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    rules,
)

DAY, SHORT = timedelta(days=1), timedelta(seconds=1)
WEEK = 7 * DAY  # five working days
SETTLED = domain.ResolveCase("repaired", by="leader-1")
NOT_REACHED = domain.RecordCallBack(reached=False, by="chief-1", note="没人接")


def calling(**site: object) -> Walk:
    """A case of a site that calls back; `site` says what else it rules."""
    return Walk(replace(rules(), call_backs=True, **site))  # type: ignore[arg-type]  # as they are named


def settled(unit_id: str = NEIGHBOURS) -> Walk:
    return calling().submit(unit_id=unit_id).order(SETTLED)


def reached(rating: int, *, solved: bool = True, by: str = "chief-1") -> domain.RecordCallBack:
    return domain.RecordCallBack(reached=True, solved=solved, rating=rating, by=by, note="说修好了")


def pending(walk: Walk) -> CallBack:
    assert walk.case.followup is not None
    assert walk.case.followup.call_back is not None
    return walk.case.followup.call_back


def refused(walk: Walk, command: object, at: datetime | None = None) -> CommandError:
    before = walk.case
    with pytest.raises(CommandError) as error:
        walk.order(command, at=at)
    assert walk.case == before
    return error.value


def test_a_unit_that_did_not_settle_it_calls_back_within_the_rules_time() -> None:
    walk = settled()
    assert walk.events[-2:] == ["CaseResolved", "CallBackOpened"]
    clock = pending(walk).clock
    assert (pending(walk).caller_unit_id, clock.rule) == (SECTION, "routing.callback@1")
    assert (clock.due_at, walk.record.next_due_at) == (OPENED + WEEK, OPENED + WEEK)
    assert closed_by(walk.case) == fu.CLOSED_BY_UNSPECIFIED


def test_what_the_top_settled_the_desk_calls_about() -> None:
    assert pending(settled(STREET)).caller_unit_id == ""


def test_what_mediation_settled_is_called_about_as_well() -> None:
    walk = calling().submit(kind="dispute.kin").mediated(END_REASON_AGREEMENT)
    assert (walk.case.status, pending(walk).caller_unit_id) == (domain.RESOLVED, STREET)


def test_after_an_opinion_nobody_is_called_and_the_opinion_closed_it() -> None:
    walk = calling().submit(kind="petition.claim").answered("supported")
    assert (walk.case.followup, walk.record.next_due_at) == (None, None)
    assert closed_by(walk.case) == fu.CLOSED_BY_OPINION


def test_nobody_is_called_where_nobody_is_known_in_a_replay_or_where_the_site_does_not() -> None:
    anonymous = calling()
    anonymous.submit(person_ref="").order(SETTLED)
    replayed = Walk(replace(rules(), call_backs=True), replay=True).submit().order(SETTLED)
    elsewhere = Walk().submit().order(SETTLED)
    for walk in (anonymous, replayed, elsewhere):
        assert (walk.case.followup, walk.record.next_due_at) == (None, None)
        assert walk.events[-1] == "CaseResolved"
    assert closed_by(anonymous.case) == fu.CLOSED_BY_ANONYMOUS


@pytest.mark.parametrize("rating", [3, 5])
def test_a_content_answer_closes_whichever_way_it_came(rating: int) -> None:
    called = settled().order(reached(rating))
    rated = settled().hear(OutcomeRated(rating=rating, solved=True))
    # Who rated has closed the request by it; of a call-back intake has to be told.
    assert [walk.sent(OUTCOMES)[-1] for walk in (called, rated)] == ["CaseClosed", "CaseResolved"]
    for walk, way in ((called, fu.ANSWER_WAY_CALL_BACK), (rated, fu.ANSWER_WAY_RATING)):
        assert walk.events[-2:] == ["ResidentAnswered", "CaseClosed"]
        assert walk.case.followup is not None
        assert [(a.unit_id, a.solved, a.rating, a.way) for a in walk.case.followup.answers] == [
            (NEIGHBOURS, True, rating, way)
        ]
        assert (closed_by(walk.case), walk.record.next_due_at) == (fu.CLOSED_BY_ANSWER, None)


def test_who_is_called_and_says_not_solved_has_it_reopened_one_tier_up() -> None:
    walk = settled().order(reached(3, solved=False))
    assert walk.events[-2:] == ["ResidentAnswered", "CaseReopened"]
    assert (walk.case.status, walk.case.unit_id) == (domain.ASSIGNED, SECTION)
    assert pending(walk.order(SETTLED)).caller_unit_id == VILLAGE


def test_a_rating_that_says_not_solved_waits_for_the_wish_that_follows() -> None:
    walk = settled().hear(OutcomeRated(rating=1, solved=False))
    assert (walk.case.status, closed_by(walk.case)) == (domain.RESOLVED, fu.CLOSED_BY_UNSPECIFIED)
    assert walk.events[-1] == "ResidentAnswered"
    assert walk.hear(ReopeningRequested(reason="not_solved")).case.unit_id == SECTION


def test_who_cannot_be_reached_on_as_many_days_as_the_rule_says_is_a_lawful_end() -> None:
    walk = settled().order(NOT_REACHED).wait(DAY).order(NOT_REACHED)
    assert (len(pending(walk).attempted), closed_by(walk.case)) == (2, fu.CLOSED_BY_UNSPECIFIED)
    walk.wait(DAY).order(NOT_REACHED)
    assert walk.events[-2:] == ["CallBackMissed", "CaseClosed"]
    assert (closed_by(walk.case), walk.record.next_due_at) == (fu.CLOSED_BY_UNREACHABLE, None)
    assert not any("没人接".encode() in each.data for each in walk.record.outbox)
    late = walk.hear(OutcomeRated(rating=4, solved=True))
    assert late.events[-1] == "ResidentAnswered"


def test_an_attempt_a_day_counts() -> None:
    error = refused(settled().order(NOT_REACHED).wait(timedelta(hours=5)), NOT_REACHED)
    assert (error.reason, error.details["rule"]) == ("called_that_day", "routing.callback.attempts@1")


def test_a_site_may_ask_for_another_number_of_attempts() -> None:
    moves = {**rules().moves, ATTEMPTS: Rule(ATTEMPTS, 2, "the site", limit=1)}
    walk = calling(moves=moves).submit().order(SETTLED).order(NOT_REACHED)
    assert closed_by(walk.case) == fu.CLOSED_BY_UNREACHABLE


def test_a_call_back_that_nobody_makes_goes_to_the_next_superior_and_at_last_to_the_desk() -> None:
    walk, seen = settled(), []
    for _ in range(5):
        walk.wait(pending(walk).clock.due_at - walk.now + SHORT)
        seen.append((pending(walk).caller_unit_id, pending(walk).repeats))
    assert seen == [(VILLAGE, 1), (STREET, 2), ("", 3), ("", 4), ("", 5)]
    assert walk.events[-1] == "CallBackOverdue"
    assert walk.case.status == domain.RESOLVED
    assert walk.record.next_due_at is not None


@pytest.mark.parametrize("who", ["leader-1", "h-1"])
def test_whoever_settled_it_does_not_call_back(who: str) -> None:
    error = refused(settled(), reached(5, by=who))
    assert isinstance(error, Forbidden)
    assert error.reason == "own_settlement"


def test_a_record_that_is_wrong_is_refused_with_its_field() -> None:
    walk = settled()
    for command, field in (
        (domain.RecordCallBack(reached=True, solved=True, by="chief-1"), "rating: required"),
        (domain.RecordCallBack(reached=False, solved=True, by="chief-1"), "solved: not_reached"),
        (domain.RecordCallBack(reached=False, rating=2, by="chief-1"), "rating: not_reached"),
    ):
        assert field in str(refused(walk, command))
    early = refused(walk.wait(DAY), reached(5), at=OPENED - SHORT)
    assert "before_the_settlement" in str(early)
    assert refused(walk.order(reached(5)), reached(4)).reason == "no_call_back"


def test_until_it_is_closed_the_resident_goes_up_or_withdraws() -> None:
    up = settled().hear(EscalationRequested(reason="too_slow"))
    assert (up.case.status, up.case.unit_id, up.sent(OUTCOMES)[-1]) == (
        domain.ASSIGNED,
        SECTION,
        "CaseReopened",
    )
    back = settled().hear(WithdrawalRequested(reason="mistake"))
    assert (back.case.status, closed_by(back.case)) == (domain.WITHDRAWN, fu.CLOSED_BY_WITHDRAWAL)
    assert back.record.next_due_at is None
    closed = settled().order(reached(4))
    for wish in (EscalationRequested(reason="too_slow"), WithdrawalRequested(reason="mistake")):
        assert closed.hear(wish).events[-1] == "WishDeclined"
        assert closed.case.status == domain.RESOLVED


def test_a_settled_case_is_kept_whole_and_told_whole() -> None:
    walk = settled().order(NOT_REACHED)
    assert load(dump(walk.case)) == walk.case
    shown = told(CASE, 1, walk.case, walk.now)
    assert (shown.call_back.caller_unit_id, shown.call_back.attempts) == (SECTION, 1)
    closed = told(CASE, 2, walk.wait(DAY).order(reached(4)).case, walk.now)
    assert (closed.closed_by, closed.answer.rating) == (fu.CLOSED_BY_ANSWER, 4)
    assert not closed.HasField("call_back")


def test_a_case_of_a_former_release_loads() -> None:
    plain = dump(Walk().submit().order(SETTLED).case)
    assert "followup" not in plain
    del plain["settled_by"]
    assert load(plain).followup is None
