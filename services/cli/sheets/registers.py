"""Rows of departments, forces and persons put to what other rows say of the same."""

from datetime import date

from fengqiao.routing.v1 import person_service_pb2 as persons
from services.cli.sheets import forces, rosters
from services.cli.sheets.collected import Sheets
from services.cli.sheets.forces import Entry
from services.cli.sheets.gathered import Named
from services.cli.sheets.table import DEPARTMENTS, FORCES, PERSONS, Row, Wrong


def put_department(sheets: Sheets, row: Row) -> None:
    """A department."""
    code, made = row.get("department"), rosters.department(row)
    if isinstance(made, Wrong):
        sheets.wrong.append(made)
    elif former := sheets.rosters.get(code):
        sheets.wrong.append(Wrong(DEPARTMENTS, row.number, "department", f"twice:row {former.row}"))
    elif fault := as_of_fault(sheets, row.get("as_of")):
        sheets.wrong.append(Wrong(DEPARTMENTS, row.number, "as_of", fault))
    else:
        sheets.rosters[code] = made


def put_force(sheets: Sheets, row: Row) -> None:
    """A team or an association."""
    code, made = row.get("force"), forces.force(row)
    if isinstance(made, Wrong):
        sheets.wrong.append(made)
    elif former := sheets.forces.get(code):
        sheets.wrong.append(Wrong(FORCES, row.number, "force", f"twice:row {former.row}"))
    elif fault := as_of_fault(sheets, row.get("as_of")):
        sheets.wrong.append(Wrong(FORCES, row.number, "as_of", fault))
    else:
        sheets.forces[code] = made


def put_person(sheets: Sheets, row: Row) -> None:
    """A role of somebody, who may have had others before."""
    ref, name, phone, number = (row.get(each) for each in ("person", "name", "phone", "entry"))
    wrong = misnamed(ref, name, phone)
    if not wrong and not (ref or name):
        wrong = "person", "required"
    if not wrong and name and not number:
        wrong = "entry", "required"
    # Without a phone, two of the same name are two: then the number says who it is.
    who = (name, phone) if phone else (name, "", PERSONS, number)
    key = "\n".join(who) if name else ref
    first, at = sheets.numbers.setdefault(number, (key, row.number)) if name and number else (key, 0)
    if not wrong and first != key:
        wrong = "entry", f"twice:row {at}"
    if not wrong and (day := as_of_fault(sheets, row.get("as_of"))):
        wrong = "as_of", day
    entry = sheets.people.get(key) or Entry(persons.Person(person_ref=ref))
    fault = Wrong(PERSONS, row.number, *wrong) if wrong else forces.role(row, entry)
    if fault:
        sheets.wrong.append(fault)
        sheets.halves.add(key)
        return
    sheets.people[key] = entry
    if name:
        named = sheets.named.setdefault(who, Named(name, phone))
        if (number, key, entry) not in named.entries:
            named.entries.append((number, key, entry))


def as_of_fault(sheets: Sheets, day: str) -> str:
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


def misnamed(person_ref: str, name: str, phone: str) -> tuple[str, str] | None:
    """Column and reason, if a person is told twice or not as a person is."""
    if person_ref and (name or phone):
        return "person", "reference_and_name"
    if phone and not name:
        return "name", "required"
    return None if person_ref.isascii() else ("person", "no_reference")
