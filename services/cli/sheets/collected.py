"""All that some sheets tell, put together."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.cli.sheets.forces import Body, Entry
from services.cli.sheets.gathered import Gathered, Named, Thing
from services.cli.sheets.rosters import Roster
from services.cli.sheets.table import PERSONS, Wrong


@dataclass(slots=True)
class Sheets:
    """All that some sheets tell, and what is wrong with them."""

    units: dict[str, Gathered] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    rows: int = 0
    as_of: str = ""
    """The day on which all of it holds; empty: today."""
    rosters: dict[str, Roster] = field(default_factory=dict)
    """Departments by code."""
    forces: dict[str, Body] = field(default_factory=dict)
    """Teams and associations by code."""
    people: dict[str, Entry] = field(default_factory=dict, repr=False)
    """Persons by reference, or by how they are named."""
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    """Who has which number in another register, and the row that says so first."""
    halves: set[str] = field(default_factory=set, repr=False)
    """Persons one of whose rows is wrong: nobody is half imported."""
    named: dict[tuple[str, ...], Named] = field(default_factory=dict, repr=False)
    """Who is named in a row. The same name and number is the same person."""

    def has(self, thing: Thing) -> bool:
        """Whether it is to be imported."""
        sheet, key = thing
        return key in self._of(sheet)

    def drop(self, thing: Thing) -> None:
        """It is not to be imported any more."""
        sheet, key = thing
        self._of(sheet).pop(key, None)

    def forget(self, things: set[Thing]) -> None:
        """Nobody is put into the vault for the sake of these."""
        self.named = {who: named for who, named in self.named.items() if not named.things() <= things}

    def _of(self, sheet: str) -> dict[str, Gathered] | dict[str, Entry]:
        return self.people if sheet == PERSONS else self.units

    def anything(self) -> bool:
        """Whether there is something to import."""
        return bool(self.units or self.rosters or self.forces or self.people)

    def in_order(self) -> Iterator[Gathered]:
        """A unit comes after the one above it."""
        yield from sorted(self.units.values(), key=lambda each: each.code.count("/"))
