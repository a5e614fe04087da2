"""A unit with its rows, and whom rows name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedHouseholds
from services.cli.sheets.table import HOUSEHOLDS, POSTS, UNITS

POST_FIELDS: Mapping[str, str] = {"post_id": "post", "person_ref": "person", "substitute_ref": "substitute"}
FOREVER = "9999-12-31"

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
    """Somebody whom rows name instead of a reference, and the posts that they hold."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    posts: list[tuple[Gathered, int]] = field(default_factory=list)

    def key(self, site_id: str) -> str:
        """The same for the same person however often a sheet is read: that of their first appointment."""
        held = (
            (unit.unit.posts[n].appointed_on, unit.code, unit.unit.posts[n].post_id) for unit, n in self.posts
        )
        return f"import-{sha256('/'.join((site_id, *min(held))).encode()).hexdigest()[:40]}"

    def rows(self) -> Iterator[int]:
        """Where they are named."""
        return (unit.posts[n] for unit, n in self.posts)

    def units(self) -> set[str]:
        """The codes of the units whose posts they hold."""
        return {unit.code for unit, _ in self.posts}

    def is_called(self, person_ref: str) -> None:
        """Their reference, known from now on."""
        for unit, n in self.posts:
            unit.unit.posts[n].person_ref = person_ref
