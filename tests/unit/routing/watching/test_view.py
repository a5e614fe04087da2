"""The list in memory is what the decisions say of each case, whatever changed and however late it is."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.attention import (
    DUE_SOON,
    OVERDUE,
    UNASSIGNED,
    Facts,
    Lines,
    attention,
    lines,
    unrouted,
)
from services.routing.watching import view as viewing
from services.routing.watching.view import View
from tests.unit.routing.ladder import OPENED, rules

RULES = rules()
EVERYTHING = ("jili", True, frozenset[str]())
UNITS = ("jili", "jili/c01", "jili/c01/s01", "jili/c02")


def at(now: datetime) -> Lines:
    return lines(RULES, now, now)


def case(unit: str = "jili", due_in: int = 8, status: str = "assigned", **more: object) -> Facts:
    """A case that was assigned when the site's clock began, due in so many hours."""
    facts = Facts(
        "JILI-1",
        "noise.street",
        status,
        4,
        unit,
        OPENED + timedelta(hours=due_in),
        OPENED,
        held=True,
        on_ladder=True,
        supervised=False,
        climbs=0,
        always=(),
    )
    return replace(facts, **more)  # type: ignore[arg-type]  # whatever a test wants otherwise


def test_a_case_becomes_due_soon_then_overdue_and_unassigned_by_time_alone() -> None:
    view = View(at(OPENED))
    view.put("a", case(due_in=30))
    view.turn(at(OPENED))
    seen = []
    for hours in (0, 5, 7, 25, 31):
        view.turn(at(OPENED + timedelta(hours=hours)))
        seen.append(view.wanting.get("a", ()))
    assert seen == [(), (), (DUE_SOON,), (DUE_SOON, UNASSIGNED), (OVERDUE, UNASSIGNED)]


def test_who_follows_hears_of_each_change_once() -> None:
    view = View(at(OPENED))
    view.put("a", case())
    view.turn(at(OPENED))
    known = view.number
    assert view.since(known) == set()
    view.turn(at(OPENED + timedelta(hours=9)))
    assert view.since(known) == {"a"}
    known = view.number
    view.turn(at(OPENED + timedelta(hours=10)))
    assert view.since(known) == set()
    view.drop("a")
    view.turn(at(OPENED + timedelta(hours=10)))
    assert view.since(known) == {"a"}
    assert view.wanting == {}


def test_who_is_too_far_behind_is_told_that_nobody_knows_what_changed() -> None:
    view = View(at(OPENED))
    for number in range(viewing.LOOKS_KEPT + 2):
        view.put(f"c-{number}", case(due_in=-1))
        view.turn(at(OPENED))
    assert view.since(0) is None
    assert view.since(view.number - 1) == {f"c-{viewing.LOOKS_KEPT + 1}"}


def test_what_could_not_be_routed_is_on_the_list_of_the_top() -> None:
    view = View(at(OPENED))
    view.put("a", replace(unrouted(OPENED), unit_id="jili"))
    view.turn(at(OPENED + timedelta(seconds=29)))
    assert (view.unrouted, view.listed(EVERYTHING)[0]) == (1, [])
    view.turn(at(OPENED + timedelta(seconds=31)))
    assert view.listed(EVERYTHING) == (["a"], Counter({UNASSIGNED: 1}))
    assert view.listed(("jili/c01", True, frozenset())) == ([], Counter())


def test_a_list_is_of_a_unit_and_on_request_of_those_below_it_soonest_due_first() -> None:
    view = View(at(OPENED))
    for number, unit in enumerate(UNITS):
        view.put(f"c-{number}", case(unit, due_in=3 - number))
    view.turn(at(OPENED + timedelta(hours=9)))
    assert view.listed(EVERYTHING)[0] == ["c-3", "c-2", "c-1", "c-0"]
    assert view.listed(("jili/c01", True, frozenset()))[0] == ["c-2", "c-1"]
    assert view.listed(("jili/c01", False, frozenset()))[0] == ["c-1"]
    assert view.listed(("jili", True, frozenset({UNASSIGNED})))[0] == []


def test_a_joined_case_is_counted_wants_no_attention_and_stands_in_no_queue() -> None:
    view = View(at(OPENED))
    view.put("leads", case(due_in=3))
    view.put("joined", case(due_in=3, status="joined"))
    view.turn(at(OPENED + timedelta(hours=9)))
    assert view.cells == {(4, "assigned"): 1, (4, "joined"): 1}
    assert view.queue("jili", None, 10, below=True) == ["leads"]
    assert view.listed(EVERYTHING)[0] == ["leads"]
    view.put("joined", case(due_in=3))
    assert view.queue("jili", None, 10, below=True) == ["joined", "leads"]
    view.drop("joined")
    assert view.cells == {(4, "assigned"): 1, (4, "joined"): 0}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["put", "drop", "wait", "back"]),
        st.integers(-10, 60),
        st.sampled_from(["assigned", "in_progress", "referred", "joined", ""]),
        st.booleans(),
    ),
    max_size=40,
)


@given(CHANGES)
def test_the_list_is_always_what_the_decisions_say_of_each_case(
    changes: list[tuple[str, str, int, str, bool]],
) -> None:
    view, now, known = View(at(OPENED)), OPENED, 0
    shown: dict[str, tuple[str, ...]] = {}
    for case_id, what, hours, status, held in changes:
        if what == "put":
            facts = unrouted(now) if not status else case(due_in=hours, status=status, held=held)
            view.put(case_id, replace(facts, unit_id="jili", assigned_at=now))
        elif what == "drop":
            view.drop(case_id)
        else:
            now += timedelta(hours=abs(hours)) * (1 if what == "wait" else -0.1)
        view.turn(at(now))
        expected = {each: why for each, facts in view.facts.items() if (why := attention(facts, view.lines))}
        assert view.wanting == expected
        # Whoever follows and takes over what changed has the same list.
        for each in view.since(known) or ():
            shown.pop(each, None)
            if each in view.wanting:
                shown[each] = view.wanting[each]
        known = view.number
        assert shown == expected
        assert view.listed(EVERYTHING)[1] == Counter(why for each in expected.values() for why in each)
        assert sum(view.cells.values()) + view.unrouted == len(view.facts)
