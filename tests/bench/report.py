"""One record on a few lines, for who watches; docs/bench.md between its marks. Prose is written by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import summary, tables
from tests.bench.book import Measured, Record
from tests.bench.figures import FloorRun, HerdRun, PeerRun, Run, SteadyRun, Used

SUMMARY = ("<!-- summary: written by make bench -->", "<!-- end of summary -->")
FIGURES = ("<!-- figures: written by make bench -->", "<!-- end of figures -->")


def told(record: Record) -> str:
    """What a run came to."""
    match record:
        case Run():
            return "\n  ".join(_run(record))
        case PeerRun():
            return f"{record.peer} [{record.durability}] {record.rate:.1f} cases/s\n  {_calls(record)}"
        case HerdRun():
            late = record.lateness
            return (
                f"E4-H [{record.durability}] {record.drain_rate:.0f} firing commits/s, all in"
                f" {record.drained_s:.1f} s\n  submit p50/p99 {record.submit_p50_ms:.0f}/"
                f"{record.submit_p99_ms:.0f} ms of {record.submissions}; late p50/p99/max {late.p50_ms:.0f}/"
                f"{late.p99_ms:.0f}/{late.max_ms:.0f} ms, early {late.early}"
            )
        case SteadyRun():
            grown = ", ".join(f"{name} {record.growth(name):+.2f}" for name in record.points)
            return f"memory, MB a minute over the second half: {grown}"
        case FloorRun():
            took = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in record.took_s.items())
            cpu = _cpu(record.used)
            return f"floor {record.rate:.0f} cases/s: {took}\n  CPU {record.cpu_ms_per_case:.2f}: {cpu}"


def _run(run: Run) -> list[str]:
    late = run.lateness
    memory = ", ".join(f"{name} {used.peak_mb:.0f}" for name, used in run.used.items())
    lines = [
        f"{run.workload} [{run.durability}] {run.rate:.1f} cases/s ({run.rate_settled:.1f} settled)",
        _calls(run),
        f"late p50/p99/max {late.p50_ms:.0f}/{late.p99_ms:.0f}/{late.max_ms:.0f} ms, early {late.early}",
        f"repeated calls {run.repeated_calls}",
        f"peak MB: {memory}",
        "stored per case: " + ", ".join(f"{what} {count:.2f}" for what, count in run.written.items()),
    ]
    if run.killed:
        lines.append(f"killed: {', '.join(run.killed)}; violations: {len(run.violations)}")
        lines += run.violations[:10]
    return lines


def _calls(run: Run | PeerRun) -> str:
    return (
        f"submit p50/p99 {run.submit_p50_ms:.0f}/{run.submit_p99_ms:.0f} ms, to close p50/p99"
        f" {run.close_p50_ms:.0f}/{run.close_p99_ms:.0f} ms\n"
        f"  CPU ms per case {run.cpu_ms_per_case:.1f}: {_cpu(run.used)}"
    )


def _cpu(used: Mapping[str, Used]) -> str:
    return ", ".join(f"{name} {each.cpu_ms_per_case:.2f}" for name, each in used.items())


def write(path: Path, sections: Mapping[str, Measured]) -> None:
    """Put summary and tables between their marks of the file, made when it isn't there."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Measurements\n"
    text = _between(text, SUMMARY, summary.table(sections))
    text = _between(text, FIGURES, tables.all_of(sections))
    path.write_text(text, encoding="utf-8")


def _between(text: str, marks: Sequence[str], content: str) -> str:
    begin, end = marks
    if begin not in text:
        text += f"\n{begin}\n{end}\n"
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n{content}\n{end}{after}"
