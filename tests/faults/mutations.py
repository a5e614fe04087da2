"""The proof that the checker can fail: each thing that holds the house together is taken away in turn."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.faults.crowd import Load
from tests.faults.nemesis import FAULTS, Planned
from tests.faults.patched import Patch, patched
from tests.faults.run import Order, Outcome, run
from tests.faults.stage import Wanted

LIST = Path(__file__).parent / "mutations.yaml"
BEGINS_S = 3.0
REST_S = 45.0
SLOW = "I15"
"""That it took long is no proof that anything was noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One of them; see the list."""

    name: str
    patch: Patch
    fault: str
    runs: int
    load: Mapping[str, int] = field(default_factory=dict)
    agency: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it was noticed, in which run, and by which invariants."""

    name: str
    fault: str
    caught: bool
    runs: int
    invariants: tuple[str, ...]
    told: str


def mutations() -> list[Mutation]:
    """The list."""
    found = []
    for raw in yaml.safe_load(LIST.read_text(encoding="utf-8"))["mutations"]:
        patch = Patch(raw["file"], raw["find"], raw["put"])
        load: dict[str, int] = raw.get("load", {})
        found.append(
            Mutation(
                name=raw["name"],
                patch=patch,
                fault=raw["fault"],
                runs=raw["runs"],
                load=load,
                agency=raw.get("agency", 0.0),
            )
        )
    return found


def order_of(mutation: Mutation, seed: int, source: Path) -> Order:
    """A run of the changed code under the fault that brings it to light; one broker, to be quick."""
    fault = FAULTS[mutation.fault]
    given: dict[str, Any] = {"plans": mutation.load} if mutation.load else {}
    return Order(
        name=f"{mutation.name} under {fault.name}",
        seed=seed,
        schedule=[Planned(fault.name, BEGINS_S, fault.seconds)],
        seconds=BEGINS_S + fault.seconds,
        wanted=Wanted(brokers=1, source=source),
        load=Load(pace=8.0, agency=mutation.agency, **given),
        rest_s=REST_S,
    )


def prove(mutation: Mutation, seed: int, say: Callable[[str], None]) -> Verdict:
    """Run until the checker notices, at most as often as the list says."""
    told = ""
    for number in range(mutation.runs):
        with tempfile.TemporaryDirectory(prefix="fengqiao-mutation-") as name:
            folder = Path(name)
            source = patched(folder / "source", [mutation.patch])
            outcome: Outcome = run(order_of(mutation, seed + number, source), folder / "run", say)
            told = outcome.line
            say(f"  {told}" + "".join(f"\n    {line}" for line in outcome.violations[:3]))
        invariants = tuple(sorted(outcome.by_invariant, key=lambda i: int(i[1:])))
        if set(invariants) - {SLOW}:
            return _verdict(mutation, number + 1, invariants, outcome.violations[0])
    return _verdict(mutation, mutation.runs, (), told)


def _verdict(mutation: Mutation, runs: int, invariants: tuple[str, ...], told: str) -> Verdict:
    caught = bool(invariants)
    return Verdict(
        name=mutation.name, fault=mutation.fault, caught=caught, runs=runs, invariants=invariants, told=told
    )
