"""A calendar came that knows more: provisional clocks are reckoned again by the rules that they keep."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from services.chassis.errors import IllegalTransition
from services.chassis.hours import WorkingTime
from services.chassis.model import NOTHING, Context, Decision, decided
from services.chassis.protobuf import timestamp
from services.chassis.reckoning import SHARE, again
from services.chassis.terms import Clock, to_message
from services.routing.domain import shared
from services.routing.domain.case import Case, tier_clock
from services.routing.domain.commands import RecomputeDeadlines
from services.routing.rules import TOP_TIER, Rules

TIERS = {tier_clock(tier): tier for tier in range(1, TOP_TIER + 1)}


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A clock as it was and as it is."""

    former: Clock
    clock: Clock


class Recomputing:
    """The decision, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def recompute(self, case: Case, _command: RecomputeDeadlines, _context: Context) -> Decision:
        """Told with former and new due times; nothing where none of them differs.

        Raises:
            IllegalTransition: a clock counts working hours, and the site no longer says which.
        """
        rules = self._rules[case.site_id]
        try:
            changed = reckoned(case, rules)
        except ValueError as error:
            raise IllegalTransition(
                str(error), reason="no_hours", rule=case.plan[-1].rule, state=case.status, allowed=""
            ) from error
        if not changed:
            return NOTHING
        return decided(
            clock_ev.DeadlineRecomputed(
                case=shared.reference(case),
                assignment=shared.owner(case),
                former_due_at=timestamp(case.due_at),
                due_at=timestamp(_due_at(case, changed)),
                former_calendar_version=changed[0].former.calendar_version,
                calendar_version=rules.calendar.version,
                clocks=[to_message(each.clock) for each in changed],
                former=[timestamp(each.former.due_at) for each in changed],
            )
        )


def reckoned(case: Case, rules: Rules) -> list[Recomputed]:
    """The clocks that run or are to run and are due at another time by the calendar as it is now."""
    changed = _tiers(case, rules) if case.running else []
    beside = (case.contact, case.returned and case.returned.clock, case.order and case.order.clock)
    for clock in beside:
        if clock and clock.provisional:
            now = again(clock, rules, 1, working=_working(rules, case.tier))
            changed.append(Recomputed(clock, now))
    return [each for each in changed if _differs(each)]


def _tiers(case: Case, rules: Rules) -> list[Recomputed]:
    """From the one that runs on; each begins where the one before ends now, if it began where that ended."""
    found: list[Recomputed] = []
    for clock in case.plan:
        tier = TIERS[clock.name]
        before = found[-1] if found and found[-1].former.due_at == clock.started_at else None
        by = before.clock.due_at - before.former.due_at if before else None
        if tier < case.running or not (clock.provisional or by):
            continue
        working = _working(rules, tier)
        own = not any(code == SHARE for code, _, _ in clock.explanation)
        start = datetime.fromisoformat(clock.explanation[0][1]) + by if by and own else None
        now = again(clock, rules, len(case.plan), start=start, working=working)
        began = before.clock.due_at if before else clock.started_at
        found.append(Recomputed(clock, replace(now, started_at=began)))
    return found


def _working(rules: Rules, tier: int) -> WorkingTime | None:
    return rules.clocks.working(tier, rules.zone, rules.calendar) if rules.clocks else None


def _differs(each: Recomputed) -> bool:
    former, now = each.former, each.clock
    return (former.due_at, former.rolled_due_at, former.provisional) != (
        now.due_at,
        now.rolled_due_at,
        now.provisional,
    )


def _due_at(case: Case, changed: list[Recomputed]) -> datetime:
    """The matter's due time moves as far as its last clock's does."""
    last = next((each for each in changed if each.former.name == case.plan[-1].name), None)
    return case.due_at + (last.clock.due_at - last.former.due_at) if last else case.due_at
