"""Which message is lawful in which status, and where it leads; total over the consumed events."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import AccusationSubmitted, EscalationRequested, WithdrawalRequested
from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis.errors import IllegalTransition
from services.chassis.model import Consumed, Context, Decision, Table, Transition, transition
from services.chassis.record import Deadline
from services.petition.domain import commands as c
from services.petition.domain.arrivals import noted
from services.petition.domain.decisions import Office
from services.petition.domain.petition import (
    ACCEPTED,
    ACCUSATIONS,
    ENDED,
    FINAL,
    NOT_ACCEPTED,
    NOTIFIED,
    OPEN,
    OPINION_DELIVERED,
    OPINION_ISSUED,
    RECEIVED,
    REFERRALS,
    REGISTERED,
    REPLIED,
    ROUTED,
    WITHDRAWN,
    Petition,
)

DUTIES = (RECEIVED, REGISTERED, ROUTED, ACCEPTED)
"""In these a duty's clock can run."""


def table(office: Office) -> Table:
    """What is lawful when, and where it leads; petitions and accusations have the same."""
    arrivals = office.arrivals
    cells: dict[tuple[str, type[Any]], Transition[Petition, Any]] = {
        (RECEIVED, c.RegisterPetition): Transition(office.register, (REGISTERED,)),
        (REGISTERED, c.RoutePetition): Transition(office.route, (ROUTED,)),
        (ROUTED, c.NotifyReceipt): Transition(office.notify, (NOTIFIED,)),
        (NOTIFIED, c.AcceptPetition): Transition(office.accept, (ACCEPTED, NOT_ACCEPTED)),
        (ACCEPTED, c.ExtendDeadline): Transition(office.extend, (ACCEPTED,)),
        (ACCEPTED, c.IssueOpinion): Transition(office.issue, (OPINION_ISSUED,)),
        (ACCEPTED, c.ReplyToPetition): Transition(office.reply, (REPLIED,)),
        (OPINION_ISSUED, c.DeliverOpinion): Transition(office.deliver, (OPINION_DELIVERED,)),
        (OPINION_DELIVERED, c.ClockRanOut): Transition(office.becomes_final, (FINAL,)),
    }
    for status in DUTIES:
        cells[status, c.ClockRanOut] = Transition(office.ran_out, (status,))
    for status in OPEN:
        cells |= {
            (status, ReferralRecalled): Transition(arrivals.recall, (WITHDRAWN, status)),
            (status, WithdrawalRequested): Transition(arrivals.withdraw, (WITHDRAWN,)),
            (status, EscalationRequested): Transition(arrivals.supervise, (status,)),
            # Routing refers a case again only when it was told how this ended.
            (status, CaseReferred): Transition(noted, (status,)),
        }
    for status in ENDED:
        cells |= {
            (status, ReferralRecalled): Transition(noted, (status,)),
            (status, WithdrawalRequested): Transition(noted, (status,)),
            (status, EscalationRequested): Transition(noted, (status,)),
            (status, CaseReferred): Transition(arrivals.refer, (RECEIVED,)),
        }
    for status in (*OPEN, *ENDED):
        cells[status, AccusationSubmitted] = Transition(noted, (status,))
    return cells


def deciding(office: Office, cells: Table, command: Any) -> Callable[[Petition, Context], Decision]:
    """How a command is decided on; one that comes at the wrong time is told the rule as well."""

    def decide(petition: Petition, context: Context) -> Decision:
        try:
            return transition(cells, petition.status, petition, command, context)
        except IllegalTransition as error:
            rule = office.rules_of(petition).name(command.rule)
            raise IllegalTransition(
                str(error), reason=error.reason, **{"rule": rule} | error.details
            ) from None

    return decide


def consumed(office: Office, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event about ordinary petitions is decided on, by topic and type."""
    return {
        (REFERRALS, CaseReferred.DESCRIPTOR.full_name): _opening(office.arrivals.refer, cells),
        (REFERRALS, ReferralRecalled.DESCRIPTOR.full_name): _obeying(cells),
    }


def consumed_of_accusations(office: Office, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event about accusations is decided on, by topic and type."""
    wishes = (WithdrawalRequested, EscalationRequested)
    return {
        (ACCUSATIONS, AccusationSubmitted.DESCRIPTOR.full_name): _opening(office.arrivals.accuse, cells),
        **{(ACCUSATIONS, wish.DESCRIPTOR.full_name): _obeying(cells) for wish in wishes},
    }


def firing(cells: Table) -> Callable[[Petition, Deadline, Context], Decision]:
    """What happens when a deadline passes."""

    def fire(petition: Petition, deadline: Deadline, context: Context) -> Decision:
        command = c.ClockRanOut(deadline.name, deadline.epoch)
        return transition(cells, petition.status, petition, command, context)

    return fire


def _obeying(cells: Table) -> Consumed:
    def obey(petition: Petition, event: Message, context: Context) -> Decision:
        return transition(cells, petition.status, petition, event, context)

    return Consumed(obey)


def _opening(begin: Callable[[Any, Any, Context], Decision], cells: Table) -> Consumed:
    def decide(petition: Petition | None, event: Message, context: Context) -> Decision:
        if petition is None:
            return begin(None, event, context)
        return transition(cells, petition.status, petition, event, context)

    return Consumed(decide, opens=True)
