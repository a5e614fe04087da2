"""Teams and persons are read from sheets; what is wrong is named with its row."""

from collections import Counter
from datetime import date

import pytest

from fengqiao.routing.v1 import person_service_pb2 as rpc
from fengqiao.routing.v1.force_events_pb2 import ForceKind, MediatorCapacity, PersonRole
from services.cli.sheets import synthetic
from services.cli.sheets.collected import Sheets
from services.cli.sheets.grouping import gather
from services.cli.sheets.table import Row, Wrong

TEAM = {"force": "red", "kind": "专业队伍", "unit": "a", "speaker": "p-9", "since": "2026-01-01"}
VOLUNTEER = {"person": "p-1", "role": "志愿者", "unit": "a/b", "since": "2026-01-01"}


def team(number: int = 2, **cells: str) -> Row:
    return Row("forces", number, {**TEAM, **cells})


def role(number: int = 2, **cells: str) -> Row:
    return Row("persons", number, {**VOLUNTEER, **cells})


def named(number: int = 2, name: str = "Canary Zhang", **cells: str) -> Row:
    return role(number, **{"person": "", "name": name, "entry": "E-1", **cells})


def people(*rows: Row) -> Sheets:
    sheets = gather(rows)
    assert sheets.wrong == []
    return sheets


def test_a_team_is_read_in_chinese_words_and_in_english() -> None:
    sheets = people(team(skills="first_aid rescue"), team(3, force="women", kind="association"))
    kinds = [each.force.kind for each in sheets.forces.values()]
    assert kinds == [ForceKind.FORCE_KIND_TEAM, ForceKind.FORCE_KIND_ASSOCIATION]
    assert list(sheets.forces["red"].force.skills) == ["first_aid", "rescue"]


def test_the_rows_of_a_person_are_one_person_with_many_roles() -> None:
    rows = [
        role(skills="first_aid cooking", weekdays="6, 7", hours="08:00-12:00", member_of="red blue"),
        role(3, role="调解员", capacity="群众", unit="a"),
        role(4, person="p-2", role="党员", until="2027-01-01"),
    ]
    sheets = people(*rows)
    one, other = (each.person for each in sheets.people.values())
    assert [(each.role, each.capacity, each.unit_id) for each in one.roles] == [
        (PersonRole.PERSON_ROLE_VOLUNTEER, 0, "a/b"),
        (PersonRole.PERSON_ROLE_MEDIATOR, MediatorCapacity.MEDIATOR_CAPACITY_MASS, "a"),
    ]
    assert (list(one.offer.skills), list(one.offer.weekdays)) == (["first_aid", "cooking"], [6, 7])
    assert [each.force for each in one.memberships] == ["red", "blue"]
    assert (other.roles[0].days.until, other.offer) == ("2027-01-01", rpc.Offer())


def test_a_membership_has_the_days_of_its_row_or_its_own() -> None:
    [entry] = people(role(member_of="red blue@2026-02-01 green@2026-02-01/2026-03-01")).people.values()
    assert [(each.days.since, each.days.until) for each in entry.person.memberships] == [
        ("2026-01-01", ""),
        ("2026-02-01", ""),
        ("2026-02-01", "2026-03-01"),
    ]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([team(kind="club")], Wrong("forces", 2, "kind", "unknown_kind")),
        ([team(speaker="张三")], Wrong("forces", 2, "speaker", "no_reference")),
        ([team(), team(3)], Wrong("forces", 3, "force", "twice:row 2")),
        ([role(role="hero")], Wrong("persons", 2, "role", "unknown_role")),
        ([role(capacity="full")], Wrong("persons", 2, "capacity", "unknown_capacity")),
        ([role(hours="mornings")], Wrong("persons", 2, "hours", "no_hours")),
        ([role(weekdays="Sat")], Wrong("persons", 2, "weekdays", "no_weekdays")),
        ([role(person="张三")], Wrong("persons", 2, "person", "no_reference")),
        ([role(person="")], Wrong("persons", 2, "person", "required")),
        ([role(skills="a"), role(3, unit="a", skills="b")], Wrong("persons", 3, "skills", "differs:row 2")),
        ([role(name="Canary Zhang")], Wrong("persons", 2, "person", "reference_and_name")),
        ([named(entry="")], Wrong("persons", 2, "entry", "required")),
        ([named(), named(3, "Canary Li")], Wrong("persons", 3, "entry", "twice:row 2")),
        (
            [team(as_of="2026-03-01"), role(3, as_of="2026-03-02")],
            Wrong("persons", 3, "as_of", "differs:2026-03-01"),
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_row(rows: list[Row], wrong: Wrong) -> None:
    assert gather(rows).wrong == [wrong]


def test_nobody_is_imported_by_half() -> None:
    sheets = gather([role(), role(3, role="hero"), role(4, person="p-2")])
    assert list(sheets.people) == ["p-2"]


def test_a_refused_field_leads_back_to_its_row() -> None:
    rows = [role(4, role="党员"), role(7, skills="first_aid", member_of="red blue"), role(9, unit="a")]
    [entry] = people(*rows).people.values()
    assert entry.place("person_ref") == ("persons", 4, "person")
    assert entry.place("roles[2].unit_id") == ("persons", 9, "unit")
    assert entry.place("roles[1].since") == ("persons", 7, "since")
    assert entry.place("memberships[1].force") == ("persons", 7, "member_of")
    assert entry.place("offer.hours.opens") == ("persons", 7, "hours")
    [body] = people(team(5)).forces.values()
    assert body.place("unit_id") == ("forces", 5, "unit")


def test_whom_a_number_of_another_register_names_is_put_with_a_key_of_it_alone() -> None:
    def keys(*rows: Row) -> list[str]:
        return [each.key("jili") for each in people(*rows).named.values()]

    [one] = keys(named(), named(3, role="党员"))
    assert keys(named(9, "Canary Li", phone="0731 000 001", since="2026-05-01")) == [one]
    assert keys(named(entry="E-2")) != [one]
    assert len(set(keys(named(), named(3, entry="E-2")))) == 2


def test_whoever_is_named_among_the_posts_as_well_is_one_person() -> None:
    unit = Row("units", 2, {"code": "a", "kind": "村", "since": "2026-01-01"})
    post = {"unit": "a", "name": "Canary Zhang", "phone": "0731 000 001", "appointed_on": "2026-02-01"}
    sheets = people(unit, Row("posts", 2, post), named(phone="0731 000 001"))
    [who] = sheets.named.values()
    [alone] = people(unit, Row("posts", 2, post)).named.values()
    assert who.key("jili") == alone.key("jili")
    who.is_called("p-7")
    assert [each.person.person_ref for each in sheets.people.values()] == ["p-7"]
    assert sheets.units["a"].unit.posts[0].person_ref == "p-7"


def test_a_made_up_sub_district_has_its_departments_teams_and_volunteers() -> None:
    wanted = synthetic.Wanted("songxi", synthetic.LEADERS, 1, date(2026, 3, 2), synthetic.VOLUNTEERS)
    sheets = people(*synthetic.sub_district(wanted))
    assert (len(sheets.rosters), len(sheets.forces), len(sheets.people)) == (35, 30, 15_731)
    modes = Counter(each.department.mode for each in sheets.rosters.values())
    assert len(modes) == 3
    leading = {post.person_ref for each in sheets.units.values() for post in each.unit.posts}
    assert 1_000 < len(leading & sheets.people.keys()) < 1_500
    assert 2_000 < sum(len(each.roles) > 1 for each in sheets.people.values()) < 3_500


def test_the_same_seed_makes_the_same_people_in_the_territory_that_it_has_without_them() -> None:
    def made(seed: int, volunteers: int) -> list[Row]:
        wanted = synthetic.Wanted("songxi", 60, seed, date(2026, 3, 2), volunteers)
        return list(synthetic.sub_district(wanted))

    first = made(1, 200)
    assert first == made(1, 200) != made(2, 200)
    territory = made(1, 0)
    assert first[: len(territory)] == territory
