"""How long and how often a settled case may be reopened, and what a wish that comes later is told."""

from collections.abc import Mapping

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.model import Context, Emit
from services.routing.domain import shared
from services.routing.domain.case import OUTCOMES, Case
from services.routing.rules import REOPENING, Rules

TOO_LATE, TOO_OFTEN = "too_late", "too_often"


class Limits:
    """The limits, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def refusal(self, case: Case, context: Context) -> str:
        """Why it is not reopened any more, as a code; empty where it is."""
        rules = self._rules[case.site_id]
        rule = rules.moves[REOPENING]
        if sum(step.reason == ev.MOVE_REASON_REOPENED for step in case.steps) >= rule.limit:
            return TOO_OFTEN
        if case.resolved_at and context.at > terms.start(REOPENING, rule, case.resolved_at, rules).due_at:
            return TOO_LATE
        return ""


def told(case: Case, wish: str, reason: str, way_on: str) -> Emit:
    """The wish is on record, with the reason why nothing comes of it and what is open instead."""
    declined = ev.WishDeclined(
        case=shared.reference(case), wish=wish, status=case.status, reason=reason, way_on=way_on
    )
    return Emit(declined, also=(OUTCOMES,))
