"""The walk of the whole table with call-backs: what is settled is awaited of somebody, or closed."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from fengqiao.intake.v1.events_pb2 import (
    OutcomeRated,
    ReferralRequested,
    ReopeningRequested,
    WishedTrack,
)
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.errors import CommandError
from services.routing import domain
from services.routing.domain.callbacks import closed_by
from services.routing.domain.reviews import handlers
from tests.unit.routing.ladder import Walk, rules
from tests.unit.routing.test_walk import UNITS, Ladders


class Followed(Ladders):
    """As the ladder's walk, with answers, call-backs, reviews and wishes for another track."""

    @precondition(lambda self: self.walk is None)
    @rule(
        vacant=st.frozensets(st.sampled_from(UNITS)),
        kind=st.sampled_from(["drain.blocked", "drain.x", "dispute.kin", "petition.claim"]),
        hours=st.one_of(st.none(), st.integers(1, 400)),
    )
    def submit(self, vacant: frozenset[str], kind: str, hours: int | None) -> None:
        site = replace(rules(vacant=vacant), call_backs=True)
        self.walk = Walk(site).submit(kind=kind, due_in=timedelta(hours=hours) if hours else None)

    @precondition(lambda self: self.walk is not None)
    @rule()
    def settle(self) -> None:
        walk = self._walk()
        try:
            walk.order(domain.ResolveCase("repaired", by="h-a"))
        except CommandError:
            return

    @precondition(lambda self: self.walk is not None)
    @rule(rating=st.integers(1, 5), solved=st.booleans())
    def rate(self, rating: int, *, solved: bool) -> None:
        walk = self._walk().wait(timedelta())
        before = walk.case
        walk.hear(OutcomeRated(rating=rating, solved=solved))
        assert walk.case.status == before.status
        if not solved:
            walk.hear(ReopeningRequested(reason="not_solved"))

    @precondition(lambda self: self.walk is not None)
    @rule(rating=st.integers(0, 5), solved=st.booleans(), by=st.sampled_from(("h-a", "caller")))
    def call_back(self, rating: int, by: str, *, solved: bool) -> None:
        walk = self._walk().wait(timedelta())
        before = walk.case
        given = solved and bool(rating)
        try:
            walk.order(domain.RecordCallBack(bool(rating), given, rating, by))
        except CommandError:
            assert walk.case == before
            return
        assert by != before.settled_by
        assert before.followup
        assert before.followup.call_back

    @precondition(lambda self: self.walk is not None)
    @rule(number=st.integers(1, 2), finding=st.sampled_from(fu.ReviewFinding.values()[1:]))
    def review(self, number: int, finding: int) -> None:
        walk = self._walk().wait(timedelta())
        before = walk.case
        try:
            walk.order(domain.RecordReview(number, finding, "reviewer"))
        except CommandError:
            assert walk.case == before
            return
        upheld = finding == fu.REVIEW_FINDING_UPHELD
        assert (walk.case.status == domain.ASSIGNED) == upheld
        assert not upheld or walk.case.order

    @precondition(lambda self: self.walk is not None)
    @rule(track=st.sampled_from(WishedTrack.values()[1:]))
    def ask_for(self, track: WishedTrack.ValueType) -> None:
        walk = self._walk().wait(timedelta())
        before = walk.case
        walk.hear(ReferralRequested(track=track, reason="resident_asked"))
        if walk.case.status != before.status:
            assert walk.case.status == domain.REFERRED
            assert (walk.case.track == ev.TRACK_MEDIATION) <= (not before.refused)
        else:
            assert walk.events[-1] == "WishDeclined"

    @invariant()
    def an_ended_case_has_no_clock(self) -> None:
        """But for what follows its settlement: that is awaited of somebody, or it is closed."""
        if self.walk and self.walk.case.status in domain.ENDED:
            case, due = self.walk.case, self.walk.record.next_due_at
            awaited = case.followup.clock if case.followup else None
            assert due == (awaited.due_at if awaited else None)
            assert (awaited is None) == bool(closed_by(case))

    @invariant()
    def it_is_closed_by_an_answer_or_a_lawful_end(self) -> None:
        if self.walk:
            case, by = self.walk.case, closed_by(self.walk.case)
            if by == fu.CLOSED_BY_ANSWER:
                assert case.followup
                assert case.followup.answer_to(case.settlement)
            if by == fu.CLOSED_BY_UNREACHABLE:
                assert self.walk.events.count("CallBackMissed") >= 3

    @invariant()
    def nobody_who_had_the_case_is_asked_to_review_it(self) -> None:
        if self.walk and self.walk.case.followup and (review := self.walk.case.followup.review):
            assert review.reviewer_unit_id not in handlers(self.walk.case)


TestFollowed = Followed.TestCase
TestFollowed.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
