"""What is called poor is reviewed by somebody who did not handle it; how often a case may be reopened."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import OutcomeRated, ReopeningRequested
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.calendar import Term, Unit
from services.chassis.errors import Forbidden
from services.chassis.terms import Rule
from services.routing import domain
from services.routing.domain.callbacks import closed_by
from services.routing.domain.case import OUTCOMES
from services.routing.domain.followup import Review
from services.routing.rules import REOPENING
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk, rules
from tests.unit.routing.test_callbacks import DAY, SETTLED, SHORT, WEEK, reached, refused, settled

POOR = OutcomeRated(rating=2, solved=True)
AGAIN = ReopeningRequested(reason="not_solved")


def found(finding: int, by: str = "chief-9", units: tuple[str, ...] = ()) -> domain.RecordReview:
    return domain.RecordReview(1, finding, by, units, "查过了")


def review(walk: Walk) -> Review:
    assert walk.case.followup is not None
    assert walk.case.followup.review is not None
    return walk.case.followup.review


@pytest.mark.parametrize("rating", [1, 2])
def test_poor_opens_a_review_within_the_rules_time_and_does_not_close(rating: int) -> None:
    for walk in (settled().hear(OutcomeRated(rating=rating, solved=True)), settled().order(reached(rating))):
        assert walk.events[-2:] == ["ResidentAnswered", "ReviewOpened"]
        assert (review(walk).reviewer_unit_id, review(walk).clock.rule) == (SECTION, "routing.review@1")
        assert walk.record.next_due_at == OPENED + WEEK
        assert closed_by(walk.case) == fu.CLOSED_BY_UNSPECIFIED


def test_three_stars_open_none() -> None:
    walk = settled().hear(OutcomeRated(rating=3, solved=True))
    assert walk.case.followup is not None
    assert walk.case.followup.review is None


def test_the_reviewer_never_had_the_case() -> None:
    walk = Walk(replace(rules(), call_backs=True)).submit()
    walk.order(domain.EscalateCase()).order(domain.TransferCase(NEIGHBOURS, 1)).order(SETTLED).hear(POOR)
    assert review(walk).reviewer_unit_id == VILLAGE
    assert review(settled(STREET).hear(POOR)).reviewer_unit_id == ""


@pytest.mark.parametrize(
    ("by", "units"),
    [("leader-1", ()), ("h-1", ()), ("other", (NEIGHBOURS,)), ("other", (VILLAGE, NEIGHBOURS))],
)
def test_nobody_who_handled_or_settled_it_reviews_it(by: str, units: tuple[str, ...]) -> None:
    error = refused(settled().hear(POOR), found(fu.REVIEW_FINDING_SETTLED_PROPERLY, by, units))
    assert isinstance(error, Forbidden)
    assert error.reason == "handled_it"


def test_settled_properly_closes_it() -> None:
    walk = settled().hear(POOR).order(found(fu.REVIEW_FINDING_SETTLED_PROPERLY))
    assert walk.events[-2:] == ["ReviewRecorded", "CaseClosed"]
    assert (closed_by(walk.case), walk.record.next_due_at) == (fu.CLOSED_BY_ANSWER, None)
    assert not any("查过".encode() in each.data for each in walk.record.outbox)
    assert walk.record.private["review_note"] == "查过了"
    assert refused(walk, found(fu.REVIEW_FINDING_UPHELD)).reason == "no_review"


def test_upheld_goes_on_one_tier_up_under_an_order_that_has_to_be_answered() -> None:
    walk = settled().hear(POOR).wait(DAY).order(found(fu.REVIEW_FINDING_UPHELD))
    assert walk.events[-3:] == ["ReviewRecorded", "CaseReopened", "SupervisionOrdered"]
    assert walk.sent(OUTCOMES)[-1] == "CaseReopened"
    case = walk.case
    assert (case.status, case.unit_id, case.running) == (domain.ASSIGNED, SECTION, 2)
    assert case.order is not None
    assert (case.order.reason, case.order.clock is not None) == (ev.MOVE_REASON_REVIEW, True)
    assert case.steps[-1].reason == ev.MOVE_REASON_REVIEW
    assert case.followup is not None
    assert case.followup.review is None


def test_a_review_that_nobody_makes_goes_to_the_next_superior_and_at_last_to_the_desk() -> None:
    walk, seen = settled().hear(POOR), []
    for _ in range(4):
        walk.wait(review(walk).clock.due_at - walk.now + SHORT)
        seen.append((review(walk).reviewer_unit_id, review(walk).repeats))
    assert seen == [(VILLAGE, 1), (STREET, 2), ("", 3), ("", 4)]
    assert walk.events[-1] == "ReviewOverdue"


def test_a_review_of_another_number_is_refused() -> None:
    walk = settled().hear(POOR)
    assert "not_the_open_review" in str(refused(walk, domain.RecordReview(2, 1, "chief-9")))
    early = refused(walk.wait(DAY), found(fu.REVIEW_FINDING_UPHELD), at=OPENED - SHORT)
    assert "before_the_settlement" in str(early)


def test_who_rates_poorly_again_opens_no_second_review_and_who_is_content_after_all_ends_it() -> None:
    walk = settled().hear(POOR).hear(POOR)
    assert walk.events.count("ReviewOpened") == 1
    walk.hear(OutcomeRated(rating=5, solved=True))
    assert walk.events[-1] == "CaseClosed"
    assert walk.record.next_due_at is None


# -- how long and how often it may be reopened ---------------------------------------------------------------


def declined(walk: Walk) -> ev.WishDeclined:
    assert walk.events[-1] == "WishDeclined"
    return ev.WishDeclined.FromString(walk.record.outbox[-1].data)


def test_what_is_not_solved_is_reopened_so_often_and_then_told_the_way_on() -> None:
    walk = settled()
    for _ in range(3):
        assert walk.hear(AGAIN).case.status == domain.ASSIGNED
        walk.order(SETTLED)
    told = declined(walk.hear(AGAIN))
    assert (told.wish, told.reason, told.way_on) == ("reopening", "too_often", "petition")
    assert walk.case.status == domain.RESOLVED


def test_what_is_not_solved_is_reopened_so_long_and_no_longer() -> None:
    assert settled().wait(30 * DAY).hear(AGAIN).case.status == domain.ASSIGNED
    told = declined(settled().wait(31 * DAY).hear(AGAIN))
    assert (told.reason, told.way_on) == ("too_late", "petition")


def test_a_site_may_set_other_limits() -> None:
    rule = Rule(REOPENING, 2, "the site", Term(1, Unit.CALENDAR_DAYS), limit=9)
    walk = Walk(replace(rules(), moves={**rules().moves, REOPENING: rule})).submit().order(SETTLED)
    assert declined(walk.wait(2 * DAY).hear(AGAIN)).reason == "too_late"


def test_beyond_the_limit_not_solved_is_reviewed_if_poor_and_closed_if_not() -> None:
    rule = Rule(REOPENING, 2, "the site", Term(30, Unit.CALENDAR_DAYS), limit=0)
    moves = {**rules().moves, REOPENING: rule}

    def spent() -> Walk:
        return Walk(replace(rules(), call_backs=True, moves=moves)).submit().order(SETTLED)

    poor = spent().order(reached(1, solved=False))
    assert poor.events[-3:] == ["ResidentAnswered", "WishDeclined", "ReviewOpened"]
    fair = spent().order(reached(3, solved=False))
    assert fair.events[-3:] == ["ResidentAnswered", "WishDeclined", "CaseClosed"]
    rated = spent().hear(OutcomeRated(rating=1, solved=False)).hear(AGAIN)
    assert rated.events[-3:] == ["ResidentAnswered", "ReviewOpened", "WishDeclined"]


def test_a_review_that_is_upheld_uses_up_no_reopening() -> None:
    walk = settled().hear(POOR).order(found(fu.REVIEW_FINDING_UPHELD))
    for _ in range(3):
        walk.wait(timedelta(hours=1)).order(SETTLED).hear(AGAIN)
        assert walk.case.status == domain.ASSIGNED


def test_an_anonymous_report_that_was_called_poor_at_the_counter_is_not_closed_before_its_review() -> None:
    walk = Walk().submit(person_ref="").order(SETTLED).hear(POOR)
    assert closed_by(walk.case) == fu.CLOSED_BY_UNSPECIFIED
    walk.order(found(fu.REVIEW_FINDING_SETTLED_PROPERLY))
    assert closed_by(walk.case) == fu.CLOSED_BY_ANSWER
