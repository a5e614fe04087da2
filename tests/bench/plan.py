"""Which runs make a workload's section, in which order: the alternatives of one round, then the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import herd, measure, seeding, steady
from tests.bench.book import Item, Section
from tests.bench.figures import FloorRun, PeerRun, Run
from tests.bench.floor import measure as floor
from tests.bench.measure import Workload
from tests.bench.peers import drive
from tests.bench.peers.catalogue import PEERS, installed
from tests.bench.peers.ground import Peer
from tests.bench.stage import Variant

D_MS = 50
D_LATE_MS = 2_000
SEED = 7
LEVELS = (0, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    cases: int
    runs: int
    variants: Sequence[Variant]
    """Those with sync on commit first; others only for E4-T."""
    pace: float
    deadlines: int
    loading_s: float
    levels: Sequence[int]
    minutes: float
    folder: Path
    """For what is kept between runs: seeded stores, the floor's records."""

    @property
    def synced(self) -> list[Variant]:
        """Without those that measure what sync costs."""
        return [variant for variant in self.variants if variant.sync]


Say = Callable[[str], None]


def throughput(asked: Asked, say: Say) -> Section:
    """E4-T."""
    return _plain("e4-t", Workload("E4-T", asked.cases, D_MS), asked, asked.variants, say)


def lateness(asked: Asked, say: Say) -> Section:
    """E4-A, in a burst."""
    workload = Workload("E4-A", asked.cases * 3 // 4, D_LATE_MS)
    return _plain("e4-a", workload, asked, asked.synced, say)


def paced(asked: Asked, say: Say) -> Section:
    """E4-A, at a pace."""
    workload = Workload("E4-A paced", asked.cases * 3 // 4, D_LATE_MS, asked.pace)
    return _plain("e4-a-paced", workload, asked, asked.synced, say)


def killing(asked: Asked, say: Say) -> Section:
    """E4-C: another seed in each round."""
    items = [
        _item(number, variant, Workload("E4-C", asked.cases, D_MS, seed=SEED + number), say)
        for number in range(asked.runs)
        for variant in asked.synced
    ]
    return Section("e4-c", f"{asked.cases} cases, {_told(asked, asked.synced)}", items)


def workers(asked: Asked, say: Say) -> Section:
    """E4-W."""
    variants = [Variant(each.parts, each.sync, count) for each in asked.synced for count in (1, 2, 3)]
    return _plain("e4-w", Workload("E4-W", asked.cases, D_MS), asked, variants, say)


def stored(asked: Asked, say: Say) -> Section:
    """E4-S: each number of closed cases in a folder of its own, filled before its first run."""

    def make(variant: Variant, level: int) -> Callable[[], Run]:
        def run() -> Run:
            workload = Workload("E4-S", asked.cases, D_MS)
            if not level:
                return measure.measure(workload, variant, say)
            folder = asked.folder / f"closed-{level}-{variant.parts}"
            seeding.seed(folder, level, variant, say)
            return measure.measure(workload, variant, say, folder=folder, stored=level)

        return run

    items = [
        Item(f"{number} {_name(variant)} {level}", make(variant, level))
        for number in range(asked.runs)
        for variant in asked.synced
        for level in asked.levels
    ]
    return Section("e4-s", f"{asked.cases} cases, {asked.levels}, {_told(asked, asked.synced)}", items)


def herds(asked: Asked, say: Say) -> Section:
    """E4-H."""
    items = [
        Item(
            f"{number} {_name(variant)}",
            lambda variant=variant: herd.measure(asked.deadlines, 50, asked.loading_s, variant, say),  # type: ignore[misc]  # mypy infers no type for a default
        )
        for number in range(asked.runs)
        for variant in asked.synced
    ]
    return Section("e4-h", f"{asked.deadlines} deadlines, {_told(asked, asked.synced)}", items)


def memory(asked: Asked, say: Say) -> Section:
    """Once is enough: it is long."""
    variants = asked.synced
    items = [
        Item(
            _name(variant),
            lambda variant=variant: steady.measure(60 * asked.minutes, asked.pace, variant, say),  # type: ignore[misc]  # as above
        )
        for variant in variants
    ]
    return Section("memory", f"{asked.minutes} minutes, {asked.pace}/s, {_told(asked, variants)}", items)


def floors(asked: Asked, say: Say) -> Section:
    """The floor, and E4-T beside it."""

    def replay(variant: Variant) -> Callable[[], FloorRun]:
        folder = asked.folder / f"floor-{asked.cases}-{variant.parts}"

        def run() -> FloorRun:
            if not (folder / floor.ABOUT).exists():
                floor.record(asked.cases, variant, folder, say)
            return floor.measure(variant, folder, say)

        return run

    workload = Workload("E4-T", asked.cases, D_MS)
    items = [
        item
        for number in range(asked.runs)
        for variant in asked.variants
        for item in (
            _item(number, variant, workload, say),
            Item(f"{number} {_name(variant)} floor", replay(variant)),
        )
    ]
    return Section("floor", f"{asked.cases} cases, {_told(asked, asked.variants)}", items)


def peers(asked: Asked, names: Sequence[str], folder: Path, say: Say) -> Section:
    """E4-T by us and by each peer in turn; with fsync first, then those that can do without."""

    def against(peer: Peer, *, sync: bool) -> Callable[[], PeerRun]:
        def run() -> PeerRun:
            return drive.measure(peer, installed(folder, peer), asked.cases, D_MS, say, fsync=sync)

        return run

    items = []
    for number in range(asked.runs):
        for variant in asked.variants:
            items.append(_item(number, variant, Workload("E4-T", asked.cases, D_MS), say))
            items += [
                Item(f"{number} {name} {variant.sync}", against(PEERS[name], sync=variant.sync))
                for name in names
                if variant.sync in PEERS[name].durability
            ]
    return Section("peers", f"{asked.cases} cases, {list(names)}, {_told(asked, asked.variants)}", items)


SECTIONS: dict[str, Callable[[Asked, Say], Section]] = {
    "e4-t": throughput,
    "e4-a": lateness,
    "e4-a-paced": paced,
    "e4-h": herds,
    "e4-c": killing,
    "e4-s": stored,
    "e4-w": workers,
    "memory": memory,
    "floor": floors,
}


def _plain(name: str, workload: Workload, asked: Asked, variants: Sequence[Variant], say: Say) -> Section:
    items = [_item(number, variant, workload, say) for number in range(asked.runs) for variant in variants]
    pace = f" at {workload.pace:g} a second" if workload.pace else ""
    return Section(name, f"{workload.cases} cases{pace}, {_told(asked, variants)}", items)


def _item(number: int, variant: Variant, workload: Workload, say: Say) -> Item:
    return Item(f"{number} {_name(variant)}", lambda: measure.measure(workload, variant, say))


def _name(variant: Variant) -> str:
    sync = "sync" if variant.sync else "no-sync"
    return f"{variant.parts} {sync} {variant.workers}"


def _told(asked: Asked, variants: Sequence[Variant]) -> str:
    return f"{asked.runs} runs of " + ", ".join(map(_name, variants))
