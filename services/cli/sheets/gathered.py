"""A unit with its rows, and whom rows name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedHouseholds
from services.cli.sheets.forces import Entry
from services.cli.sheets.table import HOUSEHOLDS, PERSONS, POSTS, UNITS

POST_FIELDS: Mapping[str, str] = {"post_id": "post", "person_ref": "person", "substitute_ref": "substitute"}
FOREVER = "9999-12-31"

Thing = tuple[str, str]
"""A sheet, and by what it is known there: a unit by its code, a person by who they are."""
Stay = tuple[str, str, str]
"""The first day, the one that is none of it any more, and the unit. Written days sort as they are."""


@dataclass(slots=True)
class Gathered:
    """A unit with all its rows."""

    row: int
    unit: rpc.ImportedUnit
    code: str
    since: str
    """As in the unit, which makes a new text each time that it is asked."""
    posts: list[int] = field(default_factory=list)
    """The row of each of its posts."""
    households: dict[tuple[str, str], tuple[list[str], list[int]]] = field(default_factory=dict)
    """Keys and their rows, by the days on which the unit has them."""
    stays: dict[tuple[str, str], tuple[Stay, ...]] = field(default_factory=dict)
    """The same days here, once for all households of a county that have them."""

    def staying(self, since: str, until: str) -> tuple[Stay, ...]:
        """Some days in this unit."""
        return self.stays.setdefault((since, until), ((since, until or FOREVER, self.code),))

    def message(self) -> rpc.ImportedUnit:
        """What is sent."""
        unit = rpc.ImportedUnit()
        unit.CopyFrom(self.unit)
        for (since, until), (keys, _rows) in self.households.items():
            unit.households.append(ImportedHouseholds(keys=keys, since=since, until=until))
        return unit

    def place(self, name: str) -> tuple[str, int, str]:
        """Sheet, row and column of a field that was refused, as `posts[0].vetted_on`."""
        head, _, rest = name.partition("[")
        if not rest:
            return UNITS, self.row, name
        number, _, column = rest.partition("]")
        if head == POSTS:
            column = column.removeprefix(".")
            return POSTS, self.posts[int(number)], POST_FIELDS.get(column, column)
        _keys, rows = list(self.households.values())[int(number)]
        at, _, _ = column.removeprefix(".keys[").partition("]")
        nth = int(at) if at.isdigit() else 0
        return HOUSEHOLDS, rows[nth], "household" if at.isdigit() else column.removeprefix(".")


@dataclass(slots=True)
class Named:
    """Somebody whom rows name instead of a reference: the posts that they hold, and who they are besides."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    posts: list[tuple[Gathered, int]] = field(default_factory=list)
    entries: list[tuple[str, str, Entry]] = field(default_factory=list, repr=False)
    """The number in another register, who they are in the sheets, and the person."""

    def key(self, site_id: str) -> str:
        """The same for the same person however often a sheet is read: that of their first appointment, or of
        their first number in another register. What they are called has no part in it.
        """
        held = [
            (unit.unit.posts[n].appointed_on, unit.code, unit.unit.posts[n].post_id) for unit, n in self.posts
        ]
        first = min(held) if held else (PERSONS, min(number for number, _, _ in self.entries))
        return f"import-{sha256('/'.join((site_id, *first)).encode()).hexdigest()[:40]}"

    def rows(self) -> Iterator[tuple[str, int]]:
        """The sheets and rows where they are named."""
        yield from ((POSTS, unit.posts[n]) for unit, n in self.posts)
        yield from ((PERSONS, row) for _, _, entry in self.entries for row in entry.roles)

    def things(self) -> set[Thing]:
        """What can't be imported without them."""
        units = {(UNITS, unit.code) for unit, _ in self.posts}
        return units | {(PERSONS, who) for _, who, _ in self.entries}

    def is_called(self, person_ref: str) -> None:
        """Their reference, known from now on."""
        for unit, n in self.posts:
            unit.unit.posts[n].person_ref = person_ref
        for _, _, entry in self.entries:
            entry.person.person_ref = person_ref
