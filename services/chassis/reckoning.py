"""How a clock's steps add up, and the same clock reckoned again on another calendar. Pure.

A step moves on by whole days (a `Day`, or `calendar_days`), by milliseconds, or else by seconds: a pause, an
extension or an outage is one step of its own code and its seconds. `start` and `promised` are moments, and
`share_of_term` is the part of a term that the clocks up to this one have of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo

from services.chassis.calendar import Day, DueDate, Term, Unit, due
from services.chassis.hours import MAKE_UP_HOURS, OFF_HOURS, WORKING_HOURS, WorkingTime, days_on
from services.chassis.terms import END_OF_DAY, Clock, Place, steps_of

SHARE, PROMISED = "share_of_term", "promised"
COUNTED_DAYS = frozenset({Day.WORKING, Day.MAKE_UP})
COUNTED_HOURS = frozenset({WORKING_HOURS, MAKE_UP_HOURS})
OF_A_TERM = {*Day, Unit.CALENDAR_DAYS, END_OF_DAY, *COUNTED_HOURS, OFF_HOURS}
_SECOND, _MS = timedelta(seconds=1), timedelta(milliseconds=1)

Step = tuple[str, str, int]


def reached(clock: Clock, zone: tzinfo, clocks: int) -> tuple[datetime, ...]:
    """The moment after each step of a clock that is one of so many in a plan; the last is the rolled date,
    or for a share that is not the whole the strict one, to which it is cut.
    """
    at = strict = began = clock.started_at
    rolls, found = False, list[datetime]()
    for code, on, amount in clock.explanation:
        if code in {"start", PROMISED}:
            at = strict = datetime.fromisoformat(on)
            began = at if code == "start" else began
        elif code == SHARE:
            strict = share(began, strict, amount, clocks)
            at = at if amount == clocks else strict
        else:
            rolls = rolls or code == Unit.CALENDAR_DAYS
            over = rolls and code in set(Day) - COUNTED_DAYS
            at, strict = _on(at, code, amount, zone), strict if over else _on(strict, code, amount, zone)
        found.append(at)
    return tuple(found)


def share(began: datetime, ends: datetime, number: int, clocks: int) -> datetime:
    """Where the first so many of a plan's clocks end: their equal parts, whole seconds rounded down."""
    if number == clocks:
        return ends
    return began + (ends - began) * number // clocks // _SECOND * _SECOND


def _on(at: datetime, code: str, amount: int, zone: tzinfo) -> datetime:
    if code == END_OF_DAY:
        local = at.astimezone(zone)
        midnight = datetime.combine(local.date(), time.min, zone)
        return days_on(midnight, 1, zone) - _MS
    if code in set(Day) or code == Unit.CALENDAR_DAYS:
        return days_on(at, amount, zone)
    return at + amount * (_MS if code == Unit.MILLISECONDS else _SECOND)


def again(
    clock: Clock,
    place: Place,
    clocks: int,
    *,
    start: datetime | None = None,
    working: WorkingTime | None = None,
) -> Clock:
    """The clock by the rule that it keeps, which its own steps tell, on a place's calendar as it is now.

    It keeps its start, or begins where the clock before it ends now (`start`). A promise stays. A term in
    working hours is counted in those of its unit now.

    Raises:
        ValueError: it counts working hours, and none are given.
    """
    (_, on, _), *steps = clock.explanation
    if clock.explanation[0][0] != "start" or any(code == PROMISED for code, _, _ in steps):
        return clock
    began = start or datetime.fromisoformat(on)
    told: list[Step] = [("start", began.isoformat(), 0)]
    strict = rolled = began
    provisional = False
    while steps:
        code, on, amount = steps[0]
        if code in OF_A_TERM:
            taken = _term(steps)
            found, explained = _counted(taken, strict, place, working)
            strict, rolled, provisional = found.strict, found.rolled, provisional or found.provisional
            told += explained
            steps = steps[len(taken) :]
            continue
        if code == SHARE:
            whole, strict = strict, share(began, strict, amount, clocks)
            rolled = rolled if strict == whole else strict
            on = strict.isoformat()
        else:
            strict, rolled = (_on(each, code, amount, place.zone) for each in (strict, rolled))
        told.append((code, on, amount))
        steps = steps[1:]
    return replace(
        clock,
        started_at=start or clock.started_at,
        due_at=strict,
        rolled_due_at=rolled,
        calendar_version=place.calendar.version,
        provisional=provisional,
        explanation=tuple(told),
    )


def _term(steps: Sequence[Step]) -> list[Step]:
    """The steps of the term that begins here."""
    taken: list[Step] = []
    for step in steps:
        if step[0] not in OF_A_TERM:
            break
        taken.append(step)
    return taken


def _counted(
    steps: Sequence[Step], at: datetime, place: Place, working: WorkingTime | None
) -> tuple[DueDate, Sequence[Step]]:
    """The term that some steps made, counted anew."""
    codes = {code for code, _, _ in steps}
    if codes & COUNTED_HOURS:
        if working is None:
            msg = "hours: none are given for a term in working hours"
            raise ValueError(msg)
        worked = sum(amount for code, _, amount in steps if code in COUNTED_HOURS)
        found = working.count(worked * _SECOND, at)
        return found, [(str(step.code), step.first.isoformat(), step.amount) for step in found.steps]
    whole = Unit.CALENDAR_DAYS if Unit.CALENDAR_DAYS in codes else Unit.WORKING_DAYS
    counted = {whole} if whole is Unit.CALENDAR_DAYS else COUNTED_DAYS
    length = sum(amount for code, _, amount in steps if code in counted)
    term = Term(length, whole, keeps_time=END_OF_DAY not in codes)
    found = due(term, at, place.zone, place.calendar)
    return found, steps_of(term, found)
