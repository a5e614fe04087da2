"""How a mediation is led and ended: sessions, more time, the agreement and its signatures, the other ends."""

from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import NOTHING, Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.mediation import rules as r
from services.mediation.domain import commands as c
from services.mediation.domain.beginning import Beginning
from services.mediation.domain.dispute import Dispute
from services.mediation.domain.shared import ended, reference

BY_ITSELF = (ev.END_REASON_AGREEMENT, ev.END_REASON_TIME_UP)
"""Ends that nobody declares: signatures and the clock make them."""


class Committee(Beginning):
    """All decisions, by the rules of each site."""

    def schedule(self, dispute: Dispute, command: c.ScheduleSession, context: Context) -> Decision:
        """A session is fixed; everybody is told."""
        self.in_order(dispute, context)
        event = ev.SessionScheduled(
            mediation=reference(dispute),
            session=len(dispute.sessions) + 1,
            at=timestamp(command.at),
            manner=command.manner,
        )
        return decided(event)

    def record(self, dispute: Dispute, command: c.RecordSession, context: Context) -> Decision:
        """A session took place; what was said is for those who were there."""
        self.in_order(dispute, context)
        rule = self.rules_of(dispute).name(r.SESSION)
        session = next((each for each in dispute.sessions if each.number == command.session), None)
        if session is None:
            raise Invalid([Violation("session", "not_scheduled")], rule=rule)
        if session.recorded_at is not None:
            raise Invalid([Violation("session", "recorded_before")], rule=rule)
        known = {*dispute.party_refs, dispute.mediator_ref}
        strangers = [n for n, ref in enumerate(command.attended_refs) if ref not in known]
        if strangers:
            found = [Violation(f"attended_refs[{n}]", "neither_party_nor_mediator") for n in strangers]
            raise Invalid(found, rule=rule)
        event = ev.SessionRecorded(
            mediation=reference(dispute), session=command.session, attended_refs=command.attended_refs
        )
        texts = {"record": command.record, "undisputed_facts": command.undisputed_facts}
        return Decision((Emit(event),), {session_key(dispute.number, command.session): texts})

    def extend(self, dispute: Dispute, command: c.ExtendTerm, context: Context) -> Decision:
        """More time, if all parties agree; from the end that was set before."""
        self.in_order(dispute, context)
        rules, clock = self.rules_of(dispute), dispute.clock
        if set(command.agreed_refs) != set(dispute.party_refs):
            raise Invalid([Violation("agreed_refs", "not_all_parties")], rule=rules.name(r.EXTENSION))
        if clock is None:
            raise IllegalTransition("no term runs", state=dispute.status, rule=rules.name(r.EXTENSION))
        longer = terms.to_message(rules.extend(clock, command.days))
        return decided(ev.TermExtended(mediation=reference(dispute), days=command.days, clock=longer))

    def propose(self, dispute: Dispute, command: c.ProposeAgreement, context: Context) -> Decision:
        """What they agree on, to be signed; an oral agreement is in force when it is recorded."""
        self.in_order(dispute, context)
        self._check_content(dispute, command)
        number = dispute.agreement.number + 1 if dispute.agreement else 1
        proposed = ev.AgreementProposed(
            mediation=reference(dispute),
            agreement=number,
            form=ev.AgreementForm.ValueType(command.form),
            partial=command.partial,
            performances=[
                ev.Performance(party_ref=term.party_ref, manner=term.manner, due_at=timestamp(term.due_at))
                for term in command.terms
                if term.due_at
            ],
        )
        content = {agreement_key(dispute.number, number): content_of(command)}
        if command.form == ev.AGREEMENT_FORM_ORAL:
            effect = _in_force(dispute, number, command.form, partial=command.partial)
            return Decision((Emit(proposed), *effect), content)
        return Decision((Emit(proposed),), content)

    def sign(self, dispute: Dispute, command: c.SignAgreement, context: Context) -> Decision:
        """Somebody signs; with the last signature that its form needs the agreement is in force."""
        self.in_order(dispute, context)
        agreement = dispute.agreement
        if agreement is None:
            return NOTHING
        self._check_signer(dispute, command)
        mine = (command.capacity, command.signer_ref)
        missing = dispute.missing_signatures()
        if mine not in missing:
            return NOTHING
        signed = ev.AgreementSigned(
            mediation=reference(dispute),
            agreement=agreement.number,
            capacity=ev.SignerCapacity.ValueType(command.capacity),
            signer_ref=command.signer_ref,
        )
        if missing != {mine}:
            return decided(signed)
        effect = _in_force(dispute, agreement.number, agreement.form, partial=agreement.partial)
        return Decision((Emit(signed), *effect))

    def refuse_to_sign(self, dispute: Dispute, command: c.RefuseMediation, context: Context) -> Decision:
        """A party does not sign after all: as lawful as leaving, and counted apart."""
        self.in_order(dispute, context)
        self.check_party(dispute, command.party_ref)
        end = ended(dispute, ev.END_REASON_REFUSED_TO_SIGN, by_ref=command.party_ref)
        return Decision((end,), {"note": command.note})

    def end(self, dispute: Dispute, command: c.EndMediation, context: Context) -> Decision:
        """It is over without an agreement, for one of the reasons that somebody can declare."""
        self.in_order(dispute, context)
        if command.reason in BY_ITSELF or command.reason not in ev.EndReason.values()[1:]:
            rule = self.rules_of(dispute).name(r.ENDS)
            raise Invalid([Violation("reason", "not_to_be_declared")], rule=rule)
        end = ended(dispute, ev.EndReason.ValueType(command.reason))
        return Decision((end,), {"note": command.note})

    def time_up(self, dispute: Dispute, command: c.ClockRanOut, context: Context) -> Decision:
        """The term is over."""
        end = ended(
            dispute,
            ev.END_REASON_TIME_UP,
            clock=command.clock,
            epoch=command.epoch,
            fired_at=timestamp(context.now),
        )
        return Decision((end,))

    def _check_content(self, dispute: Dispute, command: c.ProposeAgreement) -> None:
        found = [] if command.facts.strip() else [Violation("content.facts", "required")]
        if not command.terms:
            found.append(Violation("content.terms", "required"))
        for number, term in enumerate(command.terms):
            at = f"content.terms[{number}]"
            if term.due_at is None:
                found.append(Violation(f"{at}.due_at", "no_term_of_performance"))
            if term.party_ref not in dispute.party_refs:
                found.append(Violation(f"{at}.party_ref", "no_party"))
        if found:
            raise Invalid(found, rule=self.rules_of(dispute).name(r.AGREEMENT_CONTENT))

    def _check_signer(self, dispute: Dispute, command: c.SignAgreement) -> None:
        lawful = {
            ev.SIGNER_CAPACITY_PARTY: dispute.party_refs,
            ev.SIGNER_CAPACITY_MEDIATOR: (dispute.mediator_ref,),
            ev.SIGNER_CAPACITY_COMMITTEE: (dispute.unit_id,),
        }
        rule = self.rules_of(dispute).name(r.SIGNING)
        if command.signer_ref not in lawful.get(ev.SignerCapacity.ValueType(command.capacity), ()):
            raise Invalid([Violation("signer_ref", "not_theirs_to_sign")], rule=rule)
        online = dispute.agreement is not None and dispute.agreement.form == ev.AGREEMENT_FORM_ONLINE
        if online and not command.in_person:
            raise Invalid([Violation("signer_ref", "signs_online_for_themselves")], rule=rule)


def session_key(mediation: int, session: int) -> str:
    """Where a session's texts are among the private data."""
    return f"session_{mediation}_{session}"


def agreement_key(mediation: int, agreement: int) -> str:
    """Where an agreement's words are among the private data."""
    return f"agreement_{mediation}_{agreement}"


def content_of(command: c.ProposeAgreement) -> dict[str, object]:
    """An agreement's words, as they are stored."""
    return {
        "facts": command.facts,
        "disputed_points": command.disputed_points,
        "responsibilities": command.responsibilities,
        "terms": [
            {"text": term.text, "party_ref": term.party_ref, "manner": term.manner, "due_at": term.due_at}
            for term in command.terms
        ],
    }


def _in_force(dispute: Dispute, number: int, form: int, *, partial: bool) -> tuple[Emit, Emit]:
    effect = ev.AgreementTookEffect(
        mediation=reference(dispute), agreement=number, form=ev.AgreementForm.ValueType(form), partial=partial
    )
    return Emit(effect), ended(dispute, ev.END_REASON_AGREEMENT)
