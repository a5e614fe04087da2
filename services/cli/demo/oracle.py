"""How each row must end, worked out from the row alone, and what a report says otherwise.

The rules are the demo's: with n tiers from the start tier to the top, the j-th tier's clock ends at
open + j·(target - open)/n, whole seconds rounded down; the n-th at the target itself, after which the case
is overdue and a supervision order stands. What is due strictly before the close (for an open case: before
`until`) fires; at the same instant the close wins. A row without target is due when the site's default term
is up, and neither on time nor overdue.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.cli.demo.report import RESOLVED, Climb, ReportRow
from services.cli.demo.rows import Row, Verdict
from services.cli.demo.site import TOP, Site


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of an accepted row."""

    start_tier: int
    due_at: datetime
    climbs: tuple[Climb, ...]
    supervised_at: datetime | None
    overdue: bool | None
    resolved_at: datetime | None


def clock_ends(opened_at: datetime, due_at: datetime, tiers: int) -> tuple[datetime, ...]:
    """When the clock of each tier runs out, from the start tier to the top."""
    second = timedelta(seconds=1)
    span = due_at - opened_at
    return (*(opened_at + (j * span // tiers) // second * second for j in range(1, tiers)), due_at)


def expect(row: Row, start_tier: int, default_due: datetime, until: datetime) -> Expected:
    """What must become of an accepted row that starts at `start_tier` (1 to 4).

    `default_due` is when the site's default term is up, for a row without target.
    """
    if row.opened_at is None:
        msg = "an accepted row has an opening"
        raise ValueError(msg)
    due_at = row.target_at or default_due
    stop = row.closed_at or until
    fired = [end for end in clock_ends(row.opened_at, due_at, TOP - start_tier + 1) if end < stop]
    climbs = tuple(Climb(tier, tier + 1, at) for tier, at in zip(range(start_tier, TOP), fired, strict=False))
    return Expected(
        start_tier=start_tier,
        due_at=due_at,
        climbs=climbs,
        supervised_at=due_at if due_at < stop else None,
        overdue=row.target_at < stop if row.target_at else None,
        resolved_at=row.closed_at,
    )


def default_until(rows: list[Row]) -> datetime | None:
    """The latest opening or close of the accepted rows; None if there are none."""
    accepted = [row for row in rows if row.verdict is Verdict.ACCEPTED]
    return max((at for row in accepted for at in (row.opened_at, row.closed_at) if at), default=None)


def mismatches(row: Row, actual: ReportRow, site: Site, until: datetime) -> list[str]:
    """In words, where the report of a row differs from what must have become of it; empty if nowhere."""
    found = [
        *_differ("external_id", row.external_id, actual.external_id),
        *_differ("verdict", row.verdict.value, actual.verdict),
    ]
    if found or row.verdict is not Verdict.ACCEPTED or row.opened_at is None:
        return found
    expected = expect(row, site.start_tier(row.kind, row.unit), site.default_due(row.opened_at), until)
    found += _differ("start_tier", expected.start_tier, actual.start_tier)
    found += _differ("due_at", expected.due_at, actual.due_at)
    found += _differ("steps", expected.climbs, actual.steps)
    found += _differ("supervised_at", expected.supervised_at, actual.supervised_at)
    found += _differ("overdue", expected.overdue, actual.overdue)
    found += _differ("resolved_at", expected.resolved_at, actual.resolved_at)
    if not actual.request_no:
        found.append("request_no is blank")
    if (actual.status == RESOLVED) != (row.closed_at is not None):
        found.append(f"status is {actual.status}, closed_dt is {'given' if row.closed_at else 'blank'}")
    return found + _against_the_city(row, actual)


def _against_the_city(row: Row, actual: ReportRow) -> list[str]:
    """What needs no arithmetic of ours: the city's own flag, and that a closed case stays where it is."""
    found = []
    if row.target_at and row.closed_at and row.ontime is not None:
        found += _differ("overdue by the city's flag", not row.ontime, actual.overdue)
    if row.closed_at and any(step.at >= row.closed_at for step in actual.steps):
        found.append("climbed after its close")
    return found


def _differ(what: str, expected: object, actual: object) -> list[str]:
    return [] if expected == actual else [f"{what} should be {expected}, is {actual}"]
