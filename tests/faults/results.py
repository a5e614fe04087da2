"""What runs came to, kept in one JSON file and shown as tables in docs/reliability.md."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.mutations import Verdict, mutations
from tests.faults.nemesis import ELSEWHERE, FAULTS
from tests.faults.run import Outcome

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- tables: `make faults-report` writes them -->", "<!-- end of the tables -->"
INVARIANTS = tuple(f"I{n}" for n in range(1, 16))


class Results:
    """The file: read when made, written after each run, so that a run can be gone on with."""

    def __init__(self, folder: Path) -> None:
        """`faults.json` need not be there yet."""
        self._path, self._page = folder / "faults.json", folder / "reliability.md"
        there = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        self.content: dict[str, Any] = {"faults": {}, "mixed": {}, "mutations": {}, **there}

    def has(self, fault: str, seed: int) -> bool:
        """Whether a fault was run with a seed."""
        return str(seed) in self.content["faults"].get(fault, {})

    def add(self, outcome: Outcome) -> None:
        """Keep a run."""
        kept = {
            "checks": outcome.checks,
            "violations": outcome.violations[:20],
            "figures": dict(outcome.figures),
            "parts": outcome.parts,
        }
        if outcome.name == "mixed":
            kept["schedule"] = [asdict(planned) for planned in outcome.schedule]
            self.content["mixed"][str(outcome.seed)] = kept
        else:
            self.content["faults"].setdefault(outcome.name, {})[str(outcome.seed)] = kept
        self.write()

    def add_verdict(self, verdict: Verdict) -> None:
        """Keep what came of a mutation."""
        self.content["mutations"][verdict.name] = asdict(verdict)
        self.write()

    def report(self) -> None:
        """Put the tables into the page, between its marks."""
        if not self._page.exists():
            return
        text = self._page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        tables = "\n\n".join((_mixed(self.content), _faults(self.content), _mutations(self.content)))
        self._page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")

    def write(self) -> None:
        """The file, whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.content, indent=1, ensure_ascii=False, sort_keys=True)
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(self._path)

    def summary(self) -> str:
        """Where it stands."""
        runs = [run for seeds in self.content["faults"].values() for run in seeds.values()]
        bad = sum(bool(run["violations"]) for run in runs)
        done = len(self.content["faults"])
        return f"{done} of {len(FAULTS)} faults, {len(runs)} runs, {bad} of them with violations"


def _mixed(content: Mapping[str, Any]) -> str:
    lines = [
        f"### Mixed schedules (`make faults SEED=… SECONDS=…`), {platform.system()} {platform.machine()}",
        "",
        "| seed | faults | cases | calls, of unknown outcome | restarts | checks | violations |",
        "|---|---|---|---|---|---|---|",
    ]
    for seed, run in sorted(content["mixed"].items(), key=lambda item: int(item[0])):
        faults = ", ".join(dict.fromkeys(planned["fault"] for planned in run["schedule"]))
        lines.append(f"| {seed} | {faults} | {_row(run)} |")
    return "\n".join(lines)


def _row(run: Mapping[str, Any]) -> str:
    f = run["figures"]
    cells = (
        f["cases"],
        f"{f['calls']}, {f['unknown']}",
        f["restarts"],
        run["checks"],
        len(run["violations"]),
    )
    return " | ".join(map(str, cells))


def _faults(content: Mapping[str, Any]) -> str:
    lines = [
        "### Each fault alone (`make faults-all SEEDS=…`)",
        "",
        "| fault | | on | runs | cases | restarts | latest firing | at rest after | checks | violations |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, fault in FAULTS.items():
        runs = list(content["faults"].get(name, {}).values())
        if not runs:
            lines.append(f"| {name} | {fault.what} | | 0 | | | | | | not run |")
            continue
        brokers = {run["parts"].partition(";")[0].rpartition("), ")[2] or "the wheel" for run in runs}
        cells = (
            ", ".join(sorted(brokers)),
            len(runs),
            sum(run["figures"]["cases"] for run in runs),
            sum(run["figures"]["restarts"] for run in runs),
            f"{max(run['figures'].get('latest_s', 0) for run in runs)} s",
            f"{max(run['figures'].get('rested_s', 0) for run in runs)} s",
            sum(run["checks"] for run in runs),
            sum(len(run["violations"]) for run in runs),
        )
        lines.append(f"| {name} | {fault.what} | " + " | ".join(map(str, cells)) + " |")
    lines += ["", "Not done here:", ""]
    lines += [f"- {name}: {reason}." for name, reason in ELSEWHERE.items()]
    return "\n".join(lines)


def _mutations(content: Mapping[str, Any]) -> str:
    known = content["mutations"]
    lines = [
        "### What the checker notices (`make faults-mutations`)",
        "",
        "| taken away | under | run | " + " | ".join(INVARIANTS) + " |",
        "|---|---|---|" + "---|" * len(INVARIANTS),
    ]
    for mutation in mutations():
        verdict = known.get(mutation.name)
        if verdict is None:
            lines.append(f"| {mutation.name} | {mutation.fault} | not run |" + " |" * len(INVARIANTS))
            continue
        run = verdict["runs"] if verdict["caught"] else f"not noticed in {verdict['runs']}"
        marks = " | ".join("✗" if i in verdict["invariants"] else "" for i in INVARIANTS)
        lines.append(f"| {mutation.name} | {verdict['fault']} | {run} | {marks} |")
    return "\n".join(lines)
