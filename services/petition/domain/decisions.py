"""What orders and hours come to: pure functions `(petition, message, context) -> Decision`, by site."""

from collections.abc import Mapping

from google.protobuf.message import Message

from fengqiao.petition.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.petition import rules as r
from services.petition.domain import commands as c
from services.petition.domain.arrivals import Arrivals
from services.petition.domain.petition import OPINION_BRANCH, P2, P4, P6, Petition
from services.petition.domain.shared import concluded, reference
from services.petition.rules import Rules

CONCLUSIONS: Mapping[int, str] = {
    ev.OPINION_OUTCOME_SUPPORTED: "supported",
    ev.OPINION_OUTCOME_EXPLAINED: "explained",
    ev.OPINION_OUTCOME_NOT_SUPPORTED: "not_supported",
}
TEXTS = ("claim", "facts_and_reasons", "legal_basis")


class Office:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules
        self.arrivals = Arrivals(rules)

    def rules_of(self, petition: Petition) -> Rules:
        """The rules of a petition's site."""
        return self._rules[petition.site_id]

    def register(self, petition: Petition, command: c.RegisterPetition, context: Context) -> Decision:
        """Say what it is; the clock to register and route it runs on."""
        self._in_order(petition, context)
        self._check_kind(petition, command)
        rules, petitioners = self.rules_of(petition), command.petitioners or 1
        if command.content_code not in rules.content:
            raise Invalid([Violation("content_code", "unknown_code")], rule=rules.name(r.KINDS))
        most, given = rules.limit(r.REPRESENTATIVES), len(command.representative_refs)
        if given > min(most, petitioners):
            reason = f"more_than_{most}" if given > most else "more_than_petitioners"
            raise Invalid([Violation("representative_refs", reason)], rule=rules.name(r.REPRESENTATIVES))
        event = ev.PetitionRegistered(
            petition=reference(petition),
            kind=ev.PetitionKind.ValueType(command.kind),
            branch=command.branch,
            content_code=command.content_code,
            petitioners=petitioners,
            representative_refs=command.representative_refs,
        )
        return decided(event)

    def route(self, petition: Petition, command: c.RoutePetition, context: Context) -> Decision:
        """Give it to the organ that handles it; that organ's clock to notify the petitioner starts."""
        self._in_order(petition, context)
        unit_id = self._organ(petition, command)
        clock = self.rules_of(petition).start(P2, r.NOTICE, context.at, petition.epoch(P2))
        event = ev.PetitionRouted(
            petition=reference(petition, unit_id),
            manner=ev.RouteManner.ValueType(command.manner),
            from_unit_id=petition.unit_id,
            clock=terms.to_message(clock),
        )
        return decided(event)

    def notify(self, petition: Petition, command: c.NotifyReceipt, context: Context) -> Decision:
        """The petitioner was told in writing, or lawfully could not be."""
        self._in_order(petition, context)
        if bool(command.manner) == bool(command.waived):
            raise Invalid(
                [Violation("manner", "either_manner_or_waived")], rule=self.rules_of(petition).name(r.NOTICE)
            )
        event: Message = (
            ev.ReceiptNotified(petition=reference(petition), manner=command.manner)
            if command.manner
            else ev.ReceiptNoticeWaived(petition=reference(petition), reason=command.waived)
        )
        return decided(event)

    def accept(self, petition: Petition, command: c.AcceptPetition, context: Context) -> Decision:
        """Accepted, with a clock where an opinion is due; or not, and the case goes back."""
        self._in_order(petition, context)
        if command.refused:
            event = ev.PetitionNotAccepted(petition=reference(petition), reason=command.refused)
            return Decision((Emit(event), *concluded(petition, "not_accepted")))
        accepted = ev.PetitionAccepted(petition=reference(petition))
        if petition.branch == OPINION_BRANCH:
            clock = self.rules_of(petition).start(P4, r.OPINION, context.at, petition.epoch(P4))
            accepted.clock.CopyFrom(terms.to_message(clock))
        return decided(accepted)

    def extend(self, petition: Petition, command: c.ExtendDeadline, context: Context) -> Decision:
        """More time for the opinion: once, while it runs, within the limit, with the head's approval."""
        self._in_order(petition, context)
        rules, clock = self.rules_of(petition), petition.clock
        rule = rules.name(r.EXTENSION)
        if clock is None or clock.name != P4:
            raise _refused(petition, "no opinion is due, so there is no time to extend", "no_clock", rule)
        if clock.rule.startswith(f"{r.EXTENSION}@"):
            raise _refused(petition, "the time was extended before", "extended_before", rule)
        if context.at > clock.rolled_due_at:
            raise _refused(petition, "the time has run out", "run_out", rule)
        found = []
        if not 1 <= command.days <= rules.limit(r.EXTENSION):
            found.append(Violation("days", f"not_in_1_to_{rules.limit(r.EXTENSION)}"))
        if not command.approver_ref.strip():
            found.append(Violation("approver_ref", "required"))
        if found:
            raise Invalid(found, rule=rule)
        event = ev.DeadlineExtended(
            petition=reference(petition),
            days=command.days,
            reason=command.reason,
            approver_ref=command.approver_ref,
            clock=terms.to_message(rules.extend(clock, command.days)),
        )
        return decided(event)

    def issue(self, petition: Petition, command: c.IssueOpinion, context: Context) -> Decision:
        """A written opinion with its four parts, late or not."""
        self._in_order(petition, context)
        rules, clock = self.rules_of(petition), petition.clock
        if clock is None or clock.name != P4:
            message = "only a claim of the sixth branch is answered with an opinion"
            raise _refused(petition, message, "no_opinion_due", rules.name(r.OPINION))
        texts = {name: getattr(command, name) for name in TEXTS}
        found = [Violation(f"opinion.{name}", "required") for name, text in texts.items() if not text.strip()]
        if command.outcome not in CONCLUSIONS:
            found.append(Violation("opinion.outcome", "required"))
        if found:
            raise Invalid(found, rule=rules.name(r.OPINION_CONTENT))
        event = ev.OpinionIssued(
            petition=reference(petition),
            outcome=ev.OpinionOutcome.ValueType(command.outcome),
            overdue=context.at > clock.rolled_due_at,
        )
        return decided(event, opinion=texts)

    def deliver(self, petition: Petition, command: c.DeliverOpinion, context: Context) -> Decision:
        """The petitioner has it: the case goes back, and the time to ask for a review runs."""
        self._in_order(petition, context)
        clock = self.rules_of(petition).start(P6, r.REVIEW, context.at, petition.epoch(P6))
        event = ev.OpinionDelivered(
            petition=reference(petition),
            outcome=ev.OpinionOutcome.ValueType(petition.outcome),
            manner=command.manner,
            clock=terms.to_message(clock),
        )
        return Decision((Emit(event), *concluded(petition, CONCLUSIONS[petition.outcome])))

    def reply(self, petition: Petition, command: c.ReplyToPetition, context: Context) -> Decision:
        """A matter that needs no opinion is answered."""
        self._in_order(petition, context)
        if petition.clock is not None:
            rule = self.rules_of(petition).name(r.OPINION)
            raise _refused(petition, "this claim is answered with an opinion", "opinion_due", rule)
        event = ev.PetitionReplied(petition=reference(petition), outcome=command.outcome)
        return Decision((Emit(event), *concluded(petition, "replied")), {"reply": command.note})

    def ran_out(self, petition: Petition, command: c.ClockRanOut, context: Context) -> Decision:
        """A warning at the strict date, a breach at the rolled one; the duty can still be done."""
        clock, fired_at = petition.clocks[-1], timestamp(context.now)
        if command.deadline == clock.name:
            return decided(
                ev.DutyWarned(
                    petition=reference(petition), clock=clock.name, epoch=clock.epoch, fired_at=fired_at
                )
            )
        return decided(
            ev.DutyOverdue(
                petition=reference(petition),
                clock=clock.name,
                epoch=clock.epoch,
                fired_at=fired_at,
                rule=clock.rule,
            )
        )

    def becomes_final(self, petition: Petition, _command: c.ClockRanOut, context: Context) -> Decision:
        """No review was asked for in time."""
        clock = petition.clocks[-1]
        event = ev.OpinionBecameFinal(
            petition=reference(petition),
            clock=clock.name,
            epoch=clock.epoch,
            fired_at=timestamp(context.now),
        )
        return decided(event)

    def _in_order(self, petition: Petition, context: Context) -> None:
        """A moment never lies before the one that leads to it, whenever it is entered."""
        if context.at < petition.stepped_at:
            raise Invalid(
                [Violation("meta.occurred_at", "before_the_last_moment")],
                rule=self.rules_of(petition).name(r.MOMENTS),
            )

    def _check_kind(self, petition: Petition, command: c.RegisterPetition) -> None:
        rules = self.rules_of(petition)
        if petition.accusation != (command.kind == ev.PETITION_KIND_ACCUSATION):
            reason = "is_an_accusation" if petition.accusation else "submit_it_as_an_accusation"
            raise Invalid([Violation("kind", reason)], rule=rules.name(r.SECRECY))
        if command.kind not in ev.PetitionKind.values()[1:]:
            raise Invalid([Violation("kind", "required")], rule=rules.name(r.KINDS))
        claim = command.kind == ev.PETITION_KIND_CLAIM
        if not (1 <= command.branch <= OPINION_BRANCH if claim else command.branch == 0):
            reason = f"not_in_1_to_{OPINION_BRANCH}" if claim else "only_for_a_claim"
            raise Invalid([Violation("branch", reason)], rule=rules.name(r.KINDS))

    def _organ(self, petition: Petition, command: c.RoutePetition) -> str:
        """The organ that an order names.

        Raises:
            Invalid: it is none, or it must not have an accusation against itself.
        """
        rules = self.rules_of(petition)
        own = command.manner == ev.ROUTE_MANNER_OWN
        unit_id = command.unit_id or (petition.unit_id if own else "")
        if own and unit_id != petition.unit_id:
            raise Invalid([Violation("unit_id", "not_the_own_organ")], rule=rules.name(r.REGISTER))
        if petition.accusation and rules.lies_within(unit_id, petition.accused_unit_id):
            raise Invalid([Violation("unit_id", "is_accused")], rule=rules.name(r.SECRECY))
        if rules.is_committee(unit_id):
            raise Invalid([Violation("unit_id", "a_committee_assists")], rule=rules.name(r.OPINION_ORGAN))
        if not rules.is_organ(unit_id):
            raise Invalid([Violation("unit_id", "no_such_organ")], rule=rules.name(r.REGISTER))
        return unit_id


def _refused(petition: Petition, message: str, reason: str, rule: str) -> IllegalTransition:
    return IllegalTransition(message, reason=reason, state=petition.status, allowed="", rule=rule)
