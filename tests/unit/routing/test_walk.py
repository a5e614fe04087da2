"""Hypothesis walks the whole table: whatever is asked in whatever order, the ladder's promises hold."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    OutcomeRated,
    ReferralRequested,
    ReopeningRequested,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import EndReason, MediationEnded
from fengqiao.petition.v1.events_pb2 import PetitionConcluded
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from fengqiao.routing.v1.clock_events_pb2 import DeadlineNeared, PauseKind
from services.chassis import audit
from services.chassis.consumer import Arrived, Received
from services.chassis.envelope import Envelope, event_id
from services.chassis.errors import CommandError, IllegalTransition
from services.chassis.hours import WorkingTime
from services.chassis.protobuf import instant
from services.chassis.rebuild import differences, fold
from services.chassis.store import converter
from services.routing import domain
from services.routing.clocking import Profile
from services.routing.domain import Ladder
from services.routing.domain.attention import OVERDUE, Glimpse, attention, facts_of, lines
from services.routing.store import dump, load, model
from tests.unit.routing.clocked import OFFICE, SHANGHAI, profile
from tests.unit.routing.ladder import (
    CASE,
    NEIGHBOURS,
    NEXT_DOOR,
    OTHER_SECTION,
    OTHER_VILLAGE,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    rules,
)

OTHER = "5d2b7c1e-0000-4000-8000-000000000002"
LEAD = domain.Lead(OTHER, "JILI-000002", "jili", NEXT_DOOR, domain.ASSIGNED)
UNITS = (NEIGHBOURS, NEXT_DOOR, SECTION, OTHER_SECTION, VILLAGE, OTHER_VILLAGE)
ANYWHERE = st.sampled_from((*UNITS, STREET, "", "jili/c99"))
WHO = st.sampled_from(("h-a", "h-b"))
MAY_GO_DOWN = {ev.MOVE_REASON_RULING, ev.MOVE_REASON_TRANSFER}
COMMANDS = (
    domain.AcceptCase(),
    domain.ReportProgress("visited"),
    domain.ResolveCase("done"),
    domain.EscalateCase(),
    domain.ReturnCase(),
    domain.ReferCase(ev.TRACK_MEDIATION),
    domain.ReferCase(ev.TRACK_PETITION),
)
WISHES: tuple[Message, ...] = (
    EscalationRequested(reason="too_slow"),
    WithdrawalRequested(reason="mistake"),
    ReopeningRequested(reason="not_solved"),
)
END_REASONS = tuple(EndReason.values())[1:]
AT_WORK = WorkingTime(OFFICE, SHANGHAI, rules().calendar)


class Ladders(RuleBasedStateMachine):
    """One case, any order of commands, wishes and hours."""

    def __init__(self) -> None:
        super().__init__()
        self.walk: Walk | None = None

    @precondition(lambda self: self.walk is None)
    @rule(
        vacant=st.frozensets(st.sampled_from(UNITS)),
        kind=st.sampled_from(["drain.blocked", "drain.x", "gas.leak", "dispute.kin", "petition.claim"]),
        hours=st.one_of(st.none(), st.integers(1, 400)),
        clocks=st.sampled_from((None, profile())),
    )
    def submit(self, vacant: frozenset[str], kind: str, hours: int | None, clocks: Profile | None) -> None:
        self.walk = Walk(replace(rules(vacant=vacant), clocks=clocks)).submit(
            kind=kind, due_in=timedelta(hours=hours) if hours else None
        )

    @precondition(lambda self: self.walk is not None)
    @rule(command=st.sampled_from(COMMANDS), back=st.integers(0, 100))
    def order(self, command: object, back: int) -> None:
        walk = self._walk()
        at = max(walk.now - timedelta(hours=back), walk.case.submitted_at)
        before = walk.case.status
        try:
            walk.order(command, at=at)
        except IllegalTransition:
            return
        assert walk.case.status in walk.cells[before, type(command)].to or walk.case.steps

    @precondition(lambda self: self.walk is not None)
    @rule(to=ANYWHERE, by=WHO, back=st.integers(0, 30))
    def give_back(self, to: str, by: str, back: int) -> None:
        walk = self._walk()
        at = max(walk.now - timedelta(hours=back), walk.case.submitted_at)
        command = domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, to, by)
        before = self._tried(command, at)
        if walk.case.returned and walk.case.returned != before.returned:
            assert (walk.case.unit_id, walk.case.running) == (before.unit_id, before.running)
            above = {unit.id for unit in walk.rules.chain(before.unit_id)} - {before.unit_id}
            assert walk.case.returned.superior_unit_id in above

    @precondition(lambda self: self.walk is not None)
    @rule(ruling=st.sampled_from(ev.Ruling.values()[1:]), to=ANYWHERE, by=WHO)
    def give_a_ruling(self, ruling: int, to: str, by: str) -> None:
        walk = self._walk()
        unit_id = to if ruling == ev.RULING_GOES else ""
        before = self._tried(domain.RuleOnReturn(ruling, unit_id, by), walk.now)
        if before.returned and len(walk.case.rulings) > len(before.rulings):
            assert by != before.returned.returned_by
            assert walk.case.returned is None

    @precondition(lambda self: self.walk is not None)
    @rule(to=ANYWHERE, back=st.integers(0, 100))
    def transfer(self, to: str, back: int) -> None:
        walk = self._walk()
        at = max(walk.now - timedelta(hours=back), walk.case.submitted_at)
        before = self._tried(domain.TransferCase(to, ev.TRANSFER_REASON_OTHER_PLACE, "desk"), at)
        if walk.case.unit_id != before.unit_id:
            assert walk.case.unit_id == to

    @precondition(lambda self: self.walk is not None)
    @rule(
        order=st.sampled_from(
            (
                domain.OrderSupervision(ev.ORDER_REASON_RISK, "h-a", ("jili/c01", STREET)),
                domain.OrderSupervision(ev.ORDER_REASON_RISK, "h-b"),
                domain.AnswerSupervision(1, "visited", "去过了", "h-a"),
                domain.AnswerSupervision(2, "visited", "去过了", "h-b"),
                *(domain.JudgeAnswer(n, accepted, "h-b") for n in (1, 2) for accepted in (True, False)),
            )
        )
    )
    def supervise(self, order: object) -> None:
        walk = self._walk()
        before = self._tried(order, walk.now)
        case = walk.case
        assert (case.unit_id, case.status, case.running) == (before.unit_id, before.status, before.running)

    @precondition(lambda self: self.walk is not None)
    @rule(
        order=st.one_of(
            ANYWHERE.map(lambda to: domain.AskForAssistance(to, "", "inspect", "h-a")),
            st.builds(
                domain.AnswerAssistance,
                st.integers(1, 3),
                st.sampled_from(hv.AssistanceAnswer.values()[1:]),
                st.sampled_from(("", "busy")),
                WHO,
            ),
            st.integers(1, 3).map(lambda number: domain.EndAssistance(number, "h-a")),
            st.integers(1, 4).map(lambda route: domain.SplitOff(route, 1, "h-a")),
        )
    )
    def assist(self, order: object) -> None:
        walk = self._walk()
        before = self._tried(order, walk.now)
        case = walk.case
        assert (case.unit_id, case.status, case.running) == (before.unit_id, before.status, before.running)

    @precondition(lambda self: self.walk is not None)
    @rule()
    def recuse(self) -> None:
        walk = self._walk()
        before = self._tried(domain.RecuseHandler("h-a"), walk.now)
        if walk.case.recused != before.recused:
            assert walk.case.recused == (*before.recused, before.holder_ref)

    @precondition(lambda self: self.walk is not None)
    @rule(
        order=st.sampled_from(
            (
                *(domain.AskForPause(kind, 1, "h-a") for kind in PauseKind.values()),
                *(domain.AskForExtension(length, "h-a") for length in (1, 2, 6)),
                domain.GrantTime(1, "h-a"),
                domain.RefuseTime(1, "h-b", (NEIGHBOURS,)),
                domain.ResumeCase("h-a"),
            )
        ),
        back=st.integers(0, 30),
    )
    def ask_for_time(self, order: object, back: int) -> None:
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        if isinstance(order, domain.GrantTime | domain.RefuseTime) and before.asked:
            order = replace(order, ask=before.asked.number, by="h-b")
        at = max(walk.now - timedelta(hours=back), before.submitted_at)
        try:
            walk.order(order, at=at)
        except CommandError:
            assert walk.case == before
        case = walk.case
        assert (case.unit_id, case.status, case.running) == (before.unit_id, before.status, before.running)
        if not isinstance(order, domain.GrantTime | domain.ResumeCase):
            assert (case.plan, case.due_at) == (before.plan, before.due_at)
        if isinstance(order, domain.GrantTime):
            assert case.due_at >= before.due_at

    def _tried(self, command: object, at: datetime) -> domain.Case:
        """The case as it was before an order, and after what had fallen due; the due time never moves."""
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        try:
            walk.order(command, at=at)
        except CommandError:
            assert walk.case == before
        if before.pause and not walk.case.pause:
            assert self._by_the_pause(before)
        else:
            assert (walk.case.due_at, walk.case.plan) == (before.due_at, before.plan)
        return before

    @precondition(lambda self: self.walk is not None)
    @rule(
        order=st.sampled_from(
            (
                domain.JoinCase(OTHER, ev.JOIN_REASON_SAME_MATTER, "desk", lead=LEAD),
                domain.JoinCase(CASE, ev.JOIN_REASON_SAME_MATTER, "desk", lead=LEAD),
                domain.PartCase(ev.PART_REASON_DIFFERENT_MATTER, "desk"),
                *(domain.FollowLead(replace(LEAD, status=status, outcome="done")) for status in domain.ENDED),
            )
        ),
        back=st.integers(0, 30),
    )
    def join_and_part(self, order: object, back: int) -> None:
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        try:
            walk.order(order, at=max(walk.now - timedelta(hours=back), before.submitted_at))
        except CommandError:
            assert walk.case == before
        if isinstance(order, domain.FollowLead) and before.status == domain.JOINED:
            settled = order.lead.status == domain.RESOLVED
            assert (walk.case.status == domain.RESOLVED) == settled
        if before.joined and not walk.case.joined:
            assert (walk.case.due_at, walk.case.unit_id) >= (before.due_at, before.unit_id)

    def _by_the_pause(self, before: domain.Case) -> bool:
        """Whether a due time moved as far as a pause that ended with a move had moved it, and no farther."""
        walk, pause = self._walk(), before.pause
        assert pause
        planned = pause.clock.due_at - pause.at
        return before.due_at - planned <= walk.case.due_at <= before.due_at

    @precondition(lambda self: self.walk is not None)
    @rule(wish=st.sampled_from(WISHES))
    def hear(self, wish: Message) -> None:
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        walk.hear(wish)
        if isinstance(wish, EscalationRequested) and before.status in domain.OPEN:
            assert walk.case.tier > before.tier or walk.case.supervised_at is not None
        if isinstance(wish, EscalationRequested) and before.status == domain.JOINED:
            assert walk.case.joined is None
            assert walk.case.tier > before.tier or walk.case.order
        if isinstance(wish, WithdrawalRequested) and before.status in {*domain.OPEN, domain.JOINED}:
            assert walk.case.status == domain.WITHDRAWN

    @precondition(lambda self: self.walk is not None)
    @rule(reason=st.sampled_from(END_REASONS), older=st.booleans())
    def mediated(self, reason: EndReason.ValueType, *, older: bool) -> None:
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        walk.mediated(reason, referral=max(before.referrals - older, 0))
        awaited = before.status == domain.REFERRED and before.track == ev.TRACK_MEDIATION and not older
        assert (walk.case.status == domain.REFERRED) == (before.status == domain.REFERRED and not awaited)
        if not awaited:
            assert walk.case == before

    @precondition(lambda self: self.walk is not None)
    @rule(conclusion=st.sampled_from(["supported", "replied", "not_accepted", "withdrawn"]))
    def answered(self, conclusion: str) -> None:
        walk = self._walk()
        walk.wait(timedelta())
        before = walk.case
        walk.answered(conclusion)
        if before.status == domain.REFERRED and before.track == ev.TRACK_PETITION:
            assert walk.case.status in domain.ENDED
        else:
            assert walk.case == before

    @precondition(lambda self: self.walk is not None)
    @rule(minutes=st.integers(1, 20_000))
    def wait(self, minutes: int) -> None:
        walk = self._walk()
        ended = walk.case.status in domain.ENDED
        steps = walk.case.steps
        walk.wait(timedelta(minutes=minutes))
        if ended:
            assert walk.case.steps == steps

    def _walk(self) -> Walk:
        assert self.walk is not None
        return self.walk

    @invariant()
    def there_is_always_one_staffed_owner(self) -> None:
        if self.walk:
            case = self.walk.case
            assert self.walk.rules.places.post(case.unit_id).holder_ref == case.holder_ref
            assert case.holder_ref

    @invariant()
    def an_open_case_has_a_clock_or_a_supervision_order(self) -> None:
        if self.walk and self.walk.case.status in domain.OPEN:
            assert self.walk.record.next_due_at is not None or self.walk.case.supervised_at is not None

    @invariant()
    def an_open_case_is_never_left_in_silence(self) -> None:
        if self.walk and self.walk.case.status in domain.OPEN:
            case = self.walk.case
            assert case.running or case.order
            assert not case.order or case.order.clock

    @invariant()
    def a_case_is_on_one_way_only(self) -> None:
        if self.walk:
            case = self.walk.case
            assert (case.status == domain.REFERRED) <= (case.track != 0)
            assert (case.status in domain.OPEN) <= (case.track == 0)
            if case.status == domain.REFERRED:
                assert self.walk.record.next_due_at is None

    @invariant()
    def a_pause_lasts_only_while_the_case_is_open_and_has_a_clock_of_its_own(self) -> None:
        if self.walk and self.walk.case.pause:
            case = self.walk.case
            assert case.status in domain.OPEN
            assert case.pause
            assert case.pause.clock.deadline in domain.deadlines(case)
            assert not any(each.name.startswith("tier") for each in domain.deadlines(case))

    @invariant()
    def what_was_added_to_a_due_time_is_what_the_explanation_adds_up_to(self) -> None:
        if self.walk:
            for clock in self.walk.case.plan:
                added = [step[2] for step in clock.explanation if step[0] in {"paused", "extended"}]
                assert all(seconds >= 0 for seconds in added)

    @invariant()
    def a_joined_case_has_no_clock_and_says_what_leads_it(self) -> None:
        if self.walk:
            case = self.walk.case
            assert (case.status == domain.JOINED) == (case.joined is not None)
            if case.joined:
                assert domain.deadlines(case) == ()
                assert not case.overdue(self.walk.now)

    @invariant()
    def an_ended_case_has_no_clock(self) -> None:
        if self.walk and self.walk.case.status in domain.ENDED:
            assert self.walk.record.next_due_at is None

    @invariant()
    def no_step_goes_down_and_steps_are_in_order(self) -> None:
        if self.walk:
            steps = self.walk.case.steps
            assert all(step.to_tier >= step.from_tier or step.reason in MAY_GO_DOWN for step in steps)
            assert [step.at for step in steps] == sorted(step.at for step in steps)

    @invariant()
    def who_assists_is_awaited_while_the_case_is_open_and_never_its_owner(self) -> None:
        if self.walk:
            case = self.walk.case
            for each in case.assists:
                assert each.active == (each.clock is not None)
                assert not each.active or (case.status in domain.OPEN and each.unit_id != case.unit_id)

    @invariant()
    def nobody_has_a_case_that_they_are_recused_from(self) -> None:
        if self.walk:
            assert self.walk.case.holder_ref not in self.walk.case.recused

    @invariant()
    def a_ruling_is_awaited_by_the_owner_until_its_clock_runs_out(self) -> None:
        if self.walk and self.walk.case.returned:
            case = self.walk.case
            assert case.status in domain.OPEN
            assert case.returned
            assert case.returned.superior_unit_id != case.unit_id

    @invariant()
    def no_two_units_return_a_case_to_each_other_a_third_time(self) -> None:
        if self.walk:
            pairs = Counter(frozenset((r.unit_id, r.other_id)) for r in self.walk.case.rulings)
            assert all(count <= 2 for count in pairs.values())

    @invariant()
    def each_stage_of_a_clock_is_told_once_and_while_somebody_works(self) -> None:
        if self.walk and self.walk.rules.clocks:
            told = list[tuple[str, int, int]]()
            for entry in self.walk.record.outbox:
                if entry.type == DeadlineNeared.DESCRIPTOR.full_name:
                    event = DeadlineNeared.FromString(entry.data)
                    told.append((event.clock, event.epoch, event.stage))
                    slack = timedelta(minutes=1)
                    assert any(AT_WORK.covers(entry.recorded_at - by) for by in (timedelta(), slack))
                    assert entry.occurred_at < instant(event.due_at)
            assert len(told) == len(set(told))

    @invariant()
    def a_first_contact_is_awaited_from_the_owner_alone(self) -> None:
        if self.walk and self.walk.case.contact:
            case = self.walk.case
            assert case.status in domain.OPEN
            assert case.contact
            assert case.contact.epoch == case.contacts
            assert case.contact.started_at >= case.assigned_at

    @invariant()
    def the_state_is_what_the_events_say(self) -> None:
        if self.walk:
            record = self.walk.record
            events = [
                Arrived(
                    Received(e.topic, 0, n, CASE.encode(), e.data, {}),
                    Envelope(
                        event_id("routing", CASE, e.topic, e.sequence),
                        e.type,
                        "/fengqiao/routing",
                        CASE,
                        "jili",
                        e.occurred_at,
                        e.recorded_at,
                        e.sequence,
                        e.head,
                        e.cause,
                        e.data,
                    ),
                )
                for n, e in enumerate(record.outbox)
            ]
            rebuilt = fold(model(Ladder({"jili": self.walk.rules})), events)[CASE]
            assert differences(rebuilt, record) == []
            own = [a.envelope for a in events if a.record.topic == domain.EVENTS]
            assert audit.first_break(own, record.heads[domain.EVENTS]) is None

    @invariant()
    def the_document_keeps_the_whole_state(self) -> None:
        if self.walk:
            assert load(dump(self.walk.case)) == self.walk.case

    @invariant()
    def who_looks_on_is_told_what_the_case_says(self) -> None:
        if self.walk:
            case, now = self.walk.case, self.walk.now
            facts = facts_of(case)
            assert facts_of(converter.structure(dump(case), Glimpse)) == facts
            why = attention(facts, lines(self.walk.rules, now, now))
            assert (OVERDUE in why) == (case.status in domain.OPEN and case.overdue(now))
            assert not why or case.status in domain.UNSETTLED


TestLadders = Ladders.TestCase
TestLadders.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)


def test_the_table_is_total_over_the_consumed_events() -> None:
    cells = domain.table(Ladder({}))
    statuses = {status for status, _ in cells}
    assert statuses == {
        domain.ASSIGNED,
        domain.IN_PROGRESS,
        domain.RESOLVED,
        domain.WITHDRAWN,
        domain.REFERRED,
        domain.JOINED,
    }
    heard = [*map(type, WISHES), MediationEnded, PetitionConcluded, OutcomeRated, ReferralRequested]
    assert {(status, message) for status in statuses for message in heard} <= cells.keys()
