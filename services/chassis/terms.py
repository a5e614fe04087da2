"""Clocks from versioned rules: what a rule says, a clock that runs by it, and how it was reckoned.

Rules are data: a service ships its own as YAML, a site may give other lengths in `rules` of its `site.yaml`,
each with a version of its own. A clock keeps the version it was started by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import yaml

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import ExplanationStep
from services.chassis.calendar import Calendar, Term, Unit, due
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

    @property
    def deadline(self) -> Deadline:
        """Falls due at the strict date."""
        return Deadline(self.name, self.epoch, self.due_at)


def start(name: str, rule: Rule, at: datetime, site: Place, *, epoch: int = 1) -> Clock:
    """A clock that starts at a time, on a site's calendar."""
    return start_term(name, rule.name, rule.length, at, site, epoch=epoch)


def start_term(name: str, rule: str, term: Term, at: datetime, place: Place, *, epoch: int = 1) -> Clock:
    """As `start`, for a length that the rule of that name allows but does not set."""
    found = due(term, at, place.zone, place.calendar)
    steps = tuple((str(step.code), step.first.isoformat(), step.amount) for step in found.steps)
    return Clock(
        name=name,
        epoch=epoch,
        started_at=at,
        due_at=found.strict,
        rolled_due_at=found.rolled,
        rule=rule,
        calendar_version=found.calendar_version,
        provisional=found.provisional,
        explanation=(("start", at.isoformat(), 0), *steps),
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
        name=message.name,
        epoch=message.epoch,
        started_at=instant(message.started_at),
        due_at=instant(message.due_at),
        rolled_due_at=instant(message.rolled_due_at),
        rule=message.rule,
        calendar_version=message.calendar_version,
        provisional=message.provisional,
        explanation=tuple((step.code, step.at, step.amount) for step in message.explanation),
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
        except (KeyError, TypeError, ValueError) as error:
            raise SiteError(f"{site.folder}/site.yaml: rules: {known.id}: {error}") from error
        rules[known.id] = replace(
            given,
            term=given.term or known.term,
            limit=given.limit or known.limit,
            approver=given.approver or known.approver,
        )
    return rules


def _rule(raw: Mapping[str, Any]) -> Rule:
    term = None
    if "length" in raw:
        term = Term(int(raw["length"]), Unit(raw["unit"]), keeps_time=bool(raw.get("keeps_time", False)))
    limit, approver = int(raw.get("limit", 0)), str(raw.get("approver", ""))
    return Rule(str(raw["id"]), int(raw["version"]), str(raw["source"]), term, limit, approver)
