"""The demo on a terminal: what goes on while it goes on, and the summary at the end."""

from collections.abc import Sequence
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.pump import Progress
from services.cli.demo.report import Summary, percentile
from services.cli.demo.rows import Row
from services.cli.demo.run import Figures, Result

TIERS = {1: "邻里 neighbourhood", 2: "片组 section", 3: "社村 community", 4: "街道 sub-district"}
OPEN = (routing.CASE_STATUS_ASSIGNED, routing.CASE_STATUS_IN_PROGRESS)
SHOWN_MISMATCHES = 20


class Terminal:
    """Draws in place on a terminal; elsewhere it prints a line when a phase begins."""

    def __init__(self, console: Console) -> None:
        """Use as a context manager around the run."""
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )
        self._phase = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, progress: Progress, figures: Figures) -> None:
        """See `View.show`."""
        if self._live:
            self._live.update(_picture(progress, figures))
        elif figures.phase != self._phase:
            self._phase = figures.phase
            self._console.print(
                f"{progress.submitted}/{progress.total} in, {progress.closed} closed: {figures.phase}"
            )


def _picture(progress: Progress, figures: Figures) -> RenderableType:
    bars = Table.grid(padding=(0, 2))
    bars.add_row(
        "requests in",
        ProgressBar(max(progress.total, 1), progress.submitted, 40),
        _of(progress.submitted, progress.total),
    )
    bars.add_row(
        "closes in",
        ProgressBar(max(progress.to_close, 1), progress.closed, 40),
        _of(progress.closed, progress.to_close),
    )
    rows = Group(f"[bold]{figures.phase}[/bold]", bars)
    board = figures.board
    if board is None:
        return rows
    table = Table("tier", "open", "settled", box=None, pad_edge=False)
    for tier, name in TIERS.items():
        cells = [cell for cell in board.cells if cell.tier == Tier.ValueType(tier)]
        is_open = sum(cell.count for cell in cells if cell.status in OPEN)
        table.add_row(name, str(is_open), str(sum(cell.count for cell in cells) - is_open))
    notices = figures.status["notify"].figures if "notify" in figures.status else {}
    line = (
        f"climbs {board.climbs}   under supervision {board.supervised}   "
        f"events {figures.events}   notices {sum(notices.values())}   waiting in topics {_lag(figures)}"
    )
    away = f"[red]away: {', '.join(sorted(figures.away))}[/red]" if figures.away else ""
    return Group(rows, table, line, away)


def _of(done: int, total: int) -> str:
    return f"{done} of {total}"


def _lag(figures: Figures) -> int:
    return sum(sum(status.lag.values()) for status in figures.status.values())


def summary(console: Console, figures: Summary, result: Result, parts: str) -> None:
    """The tables at the end."""
    tiers = Table("tier", "started here", "settled here", "still open here", title="cases")
    for tier, name in TIERS.items():
        ends = {status: count for (at, status), count in figures.ends.items() if at == tier}
        settled = ends.pop("resolved", 0)
        tiers.add_row(name, str(figures.starts[tier]), str(settled), str(sum(ends.values())))
    console.print(tiers)
    notices = (
        ", ".join(f"{count} {name}" for name, count in sorted(result.notices.items()) if count) or "none"
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "rows", ", ".join(f"{count} {verdict}" for verdict, count in sorted(figures.verdicts.items()))
    )
    facts.add_row("climbs", f"{figures.climbs}, supervision orders {figures.supervised}")
    facts.add_row(
        "in time",
        f"{figures.on_time} on time, {figures.overdue} overdue, {figures.without_target} without a target",
    )
    facts.add_row("notices", notices)
    facts.add_row("events", str(result.events))
    facts.add_row("submit to queue", f"p50 {_ms(result.latencies, 50)}, p99 {_ms(result.latencies, 99)}")
    rate = len(result.latencies) / result.seconds if result.seconds else 0.0
    facts.add_row("time", f"{result.seconds:.1f} s, {rate:.1f} cases/s")
    facts.add_row("parts", parts)
    style = "green" if not figures.mismatched else "red"
    facts.add_row("mismatches", f"[bold {style}]{figures.mismatched} of {figures.compared}[/bold {style}]")
    console.print(facts)


def mismatches(console: Console, wrong: Sequence[tuple[Row, list[str]]]) -> None:
    """What differs from the oracle, the first few rows."""
    for row, found in wrong[:SHOWN_MISMATCHES]:
        console.print(f"[red]row {row.line} ({row.external_id})[/red]: {'; '.join(found)}")
    if len(wrong) > SHOWN_MISMATCHES:
        console.print(f"… and {len(wrong) - SHOWN_MISMATCHES} more rows")


def _ms(seconds: Sequence[float], percent: float) -> str:
    value = percentile(seconds, percent)
    return "–" if value is None else f"{value * 1000:.0f} ms"
