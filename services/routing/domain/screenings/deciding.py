"""What a message about a screening campaign comes to: `(screening, command, context) -> Decision`."""

from collections.abc import Callable, Mapping

from fengqiao.routing.v1 import screening_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, Table, Transition, decided, transition
from services.chassis.protobuf import timestamp
from services.chassis.record import Deadline
from services.routing.domain.directory.shared import invalid
from services.routing.domain.meetings.tasks import again
from services.routing.domain.screenings import commands as c
from services.routing.domain.screenings.planning import next_round, told
from services.routing.domain.screenings.screening import (
    BEGINNING,
    CLOSED,
    NOT_REPORTED,
    OVERDUE,
    PLANNED,
    UNDER_WAY,
    Screening,
)
from services.routing.rules import Rules


class Campaigns:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def begin(self, screening: Screening, _command: c.FirstDayCame, _context: Context) -> Decision:
        """Its units are told that it is their turn."""
        units = [piece.unit_code for piece in screening.pieces]
        event = ev.ScreeningBegan(
            screening=reference(screening),
            due_on=screening.due_on.isoformat(),
            told=told(self._rules[screening.site_id], units, superiors=False),
        )
        return decided(event)

    def report(self, screening: Screening, command: c.ReportScreening, context: Context) -> Decision:
        """A unit did its part, be it late; what it reported before is replaced.

        Raises:
            Invalid: it has no part in it, it was not yet the first day, or the findings are wrong.
        """
        today = context.at.astimezone(self._rules[screening.site_id].zone).date()
        if screening.piece(command.unit_code) is None:
            raise invalid("unit_code", "no_part_in_it")
        if today < screening.since:
            raise invalid("meta.occurred_at", "before_the_first_day")
        if wrong := [*_faults(screening, command)]:
            raise Invalid(wrong)
        event = ev.ScreeningReported(
            screening=reference(screening),
            unit_id=command.unit_code,
            visited=command.visited,
            households=command.households,
            findings=[ev.ScreeningFinding(kind=kind, count=count) for kind, count in command.findings],
            late=today > screening.due_on,
            reported_by=command.reported_by,
        )
        return decided(event)

    def overdue(self, screening: Screening, _command: c.DayPassed, context: Context) -> Decision:
        """Those that have not reported are told so; from the second time on their superiors too."""
        rules, times = self._rules[screening.site_id], screening.times + 1
        event = ev.ScreeningOverdue(
            screening=reference(screening),
            due_on=screening.due_on.isoformat(),
            units=screening.unreported,
            times=times,
            again_at=timestamp(again(context, rules)),
            told=told(rules, screening.unreported, superiors=times > 1),
            unreported=len(screening.unreported),
        )
        return decided(event)

    def close(self, screening: Screening, command: c.CloseScreening, context: Context) -> Decision:
        """The round ends before its last day is over, and another one is planned where it repeats.

        Raises:
            Invalid: a unit has neither reported nor a reason, or a reason is not about one that has not.
        """
        left = screening.unreported
        wrong = [
            Violation(f"reasons.{unit}", "nothing_is_left_of_it")
            for unit in command.reasons
            if unit not in left
        ]
        reasons = {unit: command.reasons.get(unit) or command.reason for unit in left}
        wrong += [Violation(f"reasons.{unit}", "required") for unit, reason in reasons.items() if not reason]
        if wrong:
            raise Invalid(wrong)
        return self._closed(screening, context, reasons, command.closed_by, for_good=command.for_good)

    def end(self, screening: Screening, _command: c.LastDayPassed, context: Context) -> Decision:
        """Its last day is over: what is left is named, and another one is planned where it repeats."""
        return self._closed(screening, context, dict.fromkeys(screening.unreported, NOT_REPORTED))

    def _closed(
        self,
        screening: Screening,
        context: Context,
        left: Mapping[str, str],
        by: str = "",
        *,
        for_good: bool = False,
    ) -> Decision:
        rules = self._rules[screening.site_id]
        following = None if for_good else next_round(screening, context, rules)
        closed = ev.ScreeningClosed(
            screening=reference(screening),
            reported=len(screening.pieces) - len(left),
            visited=sum(piece.visited for piece in screening.pieces),
            findings=sum(count for piece in screening.pieces for _, count in piece.findings),
            left=[ev.ScreeningLeft(unit_id=unit, reason=reason) for unit, reason in left.items()],
            closed_by=by,
            for_good=following is None,
            told=told(rules, left, superiors=True),
            unreported=len(left),
        )
        return decided(closed, following) if following else decided(closed)


def table(rules: Mapping[str, Rules]) -> Table:
    """What is lawful for a campaign in each status."""
    campaigns = Campaigns(rules)
    return {
        (PLANNED, c.FirstDayCame): Transition(campaigns.begin, (UNDER_WAY,)),
        (PLANNED, c.ReportScreening): Transition(campaigns.report, (PLANNED,)),
        (PLANNED, c.CloseScreening): Transition(campaigns.close, (CLOSED, PLANNED)),
        (UNDER_WAY, c.ReportScreening): Transition(campaigns.report, (UNDER_WAY,)),
        (UNDER_WAY, c.DayPassed): Transition(campaigns.overdue, (UNDER_WAY,)),
        (UNDER_WAY, c.CloseScreening): Transition(campaigns.close, (CLOSED, PLANNED)),
        (UNDER_WAY, c.LastDayPassed): Transition(campaigns.end, (CLOSED, PLANNED)),
    }


BY_CLOCK = {BEGINNING: c.FirstDayCame, OVERDUE: c.DayPassed}


def firing(cells: Table) -> Callable[[Screening, Deadline, Context], Decision]:
    """What happens at an opening."""

    def fire(screening: Screening, deadline: Deadline, context: Context) -> Decision:
        passed = BY_CLOCK.get(deadline.name, c.LastDayPassed)()
        return transition(cells, screening.status, screening, passed, context)

    return fire


def reference(screening: Screening) -> ev.ScreeningReference:
    """The round as its events name it."""
    return ev.ScreeningReference(
        site_id=screening.site_id,
        code=screening.code,
        unit_id=screening.unit_code,
        round=screening.round,
        since=screening.since.isoformat(),
        until=screening.until.isoformat(),
    )


def _faults(screening: Screening, command: c.ReportScreening) -> list[Violation]:
    found, seen = list[Violation](), set[str]()
    for number, (kind, count) in enumerate(command.findings):
        if kind not in screening.kinds:
            found.append(Violation(f"findings[{number}].kind", "not_looked_for"))
        elif kind in seen:
            found.append(Violation(f"findings[{number}].kind", "twice"))
        if count < 1:
            found.append(Violation(f"findings[{number}].count", "not_positive"))
        seen.add(kind)
    return found
