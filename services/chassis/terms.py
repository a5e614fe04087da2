"""Clocks from versioned rules: what a rule says, a clock that runs by it, and how it was reckoned.

Rules are data: a service ships its own as YAML, a site may give other lengths in `rules` of its `site.yaml`,
each with a version of its own. A clock keeps the version it was started by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import yaml

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import ClockWarning, ExplanationStep
from services.chassis.calendar import Calendar, DueDate, Term, Unit, due
from services.chassis.hours import WorkingTime
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import Deadline
from services.chassis.site import Site, SiteError


class Place(Protocol):
    """Where a clock runs: a site, or what knows a site's zone and calendar."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone that its days begin in."""
        ...

    @property
    def calendar(self) -> Calendar:
        """Which of its days are worked."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. `term` is its length where it is about time, `limit` a number it sets.

    `source` cites where it comes from, for people; `approver` names who approves what it allows.
    """

    id: str
    version: int
    source: str
    term: Term | None = None
    limit: int = 0
    approver: str = ""

    @property
    def name(self) -> str:
        """Id and version, for example `service.default@1`."""
        return f"{self.id}@{self.version}"

    @property
    def length(self) -> Term:
        """The term of a rule about time.

        Raises:
            ValueError: it is not about time.
        """
        if self.term is None:
            raise ValueError(f"{self.name} has no term")
        return self.term


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock as it was started: it ends at `due_at`, by `rule`, for the reasons in `explanation`.

    `rolled_due_at` is the same moved to the next working day; `epoch` counts the restarts of one name.
    `warnings` are stages, and when each is to be told while the clock runs.
    """

    name: str
    epoch: int
    started_at: datetime
    due_at: datetime
    rolled_due_at: datetime
    rule: str
    calendar_version: str
    provisional: bool
    explanation: tuple[tuple[str, str, int], ...]
    warnings: tuple[tuple[int, datetime], ...] = ()

    @property
    def deadline(self) -> Deadline:
        """Falls due at the strict date."""
        return Deadline(self.name, self.epoch, self.due_at)


def start(name: str, rule: Rule, at: datetime, site: Place, *, epoch: int = 1) -> Clock:
    """A clock that starts at a time, on a site's calendar."""
    return start_term(name, rule.name, rule.length, at, site, epoch=epoch)


END_OF_DAY = "end_of_day"
"""Code of the step from a time of day to the end of the day, for terms that do not keep the time."""


def start_term(
    name: str,
    rule: str,
    term: Term,
    at: datetime,
    place: Place,
    *,
    epoch: int = 1,
    working: WorkingTime | None = None,
) -> Clock:
    """As `start`, for a length that the rule of that name allows but does not set.

    A term in working hours needs those of a unit, as `working`. Raises ValueError where it has none.
    """
    found = working.due(term, at) if working else due(term, at, place.zone, place.calendar)
    begins = at.replace(microsecond=0) if term.unit.worked else at
    return Clock(
        name=name,
        epoch=epoch,
        started_at=at,
        due_at=found.strict,
        rolled_due_at=found.rolled,
        rule=rule,
        calendar_version=found.calendar_version,
        provisional=found.provisional,
        explanation=(("start", begins.isoformat(), 0), *steps_of(term, found)),
    )


def steps_of(term: Term, found: DueDate) -> tuple[tuple[str, str, int], ...]:
    """The steps of a due date as a clock keeps them."""
    steps = [(str(step.code), step.first.isoformat(), step.amount) for step in found.steps]
    if term.unit in {Unit.CALENDAR_DAYS, Unit.WORKING_DAYS} and not term.keeps_time:
        # Before the days that it rolls over, which are no part of the term.
        number = 1 if term.unit is Unit.CALENDAR_DAYS else len(steps)
        last = found.steps[number - 1]
        day = last.first + timedelta(days=last.amount - 1)
        steps.insert(number, (END_OF_DAY, day.isoformat(), 0))
    return tuple(steps)


def to_message(clock: Clock) -> ClockMessage:
    """The clock as events and clients see it."""
    message = ClockMessage(
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
    if clock.warnings:
        message.warnings.extend(ClockWarning(stage=stage, at=timestamp(at)) for stage, at in clock.warnings)
    return message


def from_message(message: ClockMessage) -> Clock:
    """The clock that an event carries."""
    return Clock(
        name=message.name,
        epoch=message.epoch,
        started_at=instant(message.started_at),
        due_at=instant(message.due_at),
        rolled_due_at=instant(message.rolled_due_at),
        rule=message.rule,
        calendar_version=message.calendar_version,
        provisional=message.provisional,
        explanation=tuple((step.code, step.at, step.amount) for step in message.explanation),
        warnings=tuple([(each.stage, instant(each.at)) for each in message.warnings]),
    )


def read_rules(path: Path) -> dict[str, Rule]:
    """The rules of a YAML file, by id.

    Raises:
        ValueError: a rule lacks something.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return {each["id"]: _rule(each) for each in raw["rules"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from error


def rules_of(site: Site, shipped: Mapping[str, Rule]) -> dict[str, Rule]:
    """The shipped rules with what the site's profile sets otherwise.

    Raises:
        SiteError: a rule of ours lacks something there.
    """
    rules = dict(shipped)
    for raw in site.profile.get("rules", ()):
        known = rules.get(raw.get("id", ""))
        if known is None:
            continue  # another service's
        try:
            given = _rule({"source": known.source, **raw})
            _refuse_stale(given, known)
        except (KeyError, TypeError, ValueError) as error:
            raise SiteError(f"{site.folder}/site.yaml: rules: {known.id}: {error}") from error
        rules[known.id] = replace(
            given,
            term=given.term or known.term,
            limit=given.limit or known.limit,
            approver=given.approver or known.approver,
        )
    return rules


def _refuse_stale(given: Rule, known: Rule) -> None:
    """A site's version never falls behind the shipped one: it was written for a rule that is no more."""
    if given.version < known.version:
        msg = f"version {given.version} is stale: the rule is at version {known.version}"
        raise ValueError(msg)


def read_term(raw: Mapping[str, Any]) -> Term:
    """The term that a mapping with `length`, `unit` and perhaps `keeps_time` says.

    Raises:
        KeyError: one is missing.
        ValueError: the length is none, or there is no such unit; it names the field.
    """
    length = raw["length"]
    if type(length) is not int or length < 1:
        msg = f"length: {length!r} is not a whole number above 0"
        raise ValueError(msg)
    if raw["unit"] not in list(Unit):
        msg = f"unit: {raw['unit']!r} is none of {', '.join(Unit)}"
        raise ValueError(msg)
    return Term(length, Unit(raw["unit"]), keeps_time=bool(raw.get("keeps_time", False)))


def _rule(raw: Mapping[str, Any]) -> Rule:
    term = read_term(raw) if "length" in raw else None
    if term and term.unit.worked:
        msg = f"unit: {term.unit} count hours, which this rule has none of"
        raise ValueError(msg)
    limit, approver = int(raw.get("limit", 0)), str(raw.get("approver", ""))
    return Rule(str(raw["id"]), int(raw["version"]), str(raw["source"]), term, limit, approver)
