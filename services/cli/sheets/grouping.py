"""Rows of sheets as units to import, and what is wrong with them as a whole. Pure."""

from collections.abc import Callable, Iterable, Mapping

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedPost, UnitKind
from services.cli.sheets import rosters
from services.cli.sheets.collected import Sheets
from services.cli.sheets.gathered import Gathered, Named, Stay
from services.cli.sheets.registers import as_of_fault, misnamed, put_department, put_force, put_person
from services.cli.sheets.table import (
    DEPARTMENTS,
    DUTIES,
    FORCES,
    HOUSEHOLDS,
    KINDS,
    PERSONS,
    POSTS,
    UNITS,
    Row,
    Wrong,
)

LEADER = "leader"
PREFIX = "UNIT_KIND_"
Stays = dict[str, tuple[Stay, ...]]
"""Of households or of leaders."""


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
        if each.sheet in BEGINNING:
            BEGINNING[each.sheet](sheets, each)
        elif not _belongs(sheets, each, homes, leading):
            later.append(each)
    for row in later:
        if not _belongs(sheets, row, homes, leading):
            of = "department" if row.sheet == DUTIES else "unit"
            sheets.wrong.append(Wrong(row.sheet, row.number, of, f"no_such_{of}"))
    for who in sheets.halves:
        sheets.drop((PERSONS, who))
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
    if fault := as_of_fault(sheets, row.get("as_of")):
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
    if wrong := misnamed(post.person_ref, name, phone):
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


BEGINNING: Mapping[str, Callable[[Sheets, Row], None]] = {
    UNITS: _unit,
    DEPARTMENTS: put_department,
    FORCES: put_force,
    PERSONS: put_person,
}
"""What does with a row of a sheet whose rows belong to no other's."""
