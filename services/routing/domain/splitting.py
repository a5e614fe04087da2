"""Splitting off what is for the courts (诉访分离): a part gets a reference of its own, the rest goes on."""

from collections.abc import Mapping
from dataclasses import replace

from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit
from services.routing.domain import shared
from services.routing.domain.case import Case, Part
from services.routing.domain.commands import SplitOff
from services.routing.domain.returns import refuse_while_returned
from services.routing.rules import SPLIT_OFF, Rules


class Splitting:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def split_off(self, case: Case, command: SplitOff, context: Context) -> Decision:
        """No clock moves, and the owner goes on with the rest.

        Raises:
            IllegalTransition: as many parts as the rule allows are split off, the unit has returned the case,
                or it moved on since then.
            Invalid: this is split off already.
        """
        shared.refuse_if_moved_on(case, context)
        refuse_while_returned(case)
        if any((each.route, each.reason) == (command.route, command.reason) for each in case.parts):
            raise Invalid([Violation("route", "split_off_already")])
        rule = self._rules[case.site_id].moves[SPLIT_OFF]
        if len(case.parts) >= rule.limit:
            raise IllegalTransition(
                f"{rule.limit} parts are split off", reason="too_many", rule=rule.name, state=case.status
            )
        number = len(case.parts) + 1
        event = hv.PartSplitOff(
            case=shared.reference(case),
            part=number,
            reference=f"{case.request_no}-S{number}",
            route=hv.CourtRoute.ValueType(command.route),
            reason=hv.SplitReason.ValueType(command.reason),
            unit_id=case.unit_id,
            decided_by=command.by,
        )
        return Decision((Emit(event),), {f"part_{number}": command.note})


def folded(case: Case, event: hv.PartSplitOff, context: Context) -> Case:
    """The case without the part."""
    part = Part(event.part, event.reference, event.route, event.reason, context.at)
    return replace(case, parts=(*case.parts, part))
