"""The plots of docs/bench.md, PNG and SVG: E4-S, lateness under the herd, CPU per case by stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from tests.bench.book import Measured
from tests.bench.figures import FloorRun, HerdRun, PeerRun, Run, Spread
from tests.bench.summary import grouped_by_parts, relative, synced
from tests.bench.tables import column, grouped, short

SIZE = (8.0, 4.0)
ORDER = ("broker", "store", "intake", "routing", "notify", "mediation", "petition", "mailbox")


def draw(folder: Path, sections: Mapping[str, Measured]) -> list[str]:
    """Draw what there are figures for; returns the names without ending."""
    mpl.use("Agg")
    # The same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": "fengqiao", "figure.constrained_layout.use": True}):
        drawn = [
            (name, figure)
            for name, make in (("bench-stored", stored), ("bench-herd", herd), ("bench-cpu", cpu))
            if (figure := make(sections)) is not None
        ]
        for name, figure in drawn:
            figure.savefig(folder / f"{name}.png", dpi=120, metadata={"Software": None})
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)
    return [name for name, _ in drawn]


def stored(sections: Mapping[str, Measured]) -> Any:
    """E4-S: rate relative to the empty store's."""
    if "e4-s" not in sections:
        return None
    figure, axes = plt.subplots(figsize=SIZE)
    levels: set[int] = set()
    for (broker, store), runs in grouped_by_parts(sections["e4-s"].of(Run)).items():
        shares = relative(runs)
        levels |= shares.keys()
        axes.plot(list(shares), list(shares.values()), marker="o", label=f"{short(broker)}, {short(store)}")
    axes.axhline(0.8, linestyle=":", color="grey", label="aimed at with 1,000,000")
    axes.set_xscale("symlog", linthresh=10_000)
    axes.set_xticks(sorted(levels), [f"{level:,}" for level in sorted(levels)])
    axes.set_ylim(bottom=0)
    axes.set(xlabel="closed cases stored", ylabel="rate / the empty store's", title="E4-S")
    axes.legend()
    return figure


def herd(sections: Mapping[str, Measured]) -> Any:
    """E4-H: how late which share of the deadlines fired."""
    if "e4-h" not in sections:
        return None
    figure, axes = plt.subplots(figsize=SIZE)
    found = sections["e4-h"].of(HerdRun)
    for colour, (name, runs) in enumerate(grouped(found, column).items()):
        for number, run in enumerate(runs):
            label = None if number else name.replace("<br>", ", ")
            late = [ms / 1000 for ms in run.late_ms]
            axes.plot(late, range(1, 101), label=label, color=f"C{colour}")
    deadlines = found[0].deadlines
    axes.set(
        xlabel="lateness, s",
        ylabel="% of the deadlines",
        title=f"E4-H: {deadlines:,} deadlines in one second",
    )
    axes.set_xlim(left=0)
    axes.legend()
    return figure


def cpu(sections: Mapping[str, Measured]) -> Any:
    """CPU per case by process: ours, the floor's, each peer's; with fsync."""
    bars = dict(_bars(sections))
    if not bars:
        return None
    figure, axes = plt.subplots(figsize=(8.0, 1.2 + 0.6 * len(bars)))
    names = list(dict.fromkeys(name for used in bars.values() for name in used))
    names.sort(key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    left = [0.0] * len(bars)
    colours = plt.get_cmap("tab20")
    for number, name in enumerate(names):
        widths = [used.get(name, 0.0) for used in bars.values()]
        axes.barh(list(bars), widths, left=left, label=name, color=colours(number % 20))
        left = [sum(pair) for pair in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="CPU ms per case", title="E4-T, fsync on commit")
    axes.legend(fontsize="x-small", ncols=2)
    return figure


def _bars(sections: Mapping[str, Measured]) -> Any:
    for section in ("peers", "floor", "e4-t"):
        if section in sections and (ours := [r for r in sections[section].of(Run) if synced(r)]):
            yield "ours", _medians(ours)
            break
    if "floor" in sections and (floors := [r for r in sections["floor"].of(FloorRun) if r.sync]):
        yield "floor", _medians(floors)
    if "peers" in sections:
        synced_peers = [run for run in sections["peers"].of(PeerRun) if run.fsync]
        for name, runs in grouped(synced_peers, lambda run: run.peer).items():
            yield name, _medians(runs)


def _medians(runs: Any) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run.used)
    return {
        name: Spread.of([run.used[name].cpu_ms_per_case for run in runs if name in run.used]).median
        for name in names
    }
