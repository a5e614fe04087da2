"""Where measurements are kept: a state file while a workload is measured, bench.json once it is complete.

Every run is written down when it ends. A measurement that was interrupted goes on where it stood, unless it
is asked for otherwise than before.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cattrs

from services.chassis.clock import process_time
from tests.bench.figures import FloorRun, HerdRun, PeerRun, Run, SteadyRun

Record = Run | PeerRun | HerdRun | SteadyRun | FloorRun
KINDS: Mapping[str, type[Record]] = {
    kind.__name__: kind for kind in (Run, PeerRun, HerdRun, SteadyRun, FloorRun)
}


@dataclass(frozen=True, slots=True)
class Item:
    """One run: its name within the section, and what makes it."""

    name: str
    make: Callable[[], Record]


@dataclass(frozen=True, slots=True)
class Section:
    """Runs that are told together; `asked` says how they are asked for."""

    name: str
    asked: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Measured:
    """A complete section, as bench.json has it."""

    at: str
    machine: str
    asked: str
    records: tuple[Record, ...]

    def of(self, kind: type[Any]) -> list[Any]:
        """Its records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]


class Book:
    """Both files."""

    def __init__(self, state: Path, out: Path, machine: str) -> None:
        """`machine` is written beside what is measured from now on."""
        self._state, self._out, self._machine = state, out, machine

    def run(self, section: Section, say: Callable[[str], None], told: Callable[[Record], str]) -> None:
        """Make what is missing of a section; says after each run how far it is."""
        state = _read(self._state)
        kept = state.get(section.name, {})
        done: dict[str, Any] = kept["done"] if kept.get("asked") == section.asked else {}
        if done:
            say(f"{section.name}: {len(done)} of {len(section.items)} runs were done before")
        for item in section.items:
            if item.name in done:
                continue
            record = item.make()
            done[item.name] = plain(record)
            state[section.name] = {"asked": section.asked, "done": done}
            _write(self._state, state)
            say(f"{told(record)}\n{section.name}: {len(done)} of {len(section.items)} runs done")
        self._finish(section, done)
        state.pop(section.name, None)
        _write(self._state, state)

    def _finish(self, section: Section, done: Mapping[str, Any]) -> None:
        content = _read(self._out)
        content[section.name] = {
            "at": process_time().isoformat(),
            "machine": self._machine,
            "asked": section.asked,
            "records": [done[item.name] for item in section.items],
        }
        _write(self._out, content)


def plain(record: Record) -> dict[str, Any]:
    """A record for JSON."""
    return {"kind": type(record).__name__, **asdict(record)}


def read(path: Path) -> dict[str, Measured]:
    """The complete sections of bench.json, by name."""
    return {
        name: Measured(
            section["at"],
            section["machine"],
            section["asked"],
            tuple(cattrs.structure(raw, KINDS[raw["kind"]]) for raw in section["records"]),
        )
        for name, section in _read(path).items()
    }


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
