"""Recusal (回避): whoever has a direct interest in a case hands it over, and never has it again."""

from collections.abc import Mapping

from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.errors import IllegalTransition
from services.chassis.model import Context, Decision, decided
from services.routing.domain import shared
from services.routing.domain.case import Case
from services.routing.domain.commands import RecuseHandler
from services.routing.domain.placing import placed
from services.routing.rules import Rules


class Recusals:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def recuse(self, case: Case, command: RecuseHandler, context: Context) -> Decision:
        """It goes to a deputy of the unit, else to the next unit up whose holder is not recused; no clock
        moves, as with a vacancy.

        Raises:
            IllegalTransition: nobody else could have it, or the case moved on since then.
        """
        shared.refuse_if_moved_on(case, context)
        recused = tuple(dict.fromkeys((*case.recused, case.holder_ref)))
        placement = placed(self._rules[case.site_id], recused).answering(case.unit_id)
        if not placement.post.holder_ref:
            raise IllegalTransition(
                "nobody else could have the case: name a deputy in the directory first",
                reason="nobody_else",
                state=case.status,
                allowed="",
            )
        event = hv.HandlerRecused(
            case=shared.reference(case),
            unit_id=case.unit_id,
            recused_ref=case.holder_ref,
            recused_by=command.by,
            residents_wish=command.residents_wish,
            to_unit_id=placement.unit.id,
        )
        moved = shared.reassigned(case, placement, ev.MOVE_REASON_RECUSAL, decided_by=command.by)
        return decided(event, moved, note=command.note)
