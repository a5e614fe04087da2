"""Joining cases of one matter (并案) and parting them (分案): one plan, and one reply to each petitioner."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.errors import Invalid, Violation
from services.chassis.model import NOTHING, Context, Decision, Emit, Transition
from services.chassis.protobuf import timestamp
from services.routing.domain import shared
from services.routing.domain.case import ENDED, JOINED, OUTCOMES, REFERRED, RESOLVED, Case, Joined
from services.routing.domain.clocks import moved
from services.routing.domain.folding import evolve
from services.routing.domain.join_commands import FollowLead, JoinCase, Lead, PartCase
from services.routing.domain.join_folding import JOINED_STEP, joined_for
from services.routing.domain.placing import rules_for
from services.routing.domain.resuming import due_after
from services.routing.domain.supervision import Orders
from services.routing.rules import JOIN, Placement, Rules


class Joins:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules], orders: Orders) -> None:
        """`rules` is keyed by site id; `orders` stand where a parted case has no clock left."""
        self._rules = rules
        self._orders = orders

    def join(self, case: Case, command: JoinCase, context: Context) -> Decision:
        """No clock of it runs any more; what waits for a ruling, an answer or an approver is dropped.

        Raises:
            Invalid: the other case is none that could lead it, or it leads others itself.
            IllegalTransition: the case moved on since then.
        """
        shared.refuse_if_moved_on(case, context)
        rule = self._rules[case.site_id].moves[JOIN]
        field, why = _hindrance(case, command, context, rule.limit)
        if why or command.lead is None:
            raise Invalid([Violation(field, why)], rule=rule.name)
        event = ev.CaseJoined(
            case=shared.reference(case),
            lead_case_id=command.lead_case_id,
            lead_request_no=command.lead.request_no,
            joined_by=command.by,
            reason=ev.JoinReason.ValueType(command.reason),
            unit_id=case.unit_id,
        )
        return Decision((Emit(event, also=(OUTCOMES,)),), {"note": command.note})

    def part(self, case: Case, command: PartCase, context: Context) -> Decision:
        """It stands by itself again, where and as it stood.

        Raises:
            Invalid: it had not joined by then.
        """
        joined = _joined(case)
        if context.at < joined.at:
            raise Invalid([Violation("meta.occurred_at", "before_they_were_joined")])
        parted = self._parted(case, command.reason, context, by=command.by)
        return Decision(parted, {"note": command.note})

    def follow(self, case: Case, command: FollowLead, context: Context) -> Decision:
        """Settled with what leads the matter; after any other end of that it goes on by itself."""
        lead, joined = command.lead, _joined(case)
        if lead.case_id != joined.lead_case_id:
            return NOTHING
        if lead.status != RESOLVED:
            return Decision(self._parted(case, ev.PART_REASON_LEAD_ENDED, context))
        due_at = due_after(case, joined.at, joined_for(joined, context.at))
        event = ev.CaseResolved(
            case=shared.reference(case),
            unit_id=case.unit_id,
            tier=shared.tier(case.tier),
            outcome=lead.outcome,
            overdue=context.at > due_at,
            late_entry=context.late,
            clauses=[
                ev.CitedClause(unit_code=each.unit_code, version=each.version, number=each.number)
                for each in lead.clauses
            ],
            joined_due_at=timestamp(due_at),
        )
        return Decision((Emit(event, also=(OUTCOMES,)),))

    def wishing(self, then: Transition[Case, Any]) -> Transition[Case, Any]:
        """The resident's wish is theirs alone: the case is parted first, and it comes true then. What is
        declined parts nothing.
        """

        def decide(case: Case, event: Message, context: Context) -> Decision:
            parted = self._parted(case, ev.PART_REASON_RESIDENT, context)
            decision = then.decide(_folded(case, parted, context), event, context)
            if all(isinstance(emit.message, ev.WishDeclined) for emit in decision.events):
                return decision
            return Decision((*parted, *decision.events), decision.private)

        return Transition(decide, then.to)

    def _parted(self, case: Case, reason: int, context: Context, by: str = "") -> tuple[Emit, ...]:
        """It is where it was, or with whoever answers there now; never without a clock or an order."""
        rules, joined = rules_for(self._rules, case), _joined(case)
        seconds = joined_for(joined, context.at)
        now = rules.answering(case.unit_id)
        same = (now.unit.id, now.post.holder_ref or "") == (case.unit_id, case.holder_ref)
        event = ev.CaseParted(
            case=shared.reference(case),
            lead_case_id=joined.lead_case_id,
            assignment=shared.owner(case) if same else shared.assignment(now),
            parted_by=by,
            reason=ev.PartReason.ValueType(reason),
            plan=map(terms.to_message, moved(case.plan, joined.at, seconds, JOINED_STEP)),
            due_at=timestamp(due_after(case, joined.at, seconds)),
        )
        events = [Emit(event, also=(OUTCOMES,))]
        if not same:
            events.append(Emit(shared.reassigned(case, now, _why(case, now, rules))))
        if not joined.running:
            after = _folded(case, tuple(events), context)
            events.append(Emit(self._orders.ordered(after, ev.MOVE_REASON_TIMEOUT, context)))
        return tuple(events)


def _hindrance(case: Case, command: JoinCase, context: Context, limit: int) -> tuple[str, str]:
    """The field that hinders a join, and why; empty when nothing does."""
    lead = command.lead
    if command.reason not in ev.JoinReason.values()[1:]:
        return "reason", "required"
    if command.leads:
        # Its followers would be two steps from what settles them, and a circle could close.
        return "case_id", "leads_others"
    return "lead_case_id", _not_a_lead(case, command.lead_case_id, lead, context, limit)


def _not_a_lead(case: Case, lead_case_id: str, lead: Lead | None, context: Context, limit: int) -> str:
    if lead_case_id == context.aggregate_id:
        return "same_case"
    if lead is None:
        return "unknown_case"
    if lead.site_id != case.site_id:
        return "other_site"
    hindered = {JOINED: "joined_itself", REFERRED: "on_another_track", **dict.fromkeys(ENDED, "ended")}
    return hindered.get(lead.status, "leads_too_many" if lead.followers >= limit else "")


def _why(case: Case, now: Placement, rules: Rules) -> ev.MoveReason.ValueType:
    """Why another answers for a parted case than did when it was joined."""
    if rules.places.unit(case.unit_id).id != case.unit_id:
        return ev.MOVE_REASON_UNIT_CLOSED
    return ev.MOVE_REASON_LEAVE if now.unit.id == case.unit_id else ev.MOVE_REASON_VACANCY


def _joined(case: Case) -> Joined:
    if case.joined is None:
        raise ValueError("a case that is joined with none")
    return case.joined


def _folded(case: Case, events: tuple[Emit, ...], context: Context) -> Case:
    return reduce(lambda before, each: evolve(before, each.message, context), events, case)
