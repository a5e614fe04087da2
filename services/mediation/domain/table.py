"""Which message is lawful in which status, and where it leads; total over the consumed events."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis.errors import IllegalTransition
from services.chassis.model import Consumed, Context, Decision, Table, Transition, transition
from services.chassis.record import Deadline
from services.mediation import rules as r
from services.mediation.domain import commands as c
from services.mediation.domain.beginning import noted
from services.mediation.domain.decisions import Committee
from services.mediation.domain.dispute import (
    CHOOSING,
    CONFIRMING,
    CONSENTING,
    ENDED,
    MEDIATING,
    OPEN,
    RECEIVED,
    REFERRALS,
    SIGNING,
    WITH_PARTIES,
    Dispute,
)


def table(committee: Committee) -> Table:
    """What is lawful when, and where it leads."""
    cells: dict[tuple[str, type[Any]], Transition[Dispute, Any]] = {
        (RECEIVED, c.OpenMediation): Transition(committee.open, (CONSENTING,)),
        (CONSENTING, c.GiveConsent): Transition(committee.consent, (CONSENTING, CHOOSING)),
        (CHOOSING, c.ChooseMediator): Transition(committee.choose, (CHOOSING, CONFIRMING)),
        (CHOOSING, c.ClockRanOut): Transition(committee.nobody_chosen, (CONFIRMING, ENDED)),
        (CONFIRMING, c.ConfirmMediator): Transition(committee.confirm, (MEDIATING, CONFIRMING, ENDED)),
        (CONFIRMING, c.ClockRanOut): Transition(committee.silent, (CONFIRMING, ENDED)),
        (SIGNING, c.SignAgreement): Transition(committee.sign, (SIGNING, ENDED)),
    }
    for status in WITH_PARTIES:
        refuse = committee.refuse_to_sign if status == SIGNING else committee.refuse
        cells[status, c.RefuseMediation] = Transition(refuse, (ENDED,))
    for status in (MEDIATING, SIGNING):
        cells |= {
            (status, c.ScheduleSession): Transition(committee.schedule, (status,)),
            (status, c.RecordSession): Transition(committee.record, (status,)),
            (status, c.ExtendTerm): Transition(committee.extend, (status,)),
            (status, c.ProposeAgreement): Transition(committee.propose, (SIGNING, ENDED)),
            (status, c.ClockRanOut): Transition(committee.time_up, (ENDED,)),
        }
    for status in OPEN:
        cells |= {
            (status, c.EndMediation): Transition(committee.end, (ENDED,)),
            (status, ReferralRecalled): Transition(committee.recall, (ENDED, status)),
            # Routing refers a case again only when it was told how this ended.
            (status, CaseReferred): Transition(noted, (status,)),
        }
    cells |= {
        (ENDED, ReferralRecalled): Transition(noted, (ENDED,)),
        (ENDED, CaseReferred): Transition(committee.refer, (RECEIVED,)),
    }
    return cells


def deciding(committee: Committee, cells: Table, command: Any) -> Callable[[Dispute, Context], Decision]:
    """How a command is decided on; one that comes at the wrong time is told the rule as well.

    Whatever comes after a party has left is told that mediation is voluntary: that is why it is over.
    """

    def decide(dispute: Dispute, context: Context) -> Decision:
        try:
            return transition(cells, dispute.status, dispute, command, context)
        except IllegalTransition as error:
            rule = committee.rules_of(dispute).name(r.VOLUNTARY if dispute.left else command.rule)
            details = {"rule": rule, **error.details}
            raise IllegalTransition(str(error), reason=error.reason, **details) from None

    return decide


def consumed(committee: Committee, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event about referred disputes is decided on, by topic and type."""

    def refer(dispute: Dispute | None, event: Message, context: Context) -> Decision:
        if dispute is None:
            return committee.refer(None, event, context)  # type: ignore[arg-type] # keyed by its type
        return obey(dispute, event, context)

    def obey(dispute: Dispute, event: Message, context: Context) -> Decision:
        return transition(cells, dispute.status, dispute, event, context)

    return {
        (REFERRALS, CaseReferred.DESCRIPTOR.full_name): Consumed(refer, opens=True),
        (REFERRALS, ReferralRecalled.DESCRIPTOR.full_name): Consumed(obey),
    }


def firing(cells: Table) -> Callable[[Dispute, Deadline, Context], Decision]:
    """What happens when a deadline passes."""

    def fire(dispute: Dispute, deadline: Deadline, context: Context) -> Decision:
        command = c.ClockRanOut(deadline.name, deadline.epoch)
        return transition(cells, dispute.status, dispute, command, context)

    return fire
