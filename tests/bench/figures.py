"""What a run came to, and how several runs are told in one line. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values does not exceed; NaN without any."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs' figure: the median, and the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late deadlines fired, in milliseconds after their due time; `early` counts those before it."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    early: int

    @classmethod
    def of(cls, late_ms: Sequence[float]) -> "Lateness":
        """Of each firing's lateness; a negative one was early."""
        return cls(
            percentile(late_ms, 0.5),
            percentile(late_ms, 0.99),
            percentile(late_ms, 1),
            sum(ms < 0 for ms in late_ms),
        )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much y grows per x, by least squares; NaN for less than two different x."""
    if len({x for x, _ in points}) < 2:
        return math.nan
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


@dataclass(frozen=True, slots=True)
class Used:
    """What one process used: CPU per case in milliseconds, and its memory at most, in MB."""

    cpu_ms_per_case: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one workload on one set of parts.

    `rate` is cases per second from the first submission to the last close, `rate_settled` until everything
    was stored that follows (notices, timeline). `written` are documents (and commits) per case by collection.
    `stored` are the closed cases that were there before, `workers` those of routing, `killed` the services
    that were killed meanwhile, `violations` what was found broken afterwards.
    """

    workload: str
    parts: str
    broker: str
    store: str
    durability: str
    cases: int
    clock_ms: int
    load_before: float
    rate: float
    rate_settled: float
    submit_p50_ms: float
    submit_p99_ms: float
    close_p50_ms: float
    close_p99_ms: float
    lateness: Lateness
    used: Mapping[str, Used]
    written: Mapping[str, float]
    repeated_calls: int
    stored: int = 0
    workers: int = 1
    killed: tuple[str, ...] = ()
    violations: tuple[str, ...] = ()

    @property
    def cpu_ms_per_case(self) -> float:
        """CPU of all processes together."""
        return sum(used.cpu_ms_per_case for used in self.used.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """One run of E4-T on a peer; `fsync`: what it acknowledged had reached the disk. `not_done` is what it
    leaves out of what our services do.
    """

    peer: str
    title: str
    not_done: str
    durability: str
    fsync: bool
    cases: int
    clock_ms: int
    load_before: float
    rate: float
    submit_p50_ms: float
    submit_p99_ms: float
    close_p50_ms: float
    close_p99_ms: float
    used: Mapping[str, Used]

    @property
    def cpu_ms_per_case(self) -> float:
        """CPU of all processes together."""
        return sum(used.cpu_ms_per_case for used in self.used.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class HerdRun:
    """One run of E4-H: `deadlines` that fall due within a second, and submissions at `pace` meanwhile.

    `drained_s` are the seconds from the first due time until the last firing was seen on the topic, so it
    was committed before. Lateness is until a firing was seen there, early is what the event itself says;
    `late_ms` is the lateness at each hundredth of the firings, in order of size. The submissions are those
    begun between the first due time and the last firing.
    """

    parts: str
    broker: str
    store: str
    durability: str
    deadlines: int
    pace: float
    load_before: float
    drained_s: float
    lateness: Lateness
    late_ms: tuple[float, ...]
    submissions: int
    submit_p50_ms: float
    submit_p99_ms: float
    used: Mapping[str, Used]

    @property
    def drain_rate(self) -> float:
        """Firing commits of routing per second; each case has one clock, so each firing is a commit."""
        return self.deadlines / self.drained_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyRun:
    """Memory of each process under a steady pace: `points` are (seconds, MB)."""

    parts: str
    broker: str
    store: str
    durability: str
    pace: float
    seconds: float
    cases: int
    load_before: float
    points: Mapping[str, tuple[tuple[float, float], ...]]

    def growth(self, process: str) -> float:
        """MB per minute over the second half, when caches and pools have filled."""
        return 60 * slope([(x, y) for x, y in self.points[process] if x >= self.seconds / 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRun:
    """One replay of what a run wrote, published and was called; `took_s` by client, all at the same time.

    `per_case` are Kafka records, and store statements, write commands and reads of the recorded run.
    """

    parts: str
    broker: str
    store: str
    sync: bool
    cases: int
    load_before: float
    took_s: Mapping[str, float]
    per_case: Mapping[str, float]
    used: Mapping[str, Used]

    @property
    def rate(self) -> float:
        """Cases per second: the slowest of the replays decides."""
        return self.cases / max(self.took_s.values())

    @property
    def cpu_ms_per_case(self) -> float:
        """CPU of all processes together."""
        return sum(used.cpu_ms_per_case for used in self.used.values())
