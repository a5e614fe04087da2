"""Departments and their duties as rows of sheets: put together, and told as rows again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fengqiao.routing.v1 import roster_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import Days
from fengqiao.routing.v1.roster_events_pb2 import Hours, RosterMode
from services.cli.client import text
from services.cli.sheets.table import DEPARTMENTS, DUTIES, MODES, Row, Wrong

PREFIX = "ROSTER_MODE_"
COLUMN_OF: Mapping[str, str] = {"code": "department", "duty_id": "duty", "person_ref": "person"}


@dataclass(slots=True)
class Roster:
    """A department with its rows."""

    row: int
    department: rpc.Department
    duties: list[int] = field(default_factory=list)
    """The row of each of its duties."""

    def place(self, name: str) -> tuple[str, int, str]:
        """Sheet, row and column of a field that was refused, as `duties[0].hours.opens`."""
        number, within, rest = name.removeprefix("duties[").partition("].")
        column = (rest if within else name).partition(".")[0]
        column = COLUMN_OF.get(column, column)
        if within:
            return DUTIES, self.duties[int(number)], column
        return DEPARTMENTS, self.row, column


def department(row: Row) -> Roster | Wrong:
    """What a row says of a department."""
    mode = MODES.get(row.get("mode"), row.get("mode"))
    if mode not in MODES.values():
        return Wrong(DEPARTMENTS, row.number, "mode", "unknown_mode")
    within = row.get("answer_within_s") or "0"
    if not (within.isascii() and within.isdigit() and int(within) <= 1 << 30):
        return Wrong(DEPARTMENTS, row.number, "answer_within_s", "no_number")
    hours = hours_of(row)
    if isinstance(hours, Wrong):
        return hours
    told = rpc.Department(
        code=row.get("department"),
        mode=RosterMode.Value(f"{PREFIX}{mode.upper()}"),
        kinds=row.get("kinds").split(),
        hours=hours,
        desk=row.get("desk"),
        answer_within_s=int(within),
        days=Days(since=row.get("since"), until=row.get("until")),
    )
    return Roster(row.number, told)


def duty(row: Row, to: Roster) -> Wrong | None:
    """Put a row to its department; what is wrong with it otherwise."""
    weekdays, hours = weekdays_of(row), hours_of(row)
    if isinstance(hours, Wrong):
        return hours
    if isinstance(weekdays, Wrong):
        return weekdays
    if not row.get("person").isascii():
        return Wrong(DUTIES, row.number, "person", "no_reference")
    to.department.duties.add(
        duty_id=row.get("duty"),
        person_ref=row.get("person"),
        days=Days(since=row.get("since"), until=row.get("until")),
        weekdays=weekdays,
        hours=hours,
    )
    to.duties.append(row.number)
    return None


def weekdays_of(row: Row) -> list[int] | Wrong:
    """As 1 2 3, with spaces or commas between."""
    weekdays = row.get("weekdays").replace(",", " ").split()
    if not all(day in "1234567" for day in weekdays):
        return Wrong(row.sheet, row.number, "weekdays", "no_weekdays")
    return [int(day) for day in weekdays]


def hours_of(row: Row) -> Hours | Wrong | None:
    """As 08:30-17:30; None where the row gives none."""
    opens, dash, closes = row.get("hours").partition("-")
    if row.get("hours") and not dash:
        return Wrong(row.sheet, row.number, "hours", "no_hours")
    return Hours(opens=opens.strip(), closes=closes.strip()) if dash else None


def rows_of(told: rpc.Department, day: str) -> Iterator[Row]:
    """A department with its duties, as far as they are there on a day."""
    if not _holds(told.days, day):
        return
    cells = {
        "department": told.code,
        "mode": text.word(RosterMode, told.mode, PREFIX),
        "kinds": " ".join(told.kinds),
        "since": told.days.since,
        "until": told.days.until,
        "hours": times(told.hours),
        "desk": told.desk,
        "answer_within_s": str(told.answer_within_s),
        "as_of": day,
    }
    yield Row(DEPARTMENTS, 0, cells)
    for each in told.duties:
        if _holds(each.days, day):
            turn = {
                "department": told.code,
                "duty": each.duty_id,
                "person": each.person_ref,
                "since": each.days.since,
                "until": each.days.until,
                "weekdays": " ".join(map(str, each.weekdays)),
                "hours": times(each.hours),
            }
            yield Row(DUTIES, 0, turn)


def _holds(days: Days, day: str) -> bool:
    """Whether it holds on a day; written days sort as they are."""
    return days.since <= day and (not days.until or day < days.until)


def times(hours: Hours) -> str:
    """As hours_of reads them."""
    return f"{hours.opens}-{hours.closes}"
