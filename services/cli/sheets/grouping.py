"""Rows of sheets as units to import, and what is wrong with them as a whole. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedPost, UnitKind
from services.cli.sheets import rosters
from services.cli.sheets.gathered import Gathered, Named, Stay
from services.cli.sheets.rosters import Roster
from services.cli.sheets.table import DEPARTMENTS, DUTIES, HOUSEHOLDS, KINDS, POSTS, UNITS, Row, Wrong

LEADER = "leader"
PREFIX = "UNIT_KIND_"
Stays = dict[str, tuple[Stay, ...]]
"""Of households or of leaders."""


@dataclass(slots=True)
class Sheets:
    """All units of some sheets, those above first."""

    units: dict[str, Gathered] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    rows: int = 0
    as_of: str = ""
    """The day on which all of it holds; empty: today."""
    rosters: dict[str, Roster] = field(default_factory=dict)
    """Departments by code."""
    named: dict[tuple[str, ...], Named] = field(default_factory=dict, repr=False)
    """Who is named in a row. The same name and number is the same person."""

    def forget(self, codes: set[str]) -> None:
        """Nobody is put into the vault for the sake of these units."""
        self.named = {who: named for who, named in self.named.items() if not named.units() <= codes}

    def in_order(self) -> Iterator[Gathered]:
        """A unit comes after the one above it."""
        yield from sorted(self.units.values(), key=lambda each: each.code.count("/"))


def gather(read: Iterable[Row | Wrong]) -> Sheets:
    """Put the rows of each unit together; what can't be one unit's or another's is named."""
    sheets = Sheets()
    later: list[Row] = []
    homes: Stays = {}
    leading: Stays = {}
    for each in read:
        if isinstance(each, Wrong):
            sheets.wrong.append(each)
            continue
        sheets.rows += 1
        if each.sheet == UNITS:
            _unit(sheets, each)
        elif each.sheet == DEPARTMENTS:
            _department(sheets, each)
        elif not _belongs(sheets, each, homes, leading):
            later.append(each)
    for row in later:
        if not _belongs(sheets, row, homes, leading):
            of = "department" if row.sheet == DUTIES else "unit"
            sheets.wrong.append(Wrong(row.sheet, row.number, of, f"no_such_{of}"))
    return sheets


def _belongs(sheets: Sheets, row: Row, homes: Stays, leading: Stays) -> bool:
    """Put a row to its unit; False: the unit is not known yet. Of rows only what waits for one is kept."""
    if row.sheet == DUTIES:
        roster = sheets.rosters.get(row.get("department"))
        if roster and (wrong := rosters.duty(row, roster)):
            sheets.wrong.append(wrong)
        return roster is not None
    gathered = sheets.units.get(row.get("unit"))
    if gathered is None:
        return False
    if row.sheet == POSTS:
        _post(sheets, gathered, row, leading)
    else:
        _household(sheets, gathered, row, homes)
    return True


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
    if fault := _as_of(sheets, row.get("as_of")):
        wrong.append(Wrong(UNITS, row.number, "as_of", fault))
        return
    unit = rpc.ImportedUnit(
        code=code,
        kind=UnitKind.Value(f"{PREFIX}{kind.upper()}"),
        since=row.get("since"),
        until=row.get("until"),
        covers=row.get("covers").split(),
    )
    sheets.units[code] = Gathered(row.number, unit, code, row.get("since"))


def _department(sheets: Sheets, row: Row) -> None:
    code, made = row.get("department"), rosters.department(row)
    if isinstance(made, Wrong):
        sheets.wrong.append(made)
    elif former := sheets.rosters.get(code):
        sheets.wrong.append(Wrong(DEPARTMENTS, row.number, "department", f"twice:row {former.row}"))
    elif fault := _as_of(sheets, row.get("as_of")):
        sheets.wrong.append(Wrong(DEPARTMENTS, row.number, "as_of", fault))
    else:
        sheets.rosters[code] = made


def _as_of(sheets: Sheets, day: str) -> str:
    """What is wrong with a row's day; all rows that name one name the same."""
    try:
        if day and date.fromisoformat(day).isoformat() != day:
            return "no_such_day"
    except ValueError:
        return "no_such_day"
    if day and sheets.as_of and day != sheets.as_of:
        return f"differs:{sheets.as_of}"
    sheets.as_of = sheets.as_of or day
    return ""


def _post(sheets: Sheets, gathered: Gathered, row: Row, leading: Stays) -> None:
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
        leave_since=row.get("leave_since"),
        leave_until=row.get("leave_until"),
        substitute_ref=row.get("substitute"),
    )
    name, phone = row.get("name"), row.get("phone")
    if wrong := _misnamed(post.person_ref, name, phone):
        sheets.wrong.append(Wrong(POSTS, row.number, *wrong))
        return
    # Without a number, two of the same name are two.
    who = (name, phone) if phone else (name, "", gathered.code, post.post_id)
    person = "\n".join(who) if name else post.person_ref
    is_leader = gathered.unit.kind == UnitKind.UNIT_KIND_NEIGHBOURHOOD and post.post_id == LEADER
    stay = gathered.staying(post.appointed_on, post.term_until)
    if person and is_leader and (other := _taken(leading, person, stay)):
        sheets.wrong.append(Wrong(POSTS, row.number, "name" if name else "person", f"leads:{other}"))
        return
    if name:
        named = sheets.named.setdefault(who, Named(name, phone))
        named.posts.append((gathered, len(gathered.posts)))
    gathered.unit.posts.append(post)
    gathered.posts.append(row.number)


def _misnamed(person_ref: str, name: str, phone: str) -> tuple[str, str] | None:
    """Column and reason, if a person is told twice or not as a person is."""
    if person_ref and (name or phone):
        return "person", "reference_and_name"
    if phone and not name:
        return "name", "required"
    return None if person_ref.isascii() else ("person", "no_reference")


def _household(sheets: Sheets, gathered: Gathered, row: Row, homes: Stays) -> None:
    key, since, until = row.get("household"), row.get("since") or gathered.since, row.get("until")
    if other := _taken(homes, key, gathered.staying(since, until)):
        reason = "named_twice" if other == gathered.code else f"belongs_to:{other}"
        sheets.wrong.append(Wrong(HOUSEHOLDS, row.number, "household", reason))
        return
    keys, rows = gathered.households.setdefault((since, until), ([], []))
    keys.append(key)
    rows.append(row.number)


def _taken(known: Stays, key: str, stays: tuple[Stay, ...]) -> str:
    """Which unit has the key on some of these days already; noted when none has."""
    [(since, until, _)] = stays
    former = known.get(key)
    for began, ended, other in former or ():
        if since < ended and began < until:
            return other
    known[key] = (*former, *stays) if former else stays
    return ""
