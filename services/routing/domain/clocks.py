"""The plan of a case's clocks: one per tier, from where it starts to the top."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import ExplanationStep
from services.chassis.calendar import Step as CalendarStep
from services.chassis.protobuf import instant, timestamp
from services.routing.domain.case import Clock
from services.routing.rules import Rules


def make_plan(
    rules: Rules, tiers: Sequence[int], start: datetime, promised: datetime | None, *, epoch: int
) -> tuple[datetime, tuple[Clock, ...]]:
    """Due time of the matter, and one clock for each tier from the first to the top.

    With n tiers the j-th clock ends at start + j·(due - start)/n, whole seconds rounded down; the n-th is the
    due time itself. The due time is the promised one, else the default rule's.
    """
    if promised is not None:
        due_at, rolled, rule, version, provisional = promised, promised, "promised@1", "", False
        explanation = [("promised", promised.isoformat(), 0)]
    else:
        found = rules.default_due(start)
        due_at, rolled, rule = found.strict, found.rolled, rules.term_rule
        version, provisional = found.calendar_version, found.provisional
        explanation = [_plain(step) for step in found.steps]
    total = due_at - start
    clocks = []
    began = start
    for number, tier in enumerate(tiers, 1):
        last = number == len(tiers)
        share = total * number // len(tiers)
        ends = due_at if last else start + timedelta(seconds=share // timedelta(seconds=1))
        steps = (("start", start.isoformat(), 0), *explanation, ("share_of_term", ends.isoformat(), number))
        clocks.append(
            Clock(tier, epoch, began, ends, rolled if last else ends, rule, version, provisional, steps)
        )
        began = ends
    return due_at, tuple(clocks)


def _plain(step: CalendarStep) -> tuple[str, str, int]:
    return str(step.code), step.first.isoformat(), step.amount


def shifted(plan: tuple[Clock, ...], ran_out: Clock, start: datetime) -> tuple[Clock, ...]:
    """The plan after a clock ended: the next begins at `start`; after an outage later ends move along."""
    by = start - ran_out.due_at
    if not by:
        return plan
    return tuple(
        replace(
            c,
            started_at=c.started_at + by,
            due_at=c.due_at + by,
            rolled_due_at=c.rolled_due_at + by,
            explanation=(*c.explanation, ("outage", start.isoformat(), by // timedelta(seconds=1))),
        )
        if c.due_at > ran_out.due_at
        else c
        for c in plan
    )


def to_message(clock: Clock) -> ClockMessage:
    """The clock as events and clients see it."""
    return ClockMessage(
        name=clock.name,
        epoch=clock.epoch,
        started_at=timestamp(clock.started_at),
        due_at=timestamp(clock.due_at),
        rolled_due_at=timestamp(clock.rolled_due_at),
        rule=clock.rule,
        calendar_version=clock.calendar_version,
        provisional=clock.provisional,
        explanation=[
            ExplanationStep(code=code, at=at, amount=amount) for code, at, amount in clock.explanation
        ],
    )


def from_message(message: ClockMessage) -> Clock:
    """The clock that an event carries."""
    return Clock(
        tier=int(message.name.removeprefix("tier-")),
        epoch=message.epoch,
        started_at=instant(message.started_at),
        due_at=instant(message.due_at),
        rolled_due_at=instant(message.rolled_due_at),
        rule=message.rule,
        calendar_version=message.calendar_version,
        provisional=message.provisional,
        explanation=tuple((step.code, step.at, step.amount) for step in message.explanation),
    )
