"""The first table of docs/bench.md: each workload's figure, as a ratio where there is something to compare
with, and what was aimed at. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.book import Measured
from tests.bench.figures import FloorRun, HerdRun, PeerRun, Run, Spread, SteadyRun
from tests.bench.tables import column, grid, grouped, short

SERVICES = ("intake", "routing", "mediation", "petition", "notify")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our rate against another's in the same invocation: medians of the runs."""

    name: str
    fsync: bool
    theirs: float
    ours: float

    @property
    def times(self) -> float:
        """How many times as fast we are."""
        return self.ours / self.theirs

    def __str__(self) -> str:
        """`restate  69 cases/s  ours 3.4 x`."""
        sync = "" if self.fsync else "  (no fsync on either side)"
        return f"{self.name:<14}{self.theirs:5.0f} cases/s  ours {self.times:.1f} x{sync}"


def ratios(measured: Measured) -> list[Ratio]:
    """Ours against each peer, with fsync and without."""
    found = []
    for (name, fsync), runs in _by_peer(measured.of(PeerRun)).items():
        ours = [run.rate for run in measured.of(Run) if synced(run) == fsync]
        if ours:
            found.append(Ratio(name, fsync, _median([run.rate for run in runs]), _median(ours)))
    return sorted(found, key=lambda ratio: not ratio.fsync)


def synced(run: Run) -> bool:
    """Whether what the store acknowledged had reached the disk."""
    return "no sync" not in run.durability


def table(sections: Mapping[str, Measured]) -> str:
    """What there is of it."""
    rows = [row for make in ROWS for row in make(sections)]
    return "\n".join(grid(["", "measured", "aimed at", "on"], rows)).rstrip()


def _peers(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    if found := sections.get("peers"):
        ours = found.of(Run)[0]
        for ratio in ratios(found):
            how = "fsync on commit on both sides" if ratio.fsync else "no fsync on either side"
            aimed = {("restate", True): "≥ 3 ×", ("restate", False): "≥ 5 ×"}.get(
                (ratio.name, ratio.fsync), ""
            )
            yield (
                f"E4-T against {ratio.name}, {how}",
                f"**{ratio.times:.1f} ×**: {ratio.ours:.0f} to {ratio.theirs:.0f} cases/s",
                aimed,
                f"{short(ours.broker)}, {short(ours.store)}",
            )


def _floor(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    if found := sections.get("floor"):
        for sync in (True, False):
            floors = [run for run in found.of(FloorRun) if run.sync == sync]
            ours = [run for run in found.of(Run) if synced(run) == sync]
            if floors and ours:
                lowest, rate = _median([run.rate for run in floors]), _median([run.rate for run in ours])
                cpu = _median([run.cpu_ms_per_case for run in floors]) / _median(
                    [run.cpu_ms_per_case for run in ours]
                )
                how = "sync on commit" if sync else "no sync on commit"
                measured = f"**{rate / lowest:.0%}** of {lowest:.0f} cases/s; CPU {cpu:.0%}"
                yield f"E4-T against the floor, {how}", measured, "", _on(ours[0])


def _lateness(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    for name, title in (("e4-a", "E4-A, a burst"), ("e4-a-paced", "E4-A, paced")):
        for runs in grouped(_runs(sections, name), column).values():
            p99 = _median([run.lateness.p99_ms for run in runs])
            early = sum(run.lateness.early for run in runs)
            aimed = "≤ 250 ms, 0 early"
            yield f"{title}: late p99", f"**{p99:.0f} ms**, {early} early", aimed, _on(runs[0])


def _herd(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    found = sections["e4-h"].of(HerdRun) if "e4-h" in sections else []
    for runs in grouped(found, column).values():
        rate = _median([run.drain_rate for run in runs])
        p99 = _median([run.submit_p99_ms for run in runs])
        yield (
            f"E4-H: {runs[0].deadlines:,} deadlines in a second",
            f"**{rate:.0f} firing commits/s**, submit p99 {p99:.0f} ms",
            "≥ 2,000/s, < 500 ms",
            _on(runs[0]),
        )


def _stored(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    for runs in grouped_by_parts(_runs(sections, "e4-s")).values():
        rates = relative(runs)
        told = ", ".join(f"{level:,}: {share:.0%}" for level, share in rates.items() if level)
        if told:
            yield (
                "E4-S: rate with closed cases stored",
                f"**{told}** of the empty store's",
                "≥ 80 % at 1,000,000",
                _on(runs[0]),
            )


def _workers(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    for runs in grouped_by_parts(_runs(sections, "e4-w")).values():
        by = grouped(runs, lambda run: str(run.workers))
        rates = {count: _median([run.rate for run in each]) for count, each in by.items()}
        cpu = {count: _median([run.cpu_ms_per_case for run in each]) for count, each in by.items()}
        told = "; ".join(f"{count}: {rates[count]:.0f}/s, {cpu[count]:.1f} ms" for count in sorted(by))
        yield "E4-W: workers of routing, rate and CPU per case", told, "", _on(runs[0])


def _kills(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    for runs in grouped(_runs(sections, "e4-c"), column).values():
        broken = sum(len(run.violations) for run in runs)
        kills = sum(len(run.killed) for run in runs)
        rate = _median([run.rate for run in runs])
        yield (
            "E4-C: kills meanwhile",
            f"**{broken} violations** after {kills} kills, {rate:.0f} cases/s",
            "0",
            _on(runs[0]),
        )


def _memory(sections: Mapping[str, Measured]) -> Iterator[Sequence[str]]:
    for run in sections["memory"].of(SteadyRun) if "memory" in sections else []:
        there = [name for name in SERVICES if name in run.points]
        most = max(y for name in there for _, y in run.points[name])
        fastest = max(there, key=run.growth)
        yield (
            f"Memory of a service over {run.seconds / 60:g} minutes",
            f"**{most:.0f} MB** at most; {fastest} grows most, {run.growth(fastest):+.2f} MB a minute",
            "< 200 MB, flat",
            _on(run),
        )


ROWS = (_peers, _floor, _lateness, _herd, _stored, _workers, _kills, _memory)


def relative(runs: Sequence[Run]) -> dict[int, float]:
    """The rate at each number of stored cases against the empty store's; medians."""
    by: dict[int, list[float]] = {}
    for run in runs:
        by.setdefault(run.stored, []).append(run.rate)
    return {level: _median(rates) / _median(by[0]) for level, rates in sorted(by.items())} if 0 in by else {}


def grouped_by_parts(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """Runs by broker and store."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.broker, run.store), []).append(run)
    return found


def _runs(sections: Mapping[str, Measured], name: str) -> list[Run]:
    return sections[name].of(Run) if name in sections else []


def _by_peer(runs: Sequence[PeerRun]) -> dict[tuple[str, bool], list[PeerRun]]:
    found: dict[tuple[str, bool], list[PeerRun]] = {}
    for run in runs:
        found.setdefault((run.peer, run.fsync), []).append(run)
    return found


def _on(run: Run | HerdRun | SteadyRun) -> str:
    return f"{short(run.broker)}, {short(run.store)}"


def _median(values: Sequence[float]) -> float:
    return Spread.of(values).median
