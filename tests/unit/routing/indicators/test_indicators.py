"""Indicators: what a case says of the units that had it, equal to what its events say."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    OutcomeRated,
    ReopeningRequested,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import END_REASON_AGREEMENT, END_REASON_TIME_UP
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1.clock_events_pb2 import PAUSE_KIND_COURT
from fengqiao.routing.v1.followup_events_pb2 import REVIEW_FINDING_SETTLED_PROPERLY, REVIEW_FINDING_UPHELD
from services.chassis.engine import parse
from services.chassis.errors import CommandError
from services.routing import domain
from services.routing.domain.case import EVENTS
from services.routing.domain.indicators.indicator import Course, Indicators, by_unit, judged
from tests.unit.routing.ladder import NEIGHBOURS, SECTION, STREET, VILLAGE, Walk, rules

LEAD = domain.Lead("5d2b7c1e-0000-4000-8000-000000000002", "JILI-2", "jili", NEIGHBOURS, domain.ASSIGNED)
HOUR, WEEKS = timedelta(hours=1), timedelta(days=60)


def said(walk: Walk) -> dict[str, Indicators]:
    found: dict[str, Indicators] = {}
    for code, each in judged(Course.of(walk.case)):
        found[code] = found.get(code, Indicators()) + each
    return found


def test_who_resolves_in_time_answered_and_resolved() -> None:
    walk = Walk().submit().wait(HOUR).order(domain.ResolveCase("repaired"))
    assert said(walk) == {NEIGHBOURS: Indicators(turns=1, answered=1, due=1, resolved=1, unanswered=1)}


def test_who_lets_the_clock_run_out_did_not_answer_and_the_next_has_a_turn_of_its_own() -> None:
    walk = Walk().submit()
    first = walk.case.clock
    assert first
    walk.wait(first.due_at - walk.now + timedelta(seconds=1)).order(domain.ResolveCase("repaired"))
    assert said(walk) == {
        NEIGHBOURS: Indicators(turns=1),
        SECTION: Indicators(turns=1, answered=1, due=1, resolved=1, unanswered=1),
    }


def test_who_hands_it_up_in_time_answered() -> None:
    walk = Walk().submit().order(domain.EscalateCase()).order(domain.ResolveCase("repaired"))
    assert said(walk)[NEIGHBOURS] == Indicators(turns=1, answered=1)


def test_a_turn_that_the_resident_ends_counts_for_nobody() -> None:
    walk = Walk().submit().hear(EscalationRequested(reason="too_slow")).order(domain.ResolveCase("repaired"))
    assert said(walk) == {SECTION: Indicators(turns=1, answered=1, due=1, resolved=1, unanswered=1)}


def test_what_was_reopened_is_not_resolved_until_it_is_again() -> None:
    walk = Walk().submit().order(domain.ResolveCase("repaired")).hear(ReopeningRequested(reason="not_solved"))
    assert sum(each.resolved for each in said(walk).values()) == 0
    walk.order(domain.ResolveCase("repaired"))
    assert said(walk)[SECTION].resolved == 1


def test_withdrawals_and_other_tracks_are_counted_apart() -> None:
    withdrawn = Walk().submit().hear(WithdrawalRequested(reason="mistake"))
    assert said(withdrawn) == {NEIGHBOURS: Indicators(withdrawn=1)}
    mediated = Walk().submit(kind="dispute.kin")
    assert said(mediated) == {VILLAGE: Indicators(turns=1, answered=1, on_another_track=1)}


def test_satisfied_is_who_says_solved_and_three_or_better_and_each_answer_is_of_who_settled_it() -> None:
    walk = Walk().submit().order(domain.ResolveCase("repaired")).hear(OutcomeRated(rating=1, solved=False))
    walk.hear(ReopeningRequested(reason="not_solved")).order(domain.ResolveCase("repaired"))
    assert (said(walk)[NEIGHBOURS].answers, said(walk)[NEIGHBOURS].satisfied) == (1, 0)
    assert (said(walk)[SECTION].answers, said(walk)[SECTION].unanswered) == (0, 1)
    walk.hear(OutcomeRated(rating=3, solved=True))
    assert (said(walk)[SECTION].answers, said(walk)[SECTION].satisfied) == (1, 1)
    assert (said(walk)[SECTION].satisfaction_rate, said(walk)[SECTION].unanswered) == (1.0, 0)
    poor = Walk().submit().order(domain.ResolveCase("repaired")).hear(OutcomeRated(rating=2, solved=True))
    assert said(poor)[NEIGHBOURS].satisfaction_rate == 0.0


def test_a_unit_is_told_with_all_below_it_and_those_next_below_it_apart() -> None:
    course = Course.of(Walk().submit().order(domain.ResolveCase("repaired")).case)
    one = Indicators(turns=1, answered=1, due=1, resolved=1, unanswered=1)
    assert by_unit([course, course], STREET) == {STREET: one + one, VILLAGE: one + one}
    assert by_unit([course], NEIGHBOURS) == {NEIGHBOURS: one}
    assert by_unit([course], "jili/c02") == {"jili/c02": Indicators()}


def test_a_rate_of_nothing_is_none() -> None:
    assert (Indicators().response_rate, Indicators().resolution_rate) == (None, None)
    assert Indicators(turns=4, answered=3, due=2, resolved=1).response_rate == 0.75


# -- recomputed from events, knowing nothing of the state ----------------------------------------------------


ANSWERS: Mapping[int, int] = {
    ev.MOVE_REASON_TIMEOUT: 0,
    ev.MOVE_REASON_HANDLER: 1,
    ev.MOVE_REASON_RETURNED: 1,
    ev.MOVE_REASON_REOPENED: 1,
    ev.MOVE_REASON_REFERRAL_ENDED: 1,
    ev.MOVE_REASON_REVIEW: 1,
}


@dataclass
class Recount:
    """The formula as the README has it, by the events alone."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    owner: str = ""
    due: float = 0.0
    ended: tuple[str, float] = ("", 0.0)
    track: bool = False
    settlement: int = 0
    answers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    joined: bool = False

    def hear(self, name: str, event: Any, at: float) -> None:
        reason = ev.MOVE_REASON_REOPENED if name == "CaseReopened" else getattr(event, "reason", 0)
        back_to_another = name == "CaseTakenBack" and event.assignment.unit_id != self.owner
        if (name in {"CaseEscalated", "CaseReopened"} or back_to_another) and reason in ANSWERS:
            self.count("turns")
            self.count("answered", ANSWERS[reason])
        if hasattr(event, "assignment"):
            self.owner = event.assignment.unit_id
        if name in {"CaseJoined", "CaseParted", "CaseResolved", "CaseWithdrawn"}:
            self.joined = name == "CaseJoined"
        self.hear_due(name, event)
        if name == "ResidentAnswered":
            self.answers[self.settlement] = event.unit_id, event.solved and event.rating >= 3
        elif name == "CaseResolved":
            self.settlement += 1
        if name in {"CaseReopened", "CaseTakenBack"}:
            self.ended, self.track = ("", 0.0), False
        elif name in {"CaseResolved", "CaseWithdrawn"}:
            self.ended = name, at
        elif name == "CaseReferred":
            self.track = True

    def hear_due(self, name: str, event: Any) -> None:
        if name == "CaseResolved" and event.HasField("joined_due_at"):
            self.due = event.joined_due_at.ToMilliseconds() / 1000
        if hasattr(event, "due_at"):
            self.due = event.due_at.ToMilliseconds() / 1000

    def end(self) -> dict[tuple[str, str], int]:
        name, at = self.ended
        for unit_id, satisfied in self.answers.values():
            self.counts[unit_id, "answers"] += 1
            self.counts[unit_id, "satisfied"] += satisfied
        self.count("unanswered", name == "CaseResolved" and self.settlement not in self.answers)
        if self.joined:
            return {}
        if name == "CaseWithdrawn":
            self.count("withdrawn")
        else:
            in_time = self.track or (name == "CaseResolved" and at <= self.due)
            self.count("turns")
            self.count("answered", in_time)
            self.count("on_another_track", self.track)
            self.count("due", not self.track)
            self.count("resolved", in_time and not self.track)
        return {key: number for key, number in self.counts.items() if number}

    def count(self, name: str, number: int = 1) -> None:
        self.counts[self.owner, name] += number


def recounted(walk: Walk) -> dict[tuple[str, str], int]:
    recount = Recount()
    for entry in walk.record.outbox:
        name = entry.type.rpartition(".")[2]
        if entry.topic == EVENTS:
            recount.hear(name, parse(entry.type, entry.data), entry.occurred_at.timestamp())
    return recount.end()


steps = st.lists(
    st.sampled_from(
        [
            domain.AcceptCase(),
            domain.ResolveCase("done"),
            domain.EscalateCase(),
            domain.ReturnCase(),
            domain.ReferCase(ev.TRACK_MEDIATION),
            domain.AskForPause(PAUSE_KIND_COURT, 3, "h-a"),
            domain.AskForExtension(1, "h-a"),
            domain.GrantTime(1, "h-b"),
            domain.ResumeCase("h-a"),
            domain.JoinCase(LEAD.case_id, ev.JOIN_REASON_SAME_MATTER, "desk", lead=LEAD),
            domain.PartCase(ev.PART_REASON_DIFFERENT_MATTER, "desk"),
            domain.FollowLead(replace(LEAD, status=domain.RESOLVED, outcome="done")),
            EscalationRequested(reason="too_slow"),
            WithdrawalRequested(reason="mistake"),
            ReopeningRequested(reason="not_solved"),
            OutcomeRated(rating=1, solved=False),
            OutcomeRated(rating=2, solved=True),
            OutcomeRated(rating=5, solved=True),
            domain.RecordCallBack(reached=True, solved=True, rating=3, by="chief"),
            domain.RecordReview(1, REVIEW_FINDING_UPHELD, "somebody"),
            domain.RecordReview(1, REVIEW_FINDING_SETTLED_PROPERLY, "somebody"),
            "agreed",
            "time_up",
            timedelta(hours=30),
            WEEKS,
        ]
    ),
    max_size=12,
)


@given(st.sampled_from(["drain.blocked", "drain.x", "dispute.kin"]), steps)
def test_whatever_happens_the_state_and_the_events_say_the_same(kind: str, taken: list[Any]) -> None:
    walk = Walk(replace(rules(), call_backs=True)).submit(kind=kind)
    for step in taken:
        if isinstance(step, timedelta):
            walk.wait(step)
        elif step in {"agreed", "time_up"} if isinstance(step, str) else False:
            walk.mediated(END_REASON_AGREEMENT if step == "agreed" else END_REASON_TIME_UP)
        elif hasattr(step, "DESCRIPTOR"):
            walk.hear(step)
        else:
            try:
                walk.order(step)
            except CommandError:
                continue
    walk.wait(WEEKS)
    names = [each.name for each in fields(Indicators)]
    by_state = {
        (code, name): getattr(each, name)
        for code, each in said(walk).items()
        for name in names
        if getattr(each, name)
    }
    assert by_state == recounted(walk)
