"""Planning a round: the first one is ordered, the others follow from the one before."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import screening_events_pb2 as ev
from services.chassis.model import Context, Decision, decided
from services.chassis.protobuf import timestamp
from services.routing.domain.directory.shared import invalid
from services.routing.domain.meetings.tasks import GRACE, opening_after, refuse_absent
from services.routing.domain.screenings import commands as c
from services.routing.domain.screenings.days import beginning, repeated
from services.routing.domain.screenings.screening import Screening
from services.routing.rules import Rules

LONGEST = timedelta(days=366)
MOST = 500
"""More units than one document holds with ease: plan a campaign for each part of the area."""


def plan(command: c.PlanScreening, context: Context, rules: Rules) -> Decision:
    """A campaign begins with its first round.

    Raises:
        Invalid: its days are over or out of order, it would overtake itself, nobody or too many would have to
            report, or area or lead don't stand.
    """
    _check_days(command, context.at.astimezone(rules.zone).date())
    refuse_absent(command.absent)
    if rules.places.unit(command.unit_code).id != command.unit_code:
        raise invalid("unit_code", "not_standing")
    units = units_below(rules, command.unit_code, command.tier)
    if not units:
        raise invalid("tier", "no_unit_there")
    if len(units) > MOST:
        raise invalid("tier", "too_many_units")
    reference = ev.ScreeningReference(
        site_id=context.site,
        code=command.code,
        unit_id=command.unit_code,
        round=1,
        since=command.since.isoformat(),
        until=command.until.isoformat(),
    )
    event = ev.ScreeningPlanned(
        screening=reference,
        kinds=command.kinds,
        tier=Tier.ValueType(command.tier),
        lead=command.lead,
        repeat_every=command.repeat_every,
        repeat_unit=ev.RepeatUnit.ValueType(command.repeat_unit),
        planned_by=command.planned_by,
        units=units,
    )
    return decided(_timed(event, command.due_on, context.at, rules))


def next_round(screening: Screening, context: Context, rules: Rules) -> ev.ScreeningPlanned | None:
    """The round after this one, of the units that stand by now; None where there is none, or nobody for it.

    After an outage it is the first one whose last day is to come.
    """
    if not screening.repeat_every:
        return None
    units = units_below(rules, screening.unit_code, screening.tier)
    if not 0 < len(units) <= MOST:
        return None
    at = context.start_after(context.at, GRACE)
    number, today = screening.round, at.astimezone(rules.zone).date()
    since = screening.since
    while number == screening.round or since + (screening.until - screening.since) < today:
        since = repeated(screening.first, screening.repeat_every, screening.repeat_unit, number)
        number += 1
    reference = ev.ScreeningReference(
        site_id=screening.site_id,
        code=screening.code,
        unit_id=screening.unit_code,
        round=number,
        since=since.isoformat(),
        until=(since + (screening.until - screening.since)).isoformat(),
    )
    event = ev.ScreeningPlanned(
        screening=reference,
        kinds=screening.kinds,
        tier=Tier.ValueType(screening.tier),
        lead=screening.lead,
        repeat_every=screening.repeat_every,
        repeat_unit=ev.RepeatUnit.ValueType(screening.repeat_unit),
        units=units,
    )
    return _timed(event, since + (screening.due_on - screening.since), at, rules)


def units_below(rules: Rules, area: str, tier: int) -> list[str]:
    """The units of a tier below an area that stand now."""
    return sorted(unit.id for unit in rules.places.below(area) if unit.tier == tier and unit.id != area)


def told(rules: Rules, units: Iterable[str], *, superiors: bool) -> list[str]:
    """Whom it is told about these units: themselves, or whoever answers for one where nobody is at work; and
    who is above them.
    """
    found = dict[str, None]()
    for unit in units:
        there = rules.answering(unit).unit.id
        found[there] = None
        above = rules.above(there) if superiors else None
        if above:
            found[above.unit.id] = None
    return sorted(found)


def _check_days(command: c.PlanScreening, today: date) -> None:
    if command.since < today:
        raise invalid("since", "in_the_past")
    if command.until < command.since:
        raise invalid("until", "before_the_first_day")
    if command.until - command.since > LONGEST:
        raise invalid("until", "too_long")
    if not command.since <= command.due_on <= command.until:
        raise invalid("due_on", "not_within_its_days")
    if bool(command.repeat_every) != bool(command.repeat_unit):
        raise invalid("repeat_unit" if command.repeat_every else "repeat_every", "required")
    if not command.repeat_every:
        return
    shortest = min(
        repeated(command.since, command.repeat_every, command.repeat_unit, number + 1)
        - repeated(command.since, command.repeat_every, command.repeat_unit, number)
        for number in range(12)
    )
    if command.until - command.since >= shortest:
        raise invalid("repeat_every", "rounds_overlap")


def _timed(event: ev.ScreeningPlanned, due_on: date, at: datetime, rules: Rules) -> ev.ScreeningPlanned:
    """With the day of the reports, and the openings at which something of the round is told."""
    since, until = date.fromisoformat(event.screening.since), date.fromisoformat(event.screening.until)
    event.due_on = due_on.isoformat()
    event.begins_at.CopyFrom(timestamp(beginning(since, at, rules)))
    event.overdue_at.CopyFrom(timestamp(opening_after(due_on, rules)))
    event.ends_at.CopyFrom(timestamp(opening_after(until, rules)))
    return event
