"""Resolution clocks by kind and tier: each tier its own length, in its units' hours; a promise is shared."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.calendar import Term, Unit
from services.chassis.reckoning import reached
from services.chassis.terms import start_term
from services.routing.clocking import Row
from services.routing.domain.clocks import make_plan, moved, shifted
from services.routing.rpc import to_explanation
from tests.unit.routing.clocked import DAYS, SHANGHAI, at, clocked, profile, walk
from tests.unit.routing.ladder import OPENED, SECTION, Walk

SHIFT = Term(7, Unit.WORKING_HOURS)
TERMS = st.builds(Term, st.integers(1, 30), st.sampled_from(Unit), keeps_time=st.booleans())


def ends(walk: Walk) -> list[str]:
    return [f"{clock.due_at.astimezone(SHANGHAI):%d %H:%M}" for clock in walk.case.plan]


def test_each_tier_has_the_length_of_its_kind_one_after_the_other() -> None:
    case = walk().submit().case
    assert ends(walk().submit()) == ["03 09:00", "05 09:00", "10 09:00", "16 09:00"]
    assert case.due_at == case.plan[-1].due_at
    assert {clock.rule for clock in case.plan} == {"jili.clocks.resolution@3"}


def test_working_hours_are_counted_in_those_of_the_tier() -> None:
    rows: Any = {("drain.*", 0): Row(resolution=SHIFT)}
    assert ends(walk(rows=rows).submit(unit_id=SECTION)) == ["02 17:30", "03 17:30", "04 17:30"]


def test_a_kind_without_resolution_clocks_has_the_default_term() -> None:
    case = walk().submit(kind="noise.street").case
    assert {clock.rule for clock in case.plan} == {"service.default@1"}
    assert case.due_at == OPENED + timedelta(days=7)


def test_a_promise_is_shared_by_the_tiers_whatever_the_kind() -> None:
    case = walk().submit(due_in=timedelta(hours=8)).case
    assert [clock.due_at - OPENED for clock in case.plan] == [timedelta(hours=2 * n) for n in (1, 2, 3, 4)]
    assert {clock.rule for clock in case.plan} == {"promised@1"}


def test_a_change_of_rules_is_for_new_cases_only() -> None:
    one = walk().submit()
    plan, contact = one.case.plan, one.case.contact
    rows = {**profile().rows, ("drain.*", 1): Row(resolution=SHIFT)}
    changed = Walk(clocked(version=4, rows=rows))
    changed.record = one.record
    changed.now = at("02 10:00")
    changed.wait(timedelta())
    assert (changed.case.plan, changed.case.contact) == (plan, contact)
    new = Walk(changed.rules).submit().case
    assert {clock.rule for clock in new.plan} == {"jili.clocks.resolution@4"}


@given(
    terms=st.lists(TERMS, min_size=4, max_size=4),
    later=st.integers(0, 4 * 365 * 24 * 60 * 60),
    promised=st.one_of(st.none(), st.integers(1, 10**6)),
    by_kind=st.booleans(),
    per_tier=st.booleans(),
)
def test_the_steps_of_every_plan_add_up_to_its_due_times(
    terms: list[Term], later: int, promised: int | None, *, by_kind: bool, per_tier: bool
) -> None:
    """Whatever the rules: by kind, by tier, shared, promised; strict and rolled."""
    rows = {("*", tier): Row(resolution=term) for tier, term in enumerate(terms, 1)} if by_kind else {}
    default = terms[0] if terms[0].unit.worked is None else DAYS[1]
    rules = replace(clocked(rows=rows), term_per_tier=per_tier, default_term=default)
    start = OPENED + timedelta(seconds=later)
    due_at = start + timedelta(seconds=promised) if promised else None
    due, plan = make_plan(rules, (1, 2, 3, 4), start, due_at, epoch=1, kind="drain.x")
    assert plan[-1].due_at == due
    for clock in plan:
        until = reached(clock, rules.zone, len(plan))
        strict_or_rolled = until[-1]
        assert strict_or_rolled == clock.rolled_due_at
        assert clock.due_at in until
    outage = shifted(plan, plan[0], plan[0].due_at + timedelta(hours=3))
    paused = moved(plan, start + (plan[0].due_at - start) / 2, 86_400, "paused")
    for clock in (*outage, *paused, *moved(paused, plan[0].due_at, 3 * 86_400, "extended")):
        assert reached(clock, rules.zone, len(plan))[-1] == clock.rolled_due_at


def test_an_explanation_adds_up_step_by_step() -> None:
    case = walk().submit().case
    for clock in to_explanation(case, SHANGHAI).clocks:
        assert [step.until.ToSeconds() for step in clock.explanation] == sorted(
            step.until.ToSeconds() for step in clock.explanation
        )
        assert clock.explanation[0].until == clock.started_at
        assert clock.explanation[-1].until == clock.rolled_due_at


def test_a_clock_of_a_plan_is_what_its_rule_makes_of_its_start() -> None:
    one = walk().submit()
    for tier, clock in enumerate(one.case.plan, 1):
        anew = start_term(clock.name, clock.rule, DAYS[tier], clock.started_at, cast("Any", one.rules))
        assert replace(clock, warnings=()) == anew
