"""Local days of a site on which something holds."""

from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Days:
    """From `since` on, no longer on `until`; without `until`: until further notice."""

    since: date
    until: date | None = None

    def __contains__(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.since <= day and (self.until is None or day < self.until)

    def contains(self, other: "Days") -> bool:
        """Whether it holds on each day of the other's."""
        ends = self.until is None or (other.until is not None and other.until <= self.until)
        return ends and other.since in self

    def ends_after(self, day: date) -> bool:
        """Whether it holds on a day or a later one."""
        return self.until is None or max(self.since, day) < self.until

    def ended(self, on: date) -> "Days":
        """The same, no longer from a day on; what would have begun later holds on no day."""
        return replace(self, until=max(self.since, on)) if self.ends_after(on) else self

    def from_day(self, day: date) -> "Days":
        """What is left of it from a day on."""
        return replace(self, since=max(self.since, day))

    def overlaps(self, other: "Days") -> bool:
        """Whether both hold on some day."""
        first, second = sorted((self, other), key=lambda days: days.since)
        return second.since in first and second.ends_after(second.since)


def days_of(since: str, until: str) -> Days:
    """Days as they are written; until further notice where `until` is empty."""
    return Days(date.fromisoformat(since), date.fromisoformat(until) if until else None)
