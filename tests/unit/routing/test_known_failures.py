"""Failures of systems that escalate, each impossible here: one named regression test for each, of one case.

What needs a store to show is in `tests/integration/routing/test_known_failures.py`.
"""

import copy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.site import SiteError, load_site
from services.cli.demo import JILI
from services.routing import domain
from services.routing.rules import Rules
from services.routing.sitefiles import read_rules
from tests.unit.routing.ladder import (
    NEIGHBOURS,
    OPENED,
    OTHER_VILLAGE,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    rules,
    without,
)

HOUR, SHORT = timedelta(hours=1), timedelta(seconds=1)
LONG = timedelta(days=60)
EDITS = {
    "accepting": [domain.AcceptCase()],
    "a progress report": [domain.ReportProgress("visited", "去过了")],
    "ten progress reports": [domain.ReportProgress("visited")] * 10,
    "a return": [domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, "", "h-1")],
    "a return that is ruled to stay": [
        domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, "", "h-1"),
        domain.RuleOnReturn(ev.RULING_STAYS, "", "h-2"),
    ],
    "a supervision order": [domain.OrderSupervision(ev.ORDER_REASON_NO_PROGRESS, "chief-1", (VILLAGE,))],
    "an answer to an order, accepted": [
        domain.OrderSupervision(ev.ORDER_REASON_NO_PROGRESS, "chief-1", (VILLAGE,)),
        domain.AnswerSupervision(1, "visited", "去过了", "h-1"),
        domain.JudgeAnswer(1, accepted=True, by="chief-1"),
    ],
}


def idle(walk: Walk, until: datetime) -> Walk:
    """Nobody does anything, and a sweep comes by whenever something has fallen due."""
    while (due_at := walk.record.next_due_at) and due_at < until:
        walk.wait(max(due_at - walk.now, timedelta()) + SHORT)
    return walk


def climbs_to_the_top(walk: Walk) -> bool:
    """Whether nobody does anything and the case comes to the top, under an order that is not silent."""
    for _ in range(20):
        due_at = walk.record.next_due_at
        if due_at is None or due_at > OPENED + LONG:
            return False
        if walk.case.tier == 4 and walk.case.order:
            return True
        idle(walk, due_at + SHORT)
    return False


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS.keys())
def test_no_edit_restarts_the_clock(edits: list[object]) -> None:
    """Help desks that escalate by "hours since the last update": whoever writes a line each morning keeps the
    case for ever.
    """
    walk, untouched = Walk().submit(due_in=40 * HOUR), Walk().submit(due_in=40 * HOUR)
    walk.wait(5 * HOUR)
    for edit in edits:
        walk.order(edit)
    assert (walk.case.plan, walk.case.due_at) == (untouched.case.plan, untouched.case.due_at)
    assert walk.case.clock == untouched.case.clock
    walk.wait(5 * HOUR + SHORT)
    assert walk.case.steps[-1].at == OPENED + 10 * HOUR, "it climbed when it would have without them"


def test_what_a_late_entry_says_of_the_past_starts_no_clock_anew() -> None:
    """The same by the back door: an entry for yesterday that moves what fell due meanwhile."""
    walk = Walk().submit(due_in=40 * HOUR).wait(9 * HOUR)
    walk.order(domain.AcceptCase(), at=OPENED + HOUR)
    walk.wait(HOUR + SHORT)
    assert [step.at for step in walk.case.steps] == [OPENED + 10 * HOUR]


def settings_of(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every setting of a site's file, by the way to it."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for name, value in pairs:
        yield (*path, name)
        if isinstance(value, dict | list):
            yield from settings_of(value, (*path, name))


def read_without(folder: Path, file: str, path: tuple[Any, ...]) -> Rules:
    """The rules of a site without one setting."""
    whole = yaml.safe_load((JILI / "site" / file).read_text(encoding="utf-8"))
    less = copy.deepcopy(whole)
    holder = less
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    (folder / file).write_text(yaml.safe_dump(less, allow_unicode=True), encoding="utf-8")
    try:
        return read_rules(load_site(folder))
    finally:
        (folder / file).write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("file", ["site.yaml", "territory.yaml", "capability.yaml"])
def test_without_any_one_setting_a_site_is_refused_or_its_cases_climb(file: str, tmp_path: Path) -> None:
    """Systems in which one empty field in an administration page (no superior, no calendar, no rule for a
    kind) makes escalation do nothing, and no word of it in any log.
    """
    shutil.copytree(JILI / "site", tmp_path, dirs_exist_ok=True)
    whole = yaml.safe_load((tmp_path / file).read_text(encoding="utf-8"))
    refused = list[tuple[Any, str]]()
    for path in settings_of(whole):
        try:
            less = read_without(tmp_path, file, path)
        except SiteError as error:
            refused.append((path, str(error)))
            continue
        for kind in ("neighbours.noise", "gas.smell", "never.heard_of"):
            walk = Walk(less).submit(kind=kind, unit_id="jili/hexi/s1/n1")
            assert climbs_to_the_top(walk), f"{file} without {path}: {kind} stays at {walk.case.unit_id}"
            assert walk.case.holder_ref, f"{file} without {path}: {kind} is nobody's"
    assert refused
    assert all(str(tmp_path) in said for _, said in refused), "each refusal names the site's files"


def test_no_rule_of_moves_can_be_left_out() -> None:
    """The same for the rules that time moves: what a site does not set is as it is shipped."""
    walk = Walk(replace(rules(), moves=dict(rules().moves))).submit(due_in=HOUR)
    assert climbs_to_the_top(walk)
    assert {"routing.return", "routing.ruling", "supervision.answer", "supervision.judgement"} <= set(
        rules().moves
    )


def test_of_two_schedulers_that_look_at_once_the_second_finds_nothing_left_to_do() -> None:
    """Schedulers on two machines that both see the same overdue case and lift it twice, past a tier that
    never had it. A store refuses the loser's commit (integration test); and what fires is a clock, not
    "overdue".
    """
    walk = Walk().submit(due_in=40 * HOUR).wait(10 * HOUR + SHORT)
    assert [step.to_unit_id for step in walk.case.steps] == [SECTION]
    for _ in range(5):
        walk.wait(timedelta())
    assert [step.to_unit_id for step in walk.case.steps] == [SECTION]


def test_after_a_transfer_the_former_units_clock_is_gone() -> None:
    """Systems that keep the timer of the unit which had the case: the new owner is escalated past, hours
    after it came, by a clock that was never theirs.
    """
    walk = Walk().submit(due_in=40 * HOUR).wait(HOUR)
    walk.order(domain.TransferCase(OTHER_VILLAGE, ev.TRANSFER_REASON_OTHER_PLACE, "desk-1"))
    clock = walk.case.clock
    assert clock
    assert (walk.case.tier, clock.name, clock.due_at) == (3, "tier-3", OPENED + 30 * HOUR)
    walk.wait(10 * HOUR)
    assert walk.case.unit_id == OTHER_VILLAGE, "tier 1's clock would have ended at ten hours"
    walk.wait(19 * HOUR + SHORT)
    assert walk.case.unit_id == STREET
    assert [step.reason for step in walk.case.steps] == [ev.MOVE_REASON_TRANSFER, ev.MOVE_REASON_TIMEOUT]


def test_a_case_of_a_place_that_nobody_can_name_escalates() -> None:
    """Queries that join overdue cases with their assignee: a case without one is never found."""
    for unit_id in ("", "jili/c99/nowhere", NEIGHBOURS):
        walk = Walk().submit(unit_id=unit_id)
        assert walk.case.holder_ref
        assert climbs_to_the_top(walk)


def test_a_case_of_a_vacant_post_has_an_owner_and_escalates() -> None:
    """The same where the assignee's post fell vacant before the case came, or meanwhile."""
    vacant = Walk(rules(vacant=frozenset({NEIGHBOURS, SECTION}))).submit()
    assert vacant.case.unit_id == VILLAGE
    assert climbs_to_the_top(vacant)
    meanwhile = Walk().submit()
    # Its post falls vacant, and the standing sweep comes by.
    after = Walk(without(meanwhile, NEIGHBOURS))
    after.record = meanwhile.record
    after.order(domain.ReassignCase(ev.MOVE_REASON_VACANCY))
    assert after.case.unit_id == SECTION
    assert climbs_to_the_top(after)


def test_the_ladder_has_a_step_for_each_tier_and_goes_on_at_the_top() -> None:
    """Systems whose escalation is one step: a mail to the manager, and then nothing more, however long it
    takes.
    """
    walk = idle(Walk().submit(due_in=40 * HOUR), OPENED + 41 * HOUR)
    assert [step.to_unit_id for step in walk.case.steps] == [SECTION, VILLAGE, STREET]
    assert walk.events.count("SupervisionOrdered") == 1
    repeated = []
    for _ in range(4):
        order = walk.case.order
        assert order
        assert order.clock
        walk.wait(order.clock.due_at - walk.now + SHORT)
        repeated.append(walk.case.order.repeats if walk.case.order else 0)
    assert repeated == [1, 2, 3, 4]


def test_each_tier_has_its_own_time_and_none_is_passed_by_in_one_sweep_too_many() -> None:
    """Schedulers that ask "how long has it been open?" lift a case through all tiers in one night."""
    walk, owners = Walk().submit(due_in=40 * HOUR), list[str]()
    for _ in range(40):
        walk.wait(HOUR)
        owners.append(walk.case.unit_id)
    assert [owners.count(unit) for unit in (NEIGHBOURS, SECTION, VILLAGE, STREET)] == [10, 10, 10, 10]
