"""Village codes (S23): versions that an assembly adopts, at most one in force each day, none ever deleted."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import code_events_pb2 as ev
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.chassis.model import Context, Decision
from services.routing.domain.codes import adopting as a
from services.routing.domain.codes.folding import evolve
from services.routing.domain.codes.village_code import VillageCode, digest_of
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.unit import NEIGHBOURHOOD, SECTION, SUB_DISTRICT, VILLAGE, Unit
from services.routing.store import village_codes

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
HEXI = "jili/hexi"
CLAUSES = (("1", "邻里之间互相谦让。"), ("3.2", "晚上十点以后不放鞭炮。"), ("12", "红白事从简。"))


def context(day: date = TODAY) -> Context:
    at = datetime.combine(day, time(10), SHANGHAI)
    return Context("c", "jili", at, at, at)


def adoption(
    on: date = TODAY, adopted_on: date | None = None, clauses: tuple[tuple[str, str], ...] = CLAUSES
) -> a.AdoptVillageCode:
    return a.AdoptVillageCode(HEXI, adopted_on or min(on, TODAY), on, clauses, "p-desk")


def after(village_code: VillageCode | None, command: object, day: date = TODAY) -> VillageCode:
    """The code after an order that is given on a day."""
    there = village_code or VillageCode(HEXI, "jili")
    decision = a.decide(there, command, context(day), SHANGHAI)
    for emit in decision.events:
        village_code = evolve(village_code, emit.message, context(day))
    assert village_code is not None
    return village_code


def refused(village_code: VillageCode | None, command: object, day: date = TODAY) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        after(village_code, command, day)
    return [(each.field, each.reason) for each in error.value.violations]


def test_a_version_is_in_force_from_its_first_day_until_the_next_one_begins() -> None:
    first = after(None, adoption())
    both = after(first, adoption(TODAY + 10 * DAY, clauses=CLAUSES[:2]))
    in_force = [both.in_force_on(TODAY + days * DAY) for days in (-1, 0, 9, 10, 999)]
    assert [version.number if version else 0 for version in in_force] == [0, 1, 1, 2, 2]
    assert both.versions[0].days == Days(TODAY, TODAY + 10 * DAY)


def test_a_repealed_code_keeps_its_versions_and_a_new_one_may_follow() -> None:
    gone = after(after(None, adoption()), a.RepealVillageCode(TODAY + DAY, "p-desk"))
    assert gone.in_force_on(TODAY)
    assert gone.in_force_on(TODAY + DAY) is None
    again = after(gone, adoption(TODAY + 3 * DAY))
    assert [version.number for version in again.versions] == [1, 2]
    assert again.in_force_on(TODAY + 2 * DAY) is None
    with pytest.raises(IllegalTransition, match="RepealVillageCode is not allowed in repealed"):
        after(gone, a.RepealVillageCode(TODAY + DAY, "p-desk"))


def test_a_repeal_undoes_what_was_to_begin_later() -> None:
    planned = after(after(None, adoption()), adoption(TODAY + 10 * DAY))
    gone = after(planned, a.RepealVillageCode(TODAY + 5 * DAY, "p-desk"))
    assert gone.in_force_on(TODAY + 4 * DAY) == gone.versions[0]
    assert gone.in_force_on(TODAY + 10 * DAY) is None


def test_events_tell_numbers_and_digests_and_the_texts_stay_in_the_store() -> None:
    decision = a.begin(adoption(), context(), SHANGHAI)
    [emit] = decision.events
    assert [(each.number, each.digest) for each in emit.message.clauses] == [  # type: ignore[attr-defined]
        (number, digest_of(text)) for number, text in CLAUSES
    ]
    assert "鞭炮".encode() not in emit.message.SerializeToString()
    assert decision.private == {digest_of(text): text for _, text in CLAUSES}


def test_what_is_stored_is_what_the_events_say_and_is_read_back_the_same() -> None:
    model = village_codes()
    stored = after(after(None, adoption()), adoption(TODAY + DAY, clauses=CLAUSES[1:]))
    assert model.load(model.dump(stored)) == stored


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (adoption(TODAY - DAY), ("on", "in_the_past")),
        (a.RepealVillageCode(TODAY - DAY, "p-desk"), ("on", "in_the_past")),
        (adoption(TODAY, TODAY + DAY), ("on", "before_adoption")),
        (adoption(TODAY + 2 * DAY, TODAY + DAY), ("adopted_on", "in_the_future")),
        (adoption(TODAY + 3 * DAY), ("on", "overlaps:2")),
        (adoption(TODAY + 5 * DAY), ("on", "overlaps:2")),
        (adoption(TODAY + 9 * DAY, clauses=(("1", "a"), ("1", "b"))), ("clauses[1].number", "twice")),
        (
            adoption(TODAY + 9 * DAY, clauses=(("3.2", "a"), ("3", "b"))),
            ("clauses[1].number", "out_of_order"),
        ),
        (adoption(TODAY + 9 * DAY, clauses=(("2", "a"), ("12", ""))), ("clauses[1].text", "required")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else type(value).__name__,
)
def test_an_order_that_is_wrong_is_refused_with_its_field(
    command: a.AdoptVillageCode | a.RepealVillageCode, wrong: tuple[str, str]
) -> None:
    there = after(after(None, adoption()), adoption(TODAY + 5 * DAY))
    assert refused(there, command) == [wrong]


def test_all_that_is_wrong_with_clauses_is_told_at_once() -> None:
    clauses = (("2", ""), ("1", "b"), ("2", "c"))
    assert refused(None, adoption(clauses=clauses)) == [
        ("clauses[0].text", "required"),
        ("clauses[1].number", "out_of_order"),
        ("clauses[2].number", "twice"),
    ]


@pytest.mark.parametrize(
    ("unit", "wrong"),
    [
        (None, "no_such_unit"),
        (Unit("jili", "jili", SUB_DISTRICT, Days(TODAY), ()), "not_a_community_or_village"),
        (Unit("jili/a/s", "jili", SECTION, Days(TODAY), ()), "not_a_community_or_village"),
        (Unit("jili/a/s/n", "jili", NEIGHBOURHOOD, Days(TODAY), ()), "not_a_community_or_village"),
        (Unit(HEXI, "jili", VILLAGE, Days(TODAY - DAY, TODAY), ()), "not_standing"),
        (Unit(HEXI, "jili", VILLAGE, Days(TODAY + DAY), ()), "not_standing"),
        (Unit(HEXI, "jili", VILLAGE, Days(TODAY, TODAY + DAY), ()), ""),
    ],
)
def test_a_code_is_of_a_community_or_village_that_stands(unit: Unit | None, wrong: str) -> None:
    found = a.misplaced(unit, TODAY)
    assert (found.reason if found else "") == wrong


def test_a_repeal_before_any_adoption_is_no_history() -> None:
    event = ev.VillageCodeRepealed(on=TODAY.isoformat())
    with pytest.raises(ValueError, match="before VillageCodeAdopted"):
        evolve(None, event, context())


HORIZON = 40
orders = st.tuples(st.integers(0, 3), st.sampled_from(["adopt", "repeal"]), st.integers(-1, 8))


@given(st.lists(orders, max_size=12))
def test_whatever_is_adopted_and_repealed_one_version_at_most_is_in_force_each_day_and_history_stays(
    walk: list[tuple[int, str, int]],
) -> None:
    days = [TODAY + n * DAY for n in range(HORIZON)]
    expected: dict[date, int] = dict.fromkeys(days, 0)
    village_code, today, events = None, TODAY, list[Decision]()
    for passing, what, ahead in walk:
        today += passing * DAY
        on = today + ahead * DAY
        command = adoption(on, min(on, today)) if what == "adopt" else a.RepealVillageCode(on, "p-desk")
        before = dict(expected)
        try:
            decision = a.decide(village_code or VillageCode(HEXI, "jili"), command, context(today), SHANGHAI)
        except CommandError:
            continue
        events.append(decision)
        village_code = evolve(village_code, decision.events[0].message, context(today))
        number = len(village_code.versions) if what == "adopt" else 0
        expected |= {day: number for day in days if day >= on}
        assert all(expected[day] == before[day] for day in days if day < today)
    if village_code is None:
        return
    for day in days:
        in_force = [version.number for version in village_code.versions if day in version.days]
        assert in_force == [expected[day]] * bool(expected[day])
        assert getattr(village_code.in_force_on(day), "number", 0) == expected[day]
    folded = None
    for decision in events:
        folded = evolve(folded, decision.events[0].message, context())
    assert folded == village_code
