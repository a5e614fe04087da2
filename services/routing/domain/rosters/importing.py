"""What taking over a department with its roster comes to: whole or not at all, and all that is wrong with it.

An import may tell of days that are over, as nothing was known of the department before; the rules are those
of orders.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from google.protobuf.message import Message

from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.routing.domain.rosters.department import Department
from services.routing.domain.rosters.folding import evolve
from services.routing.domain.rosters.planning import EstablishDepartment, PlanDuty, established, plan

CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}(\.([a-z0-9_.-]{1,63}|\*))?")
DESK = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})?")
DUTY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
WEEKDAYS = range(1, 8)
A_DAY_S = 86_400
LONGEST_REFERENCE = 128


def take_over(command: EstablishDepartment, duties: Sequence[PlanDuty], context: Context) -> Decision:
    """A department begins with all its duties, those first who are asked first.

    Raises:
        Invalid: all that is wrong, each with its field.
    """
    wrong = [*_department(command)]
    wrong += [fault for n, duty in enumerate(duties) for fault in _duty(f"duties[{n}]", duty, command.on)]
    if wrong:
        raise Invalid(wrong)
    first = established(command, context)
    events: list[Message] = [first]
    department = evolve(None, first, context)
    for n, duty in enumerate(duties):
        try:
            [emit] = plan(department, duty, context).events
        except Invalid as error:
            wrong += [replace(each, field=f"duties[{n}].{each.field}") for each in error.violations]
            continue
        events.append(emit.message)
        department = evolve(department, emit.message, context)
    if wrong:
        raise Invalid(wrong)
    return decided(*events)


def taken_over(decision: Decision, context: Context) -> Department:
    """The department that it makes."""
    department: Department | None = None
    for emit in decision.events:
        department = evolve(department, emit.message, context)
    if department is None:
        raise ValueError("no event")
    return department


def agrees(told: Department, there: Department, day: date) -> bool:
    """Whether all that an import tells holds, and all that holds on a day is told, in the same order."""
    told_duties = set(told.duties)
    return (
        replace(told, duties=()) == replace(there, duties=())
        and all(duty in told_duties for duty in there.duties if day in duty.days)
        and tuple(duty for duty in there.duties if duty in told_duties) == told.duties
    )


def _department(command: EstablishDepartment) -> Iterator[Violation]:
    if not CODE.fullmatch(command.code):
        yield Violation("code", "no_code")
    if not command.kinds:
        yield Violation("kinds", "required")
    elif not all(KIND.fullmatch(kind) for kind in command.kinds):
        yield Violation("kinds", "no_kind")
    elif len(set(command.kinds)) < len(command.kinds):
        yield Violation("kinds", "named_twice")
    if not DESK.fullmatch(command.desk):
        yield Violation("desk", "no_code")
    if not 0 < command.answer_within_s <= A_DAY_S:
        yield Violation("answer_within_s", "not_within_a_day")


def _duty(at: str, duty: PlanDuty, since: date) -> Iterator[Violation]:
    if not DUTY.fullmatch(duty.duty_id):
        yield Violation(f"{at}.duty_id", "no_code")
    if not 0 < len(duty.person_ref) <= LONGEST_REFERENCE:
        yield Violation(f"{at}.person_ref", "required" if not duty.person_ref else "too_long")
    if duty.on < since:
        yield Violation(f"{at}.since", "before_the_department")
    if len(set(duty.weekdays)) < len(duty.weekdays) or not all(day in WEEKDAYS for day in duty.weekdays):
        yield Violation(f"{at}.weekdays", "no_weekdays")
