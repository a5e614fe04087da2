"""Rows of sheets as units to import, and what is wrong with them as a whole. Pure."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedHouseholds, ImportedPost, UnitKind
from services.cli.sheets.table import HOUSEHOLDS, KINDS, POSTS, UNITS, Row, Wrong

LEADER = "leader"
PREFIX = "UNIT_KIND_"
POST_FIELDS: Mapping[str, str] = {"post_id": "post", "person_ref": "person"}
FOREVER = "9999-12-31"


@dataclass(slots=True)
class Gathered:
    """A unit with all its rows."""

    row: int
    unit: rpc.ImportedUnit
    posts: list[int] = field(default_factory=list)
    """The row of each of its posts."""
    households: dict[tuple[str, str], tuple[list[str], list[int]]] = field(default_factory=dict)
    """Keys and their rows, by the days on which the unit has them."""

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
class Sheets:
    """All units of some sheets, those above first."""

    units: dict[str, Gathered] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    rows: int = 0

    def in_order(self) -> Iterator[Gathered]:
        """A unit comes after the one above it."""
        yield from sorted(self.units.values(), key=lambda each: each.unit.code.count("/"))


def gather(read: Iterable[Row | Wrong]) -> Sheets:
    """Put the rows of each unit together; what can't be one unit's or another's is named."""
    sheets = Sheets()
    later: list[Row] = []
    for each in read:
        if isinstance(each, Wrong):
            sheets.wrong.append(each)
            continue
        sheets.rows += 1
        if each.sheet == UNITS:
            _unit(sheets, each)
        else:
            later.append(each)
    homes: dict[str, list[tuple[str, str, str]]] = {}
    leading: dict[str, list[tuple[str, str, str]]] = {}
    for row in later:
        gathered = sheets.units.get(row.get("unit"))
        if gathered is None:
            sheets.wrong.append(Wrong(row.sheet, row.number, "unit", "no_such_unit"))
        elif row.sheet == POSTS:
            _post(sheets, gathered, row, leading)
        else:
            _household(sheets, gathered, row, homes)
    return sheets


def _unit(sheets: Sheets, row: Row) -> None:
    code, kind, parent = row.get("code"), row.get("kind"), row.get("parent")
    kind = KINDS.get(kind, kind)
    wrong = sheets.wrong
    if code in sheets.units:
        wrong.append(Wrong(UNITS, row.number, "code", f"twice:row {sheets.units[code].row}"))
        return
    if parent and parent != code.rpartition("/")[0]:
        wrong.append(Wrong(UNITS, row.number, "parent", f"not_its_place:{code.rpartition('/')[0]}"))
        return
    if kind not in KINDS.values():
        wrong.append(Wrong(UNITS, row.number, "kind", "unknown_kind"))
        return
    unit = rpc.ImportedUnit(code=code, kind=UnitKind.Value(f"{PREFIX}{kind.upper()}"), since=row.get("since"))
    sheets.units[code] = Gathered(row.number, unit)


def _post(
    sheets: Sheets, gathered: Gathered, row: Row, leading: dict[str, list[tuple[str, str, str]]]
) -> None:
    nominators = row.get("nominators") or "0"
    if not nominators.isdigit():
        sheets.wrong.append(Wrong(POSTS, row.number, "nominators", "no_number"))
        return
    post = ImportedPost(
        post_id=row.get("post") or LEADER,
        person_ref=row.get("person"),
        nominated_on=row.get("nominated_on"),
        nominators=int(nominators),
        vetted_on=row.get("vetted_on"),
        appointed_on=row.get("appointed_on"),
        term_until=row.get("term_until"),
    )
    is_leader = gathered.unit.kind == UnitKind.UNIT_KIND_NEIGHBOURHOOD and post.post_id == LEADER
    if post.person_ref and is_leader:
        stay = (post.appointed_on, post.term_until or FOREVER, gathered.unit.code)
        if other := _taken(leading, post.person_ref, stay):
            sheets.wrong.append(Wrong(POSTS, row.number, "person", f"leads:{other}"))
            return
    gathered.unit.posts.append(post)
    gathered.posts.append(row.number)


def _household(
    sheets: Sheets, gathered: Gathered, row: Row, homes: dict[str, list[tuple[str, str, str]]]
) -> None:
    key, since, until = row.get("household"), row.get("since") or gathered.unit.since, row.get("until")
    if other := _taken(homes, key, (since, until or FOREVER, gathered.unit.code)):
        reason = "named_twice" if other == gathered.unit.code else f"belongs_to:{other}"
        sheets.wrong.append(Wrong(HOUSEHOLDS, row.number, "household", reason))
        return
    keys, rows = gathered.households.setdefault((since, until), ([], []))
    keys.append(key)
    rows.append(row.number)


def _taken(known: dict[str, list[tuple[str, str, str]]], key: str, stay: tuple[str, str, str]) -> str:
    """Who has the key on some of these days already; noted when nobody has. Written days sort as they are."""
    since, until, _ = stay
    stays = known.setdefault(key, [])
    for began, ended, other in stays:
        if since < ended and began < until:
            return other
    insort(stays, stay)
    return ""
