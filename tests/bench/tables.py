"""The tables of docs/bench.md: for each workload one, with a column for each set of parts. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.bench.book import Measured
from tests.bench.figures import FloorRun, HerdRun, PeerRun, Run, Spread, SteadyRun

Figure = tuple[str, Callable[[Any], float], str]
RUN: Sequence[Figure] = (
    ("cases/s, first submission to last close", lambda run: run.rate, "{:.0f}"),
    ("cases/s, until all that follows was stored", lambda run: run.rate_settled, "{:.0f}"),
    ("submit p50, ms", lambda run: run.submit_p50_ms, "{:.0f}"),
    ("submit p99, ms", lambda run: run.submit_p99_ms, "{:.0f}"),
    ("submit to close p50, ms", lambda run: run.close_p50_ms, "{:.0f}"),
    ("late firing p50, ms", lambda run: run.lateness.p50_ms, "{:.0f}"),
    ("late firing p99, ms", lambda run: run.lateness.p99_ms, "{:.0f}"),
    ("early firings", lambda run: run.lateness.early, "{:.0f}"),
    ("CPU ms per case", lambda run: run.cpu_ms_per_case, "{:.1f}"),
)
PEER: Sequence[Figure] = (
    ("cases/s", lambda run: run.rate, "{:.0f}"),
    ("submit p50, ms", lambda run: run.submit_p50_ms, "{:.0f}"),
    ("submit p99, ms", lambda run: run.submit_p99_ms, "{:.0f}"),
    ("submit to close p50, ms", lambda run: run.close_p50_ms, "{:.0f}"),
    ("CPU ms per case", lambda run: run.cpu_ms_per_case, "{:.1f}"),
)
HERD: Sequence[Figure] = (
    ("firing commits/s", lambda run: run.drain_rate, "{:.0f}"),
    ("all fired after, s", lambda run: run.drained_s, "{:.1f}"),
    ("late firing p50, ms", lambda run: run.lateness.p50_ms, "{:.0f}"),
    ("late firing p99, ms", lambda run: run.lateness.p99_ms, "{:.0f}"),
    ("early firings", lambda run: run.lateness.early, "{:.0f}"),
    ("submit p50 meanwhile, ms", lambda run: run.submit_p50_ms, "{:.0f}"),
    ("submit p99 meanwhile, ms", lambda run: run.submit_p99_ms, "{:.0f}"),
)
TITLES = {
    "e4-t": "E4-T: throughput",
    "e4-a": "E4-A: lateness, a burst",
    "e4-a-paced": "E4-A: lateness, paced",
    "e4-h": "E4-H: a herd of deadlines",
    "e4-c": "E4-C: five kills meanwhile",
    "e4-s": "E4-S: closed cases in the stores",
    "e4-w": "E4-W: workers of routing",
    "memory": "Memory under a steady pace",
    "floor": "The floor",
    "peers": "Peers",
}


def all_of(sections: Mapping[str, Measured]) -> str:
    """Every section's tables, in the order of the titles."""
    return "\n".join(section(name, sections[name]) for name in TITLES if name in sections)


def section(name: str, measured: Measured) -> str:
    """One workload: what it was asked for and on what machine, then its tables."""
    loads = Spread.of([record.load_before for record in measured.records])
    lines = [
        f"### {TITLES[name]}",
        "",
        f"{measured.asked}. {measured.at[:10]}, {measured.machine}; {_load(loads)}.",
        "",
    ]
    if runs := measured.of(Run):
        columns = grouped(runs, column)
        lines += figures(columns, RUN)
        lines += processes(columns, "CPU ms per case", lambda used: used.cpu_ms_per_case, "{:.1f}")
        lines += processes(columns, "memory at most, MB", lambda used: used.peak_mb, "{:.0f}")
        lines += [_written(runs[0]), ""]
        lines += _kills(runs)
    if peers := measured.of(PeerRun):
        columns = grouped(peers, lambda run: f"{run.peer}<br>{run.durability}")
        lines += figures(columns, PEER)
        lines += processes(columns, "CPU ms per case", lambda used: used.cpu_ms_per_case, "{:.1f}")
        told = {run.peer: f"- {run.peer}: {run.title}. Not done: {run.not_done}." for run in peers}
        lines += [*told.values(), ""]
    if herds := measured.of(HerdRun):
        lines += figures(grouped(herds, column), HERD)
    if floors := measured.of(FloorRun):
        lines += floor(floors, measured.of(Run))
    for steady in measured.of(SteadyRun):
        lines += memory(steady)
    return "\n".join(lines)


def _load(loads: Spread) -> str:
    return f"load average before the runs {loads.least:.1f} to {loads.greatest:.1f}"


def column(run: Any) -> str:
    """The heading of a run's column."""
    durability = str(run.durability).removeprefix("w=majority, j=true").removeprefix(", ")
    more = [durability] if durability else []
    if isinstance(run, Run):
        more += [f"{run.stored:,} closed"] * bool(run.stored) + [f"{run.workers} workers"] * (run.workers > 1)
    return "<br>".join([short(run.broker), short(run.store), *more])


def short(part: str) -> str:
    """A part's name without where it comes from."""
    return part.partition(" (")[0].removesuffix(" on PATH")


def grouped(runs: Iterable[Any], heading: Callable[[Any], str]) -> dict[str, list[Any]]:
    """Runs by the heading of their column, in the order in which they first came."""
    found: dict[str, list[Any]] = {}
    for run in runs:
        found.setdefault(heading(run), []).append(run)
    return found


def figures(columns: Mapping[str, Sequence[Any]], wanted: Sequence[Figure]) -> list[str]:
    """A row for each figure: the median, and from the least to the greatest where there are several runs."""
    rows = [
        [name, *(cell([of(run) for run in runs], form) for runs in columns.values())]
        for name, of, form in wanted
    ]
    return grid(["", *columns], rows)


def processes(
    columns: Mapping[str, Sequence[Any]], what: str, of: Callable[[Any], float], form: str
) -> list[str]:
    """A row for each process, medians."""
    names = list(dict.fromkeys(name for runs in columns.values() for run in runs for name in run.used))
    rows = [
        [
            name,
            *(
                median([of(run.used[name]) for run in runs if name in run.used], form)
                for runs in columns.values()
            ),
        ]
        for name in names
    ]
    return grid([what, *columns], rows)


def floor(floors: Sequence[FloorRun], ours: Sequence[Run]) -> list[str]:
    """Where CPU goes: the floor's stages beside ours, and the rest that is neither."""
    lines: list[str] = []
    for sync in dict.fromkeys(run.sync for run in floors):
        alike = [run for run in floors if run.sync == sync]
        beside = [run for run in ours if ("no sync" not in run.durability) == sync]
        if not beside:
            continue
        rows = [
            ["cases/s", cell([r.rate for r in alike], "{:.0f}"), cell([r.rate for r in beside], "{:.0f}")],
            *(
                [
                    f"CPU ms per case, {what}",
                    _sum(alike, lower),
                    _sum(beside, upper),
                ]
                for what, lower, upper in STAGES
            ),
            [
                "CPU ms per case, all",
                cell([r.cpu_ms_per_case for r in alike], "{:.2f}"),
                cell([r.cpu_ms_per_case for r in beside], "{:.2f}"),
            ],
        ]
        title = "with sync on commit" if sync else "without sync on commit"
        lines += grid([title, "floor", "ours"], rows)
    per_case = ", ".join(f"{count:.1f} {what}" for what, count in floors[0].per_case.items())
    return [*lines, f"Recorded per case: {per_case}.", ""]


STAGES: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = (
    ("store", ("store",), ("store",)),
    ("broker", ("broker",), ("broker",)),
    (
        "clients of store and Kafka, servers of gRPC: our services",
        ("store client", "kafka client", "gRPC server"),
        ("intake", "routing", "mediation", "petition", "notify", "mailbox"),
    ),
    ("who calls", ("gRPC client",), ("driver",)),
)
"""Which processes of the floor stand beside which of ours."""


def memory(run: SteadyRun) -> list[str]:
    """A row for each process."""
    rows = [
        [
            name,
            f"{at_half(points, run.seconds):.0f}",
            f"{points[-1][1]:.0f}",
            f"{max(y for _, y in points):.0f}",
            f"{run.growth(name):+.2f}",
        ]
        for name, points in run.points.items()
    ]
    heading = [f"{column(run)}, {run.pace:g} cases/s", "MB at half-time", "at the end", "most", "MB a minute"]
    return grid(heading, rows)


def at_half(points: Sequence[tuple[float, float]], seconds: float) -> float:
    """The first value of the second half."""
    return next((y for x, y in points if x >= seconds / 2), points[-1][1])


def cell(values: Sequence[float], form: str) -> str:
    """`69 (65–71)`, or `69` of one run."""
    spread = Spread.of(values)
    if len(values) == 1:
        return form.format(spread.median)
    return f"{form.format(spread.median)} ({form.format(spread.least)}–{form.format(spread.greatest)})"


def median(values: Sequence[float], form: str) -> str:
    """The median, or nothing of nothing."""
    return form.format(Spread.of(values).median) if values else ""


def grid(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line."""
    return [
        f"| {' | '.join(heading)} |",
        f"|---|{'---:|' * (len(heading) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _sum(runs: Sequence[Run] | Sequence[FloorRun], names: Sequence[str]) -> str:
    values = [sum(run.used[n].cpu_ms_per_case for n in names if n in run.used) for run in runs]
    return cell(values, "{:.2f}")


def _written(run: Run) -> str:
    counts = ", ".join(f"{what} {count:.2f}" for what, count in run.written.items())
    return f"Stored per case (first run): {counts}."


def _kills(runs: Sequence[Run]) -> list[str]:
    if not any(run.killed for run in runs):
        return []
    rows = [[", ".join(run.killed), str(len(run.violations)), str(run.repeated_calls)] for run in runs]
    return grid(["killed", "violations", "calls repeated"], rows)
