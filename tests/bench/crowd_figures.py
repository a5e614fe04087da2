"""What is measured of queues, boards and sweeps over very many cases, and how it is told."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BATCH = 500
"""As many as a sweep takes at once."""
BEGIN, END = "<!-- board: written by make bench-board -->", "<!-- end of board -->"


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took, in milliseconds."""

    name: str
    count: int
    p50: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Level:
    """Queries of a sweep with so many closed cases stored: nothing due, and a batch of those due."""

    closed: int
    idle: Took
    batch: Took


@dataclass(frozen=True, slots=True)
class Found:
    """One round over what was left lying."""

    due: int
    unassigned: int
    fired: int
    once: bool
    oldest_first: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """All that was measured."""

    machine: str
    store: str
    stored: int
    open: int
    load_before: float
    fill_per_second: float
    first_ms: dict[str, float]
    asked: Sequence[Took]
    memory_mb: float
    levels: Sequence[Level]
    found: Found


def write(crowd: Crowd, out: Path) -> None:
    """The figures as JSON, and as tables where docs/bench.md has a place for them."""
    (out / "bench-board.json").write_text(json.dumps(asdict(crowd), indent=1) + "\n", encoding="utf-8")
    path = out / "bench.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{tables(crowd)}\n{END}{after}", encoding="utf-8")


def tables(crowd: Crowd) -> str:
    """What was measured, as Markdown."""
    f = crowd.found
    firsts = ", ".join(f"{name} {took:,.0f} ms" for name, took in crowd.first_ms.items())
    of = (
        f"{crowd.stored:,} cases stored, {crowd.open:,} of them open, on {crowd.store}, no sync on commit; "
        f"{crowd.machine}; load average before {crowd.load_before:.1f}. "
        f"Filled at {crowd.fill_per_second:,.0f} cases a second."
    )
    swept = (
        f"{f.due:,} due among {crowd.open + f.due:,} open, {f.unassigned:,} of them unassigned: "
        f"{f.fired:,} fired in {f.seconds:.1f} s, "
        f"each once: {_yes(f.once)}, oldest first: {_yes(f.oldest_first)}."
    )
    lines = [
        of,
        "",
        "| | calls | p50, ms | p99, ms | most, ms |",
        "|---|---:|---:|---:|---:|",
        *(f"| {a.name} | {a.count:,} | {a.p50:.1f} | {a.p99:.1f} | {a.most:.1f} |" for a in crowd.asked),
        "",
        f"The first look of a process: {firsts}. Memory of routing's process: {crowd.memory_mb:.0f} MB.",
        "",
        f"| closed cases | nothing due: p50, ms | p99, ms | {BATCH} due: p50, ms | p99, ms |",
        "|---:|---:|---:|---:|---:|",
        *_levels(crowd.levels),
        "",
        swept,
    ]
    return "\n".join(lines)


def _levels(levels: Iterable[Level]) -> Iterable[str]:
    return (
        f"| {each.closed:,} | {each.idle.p50:.1f} | {each.idle.p99:.1f} "
        f"| {each.batch.p50:.1f} | {each.batch.p99:.1f} |"
        for each in levels
    )


def _yes(holds: bool) -> str:  # noqa: FBT001 - it is what is said
    return "yes" if holds else "**no**"
