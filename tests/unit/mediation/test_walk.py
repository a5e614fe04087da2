"""Hypothesis walks the whole table: whatever is asked in whatever order, mediation stays voluntary."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fengqiao.mediation.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis.errors import CommandError
from services.mediation import domain
from services.mediation.domain import OUTCOMES, Committee
from services.mediation.store import dump, load
from tests.unit.mediation.dispute import DAUGHTER, HEXI, MOTHER, PENG, STRANGER, TERM, ZHOU, Walk

FORMS = tuple(ev.AgreementForm.values())[1:]
COMMANDS = (
    domain.OpenMediation((MOTHER, DAUGHTER), "01"),
    domain.GiveConsent(MOTHER, "online"),
    domain.GiveConsent(DAUGHTER, "written"),
    domain.ChooseMediator(MOTHER, PENG),
    domain.ChooseMediator(DAUGHTER, PENG),
    domain.ConfirmMediator(accept=True),
    domain.RecordSession(1, (MOTHER, DAUGHTER), "text"),
    *(domain.ProposeAgreement(form, form == FORMS[0], "facts", "", "", (TERM,)) for form in FORMS),
    domain.SignAgreement(ev.SIGNER_CAPACITY_PARTY, MOTHER, in_person=True),
    domain.SignAgreement(ev.SIGNER_CAPACITY_PARTY, DAUGHTER, in_person=True),
    domain.SignAgreement(ev.SIGNER_CAPACITY_MEDIATOR, PENG, in_person=True),
    domain.SignAgreement(ev.SIGNER_CAPACITY_COMMITTEE, HEXI, in_person=False),
    domain.ExtendTerm(10, (MOTHER, DAUGHTER)),
    domain.ChooseMediator(MOTHER, ZHOU),
    domain.GiveConsent(STRANGER, "online"),
    domain.SignAgreement(ev.SIGNER_CAPACITY_PARTY, STRANGER, in_person=True),
    domain.ConfirmMediator(accept=False, reason="recusal"),
    domain.RefuseMediation(DAUGHTER),
    domain.EndMediation(ev.END_REASON_TOO_FAR_APART),
)
LEAVING = {ev.END_REASON_PARTY_UNWILLING, ev.END_REASON_REFUSED_TO_SIGN}


class Disputes(RuleBasedStateMachine):
    """One dispute, any order of commands, wishes and days."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk().refer()
        self.referrals = 1

    @rule(command=st.sampled_from(COMMANDS), back=st.one_of(st.just(0), st.integers(0, 50)))
    def order(self, command: object, back: int) -> None:
        self._try(command, back)

    @rule(first=st.integers(0, 13))
    def the_next_lawful_order(self, first: int) -> None:
        """Or most walks would stay in the first states."""
        if any(self._try(command) for command in COMMANDS[first:14]):
            return

    @precondition(lambda self: self.walk.state.status in {domain.MEDIATING, domain.SIGNING})
    @rule()
    def schedule(self) -> None:
        self.walk.schedule()

    @precondition(lambda self: self.walk.state.status not in {domain.RECEIVED, domain.ENDED})
    @rule(party=st.sampled_from([MOTHER, DAUGHTER]))
    def a_party_leaves(self, party: str) -> None:
        self.walk.order(domain.RefuseMediation(party))
        assert self.walk.state.end_reason in LEAVING

    @rule(wish=st.sampled_from(["withdrawal", "escalation"]), older=st.booleans())
    def a_wish_is_relayed(self, wish: str, *, older: bool) -> None:
        before = self.walk.state
        self.walk.recall(wish, before.referral - older)
        if before.status == domain.ENDED or older:
            assert self.walk.state == before
        else:
            assert self.walk.state.status == domain.ENDED

    @rule()
    def again(self) -> None:
        before = self.walk.state
        if before.status == domain.ENDED:
            self.referrals += 1
        self.walk.refer(self.referrals)
        if before.status == domain.ENDED:
            assert self.walk.state.earlier_ends == (*before.earlier_ends, before.end_reason)
        else:
            assert self.walk.state == before

    @rule(days=st.integers(1, 45))
    def wait(self, days: int) -> None:
        self.walk.wait(timedelta(days=days))

    def _try(self, command: object, back: int = 0) -> bool:
        walk, before = self.walk, self.walk.state
        try:
            walk.order(command, at=walk.now - timedelta(days=back))
        except CommandError:
            return False
        assert walk.state.status in walk.cells[before.status, type(command)].to
        return walk.state != before

    @invariant()
    def an_agreement_is_in_force_only_with_every_signature_that_its_form_needs(self) -> None:
        state = self.walk.state
        agreed = state.end_reason == ev.END_REASON_AGREEMENT
        in_force = state.agreement is not None and state.agreement.in_force_at is not None
        assert agreed == in_force
        if agreed:
            assert state.missing_signatures() == frozenset()

    @invariant()
    def nobody_is_mediated_without_everybodys_consent(self) -> None:
        state = self.walk.state
        if state.status in {domain.CHOOSING, domain.CONFIRMING, domain.MEDIATING, domain.SIGNING}:
            assert set(state.consented) == set(state.party_refs)
            assert len(state.party_refs) >= 2

    @invariant()
    def a_mediator_is_asked_and_is_no_party(self) -> None:
        state = self.walk.state
        if state.status in {domain.CONFIRMING, domain.MEDIATING, domain.SIGNING}:
            assert state.mediator_ref
            assert state.mediator_ref not in state.party_refs

    @invariant()
    def what_waits_for_others_has_a_clock_and_what_is_over_has_none(self) -> None:
        state, due = self.walk.state, self.walk.record.next_due_at
        if state.status in {domain.CHOOSING, domain.CONFIRMING, domain.MEDIATING, domain.SIGNING}:
            assert due is not None
        if state.status == domain.ENDED:
            assert due is None

    @invariant()
    def routing_hears_of_each_end_once(self) -> None:
        ended = self.walk.state.status == domain.ENDED
        assert len(self.walk.sent(OUTCOMES)) == len(self.walk.state.earlier_ends) + ended

    @invariant()
    def no_run_of_a_clock_has_the_name_of_another(self) -> None:
        runs = [(clock.name, clock.epoch) for clock in self.walk.state.clocks]
        assert len(runs) == len(set(runs))

    @invariant()
    def the_state_is_what_the_events_say(self) -> None:
        assert self.walk.faults() == []

    @invariant()
    def the_document_keeps_the_whole_state(self) -> None:
        assert load(dump(self.walk.state)) == self.walk.state


TestDisputes = Disputes.TestCase
TestDisputes.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


def test_the_table_is_total_over_the_consumed_events() -> None:
    cells = domain.table(Committee({}))
    statuses = {status for status, _ in cells}
    assert statuses == {*domain.OPEN, domain.ENDED}
    heard = (CaseReferred, ReferralRecalled)
    assert {(status, message) for status in statuses for message in heard} <= cells.keys()
