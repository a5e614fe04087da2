"""The report: one JSON object per row in the file's order, and the figures of the summary."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

RESOLVED = "resolved"
"""The status of a case whose close came."""

TIMEOUT = "timeout"
"""The reason of a climb by clock."""


@dataclass(frozen=True, slots=True)
class Climb:
    """One step up the ladder, tiers from 1 (the lowest) to 4. By clock, `at` is when the clock ran out."""

    from_tier: int
    to_tier: int
    at: datetime
    reason: str = TIMEOUT


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What became of one row. All but the first three are blank for a row that is not accepted.

    `due_at` is when the case is due; `overdue` is None for a case without a target of its own;
    `supervised_at` is when the top tier's clock ran out; `status` is `resolved` or where the case stands.
    """

    external_id: str
    verdict: str
    reason: str = ""
    request_no: str | None = None
    start_tier: int | None = None
    due_at: datetime | None = None
    steps: tuple[Climb, ...] = ()
    overdue: bool | None = None
    supervised_at: datetime | None = None
    resolved_at: datetime | None = None
    status: str | None = None

    @property
    def end_tier(self) -> int | None:
        """The tier that has the case last."""
        return self.steps[-1].to_tier if self.steps else self.start_tier

    def as_json(self) -> dict[str, Any]:
        """The row as the report has it: times in UTC, ISO 8601 with Z."""
        return {
            "external_id": self.external_id,
            "verdict": self.verdict,
            "reason": self.reason,
            "request_no": self.request_no,
            "start_tier": self.start_tier,
            "due_at": stamp(self.due_at),
            "steps": [
                {"from": s.from_tier, "to": s.to_tier, "at": stamp(s.at), "reason": s.reason}
                for s in self.steps
            ],
            "overdue": self.overdue,
            "supervised_at": stamp(self.supervised_at),
            "resolved_at": stamp(self.resolved_at),
            "status": self.status,
        }


def stamp(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z; milliseconds only where there are any."""
    if instant is None:
        return None
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def write(path: Path, rows: Iterable[ReportRow]) -> None:
    """Write the report, one JSON object per line. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row.as_json(), ensure_ascii=False) + "\n" for row in rows)


@dataclass(slots=True)
class Summary:
    """The figures of a run. `ends` counts accepted cases by the tier that has them last and their status."""

    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    starts: Counter[int] = field(default_factory=Counter)
    ends: Counter[tuple[int, str]] = field(default_factory=Counter)
    climbs: int = 0
    supervised: int = 0
    on_time: int = 0
    overdue: int = 0
    without_target: int = 0
    mismatched: int = 0

    @property
    def compared(self) -> int:
        """The N of "0 mismatches of N": every row is compared with what the oracle expects of it."""
        return self.rows


def summarise(rows: Iterable[ReportRow], mismatched: int) -> Summary:
    """The figures of a report; `mismatched` is the number of rows that differ from the oracle."""
    summary = Summary(mismatched=mismatched)
    for row in rows:
        summary.rows += 1
        summary.verdicts[row.verdict] += 1
        if row.start_tier is None or row.end_tier is None:
            continue
        summary.starts[row.start_tier] += 1
        summary.ends[row.end_tier, row.status or ""] += 1
        summary.climbs += len(row.steps)
        summary.supervised += row.supervised_at is not None
        summary.on_time += row.overdue is False
        summary.overdue += row.overdue is True
        summary.without_target += row.overdue is None
    return summary


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The value that `percent` of the values don't exceed (nearest rank); None without values."""
    if not values:
        return None
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
