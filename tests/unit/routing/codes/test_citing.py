"""A resolution cites the village code (S23): by number, as it was where and when the case was settled."""

from datetime import date, timedelta
from typing import Any

import pytest

from fengqiao.intake.v1.events_pb2 import ReopeningRequested
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Contended, Invalid
from services.routing import domain
from services.routing.domain.case import Citation
from services.routing.domain.codes.citing import speaking
from services.routing.domain.codes.village_code import Clause, Version, VillageCode
from services.routing.domain.directory.days import Days
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk

DAY = timedelta(days=1)
FIRST, SECOND = date(2026, 1, 1), date(2026, 3, 4)
CODE = VillageCode(
    VILLAGE,
    "jili",
    (
        Version(1, FIRST, Days(FIRST, SECOND), (Clause("3.2", "x"), Clause("12", "y"))),
        Version(2, SECOND, Days(SECOND, SECOND + 10 * DAY), (Clause("12", "z"),)),
    ),
)


def known(walk: Walk, code: VillageCode | None = CODE) -> dict[str, VillageCode | None]:
    return {unit: code if code and unit == code.unit_code else None for unit in speaking(walk.case)}


def resolve(walk: Walk, *clauses: str, code: VillageCode | None = CODE, **more: Any) -> Walk:
    return walk.order(domain.ResolveCase("settled", "", clauses, known(walk, code)), **more)


def cited(walk: Walk) -> list[tuple[int, str]]:
    resolved = ev.CaseResolved.FromString(walk.record.outbox[-1].data)
    assert walk.case.clauses == tuple(Citation(c.unit_code, c.version, c.number) for c in resolved.clauses)
    assert {c.unit_code for c in resolved.clauses} <= {VILLAGE}
    return [(c.version, c.number) for c in resolved.clauses]


def wrong(walk: Walk, *clauses: str, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        resolve(walk, *clauses, **more)
    assert walk.case.status == domain.ASSIGNED
    return [(each.field, each.reason) for each in error.value.violations]


def test_a_resolution_names_the_clauses_with_their_version() -> None:
    assert cited(resolve(Walk().submit(), "12", "3.2")) == [(1, "12"), (1, "3.2")]


def test_the_version_is_the_one_in_force_on_the_day_of_the_settlement_by_the_sites_calendar() -> None:
    walk = Walk().submit()
    walk.now = OPENED + 2 * DAY  # 09:00 on 4 March in Shanghai
    assert cited(resolve(walk, "12", at=OPENED + 2 * DAY - timedelta(hours=10))) == [(1, "12")]
    walk = Walk().submit()
    walk.now = OPENED + 2 * DAY
    assert cited(resolve(walk, "12")) == [(2, "12")]


def test_a_clause_that_is_not_in_force_there_is_refused_by_its_place_in_the_order() -> None:
    assert wrong(Walk().submit(), "12", "13", "14") == [
        ("clauses[1]", "no_such_clause"),
        ("clauses[2]", "no_such_clause"),
    ]


def test_where_no_code_is_in_force_none_can_be_cited() -> None:
    assert wrong(Walk().submit(), "12", code=None) == [("clauses[0]", "no_code")]
    lapsed = VillageCode(
        VILLAGE, "jili", (Version(1, FIRST, Days(FIRST, FIRST + DAY), CODE.versions[0].clauses),)
    )
    assert wrong(Walk().submit(), "12", code=lapsed) == [("clauses[0]", "no_code")]


def test_at_the_sub_district_the_code_of_the_village_that_the_case_came_from_counts() -> None:
    walk = Walk().submit()
    for _ in (SECTION, VILLAGE, STREET):
        walk.order(domain.EscalateCase("too big"))
    assert walk.case.unit_id == STREET
    assert cited(resolve(walk, "12")) == [(1, "12")]


def test_a_case_that_never_was_in_a_village_has_no_code() -> None:
    assert wrong(Walk().submit(unit_id=""), "12") == [("clauses[0]", "no_code")]


def test_without_clauses_nothing_has_to_be_known() -> None:
    walk = Walk().submit().order(domain.ResolveCase("settled"))
    assert (walk.case.status, walk.case.clauses) == (domain.RESOLVED, ())


def test_a_case_that_moved_since_its_code_was_looked_up_is_looked_up_again() -> None:
    with pytest.raises(Contended):
        Walk().submit().order(domain.ResolveCase("settled", "", ("12",), {STREET: None}))


def test_what_was_cited_is_forgotten_when_the_case_is_reopened() -> None:
    walk = resolve(Walk().submit(), "12")
    assert walk.case.clauses
    assert walk.hear(ReopeningRequested(reason="not_solved")).case.clauses == ()


def test_the_units_whose_code_may_speak_are_the_owners_and_all_above_them() -> None:
    walk = Walk().submit()
    assert speaking(walk.case) == {NEIGHBOURS, SECTION, VILLAGE, STREET}
