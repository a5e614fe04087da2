"""Early warnings (预警): no complainant, the ladder as for any other, and an end that a superior records."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.routing.v1 import early_warning_events_pb2 as ew
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.auth import Principal, Role
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid
from services.routing import domain
from services.routing.domain import OUTCOMES
from services.routing.domain.callbacks import closed_by
from services.routing.ordering import may_order
from services.routing.store import dump, load
from services.routing.telling import told
from tests.unit.routing.ladder import NEIGHBOURS, OPENED, SECTION, STREET, VILLAGE, Walk

DAY, SHORT = timedelta(days=1), timedelta(seconds=1)
TERM = 3 * DAY  # three working days from a Monday
SETTLED = domain.ResolveCase("repaired", by="h-1")
REMOVED = domain.RecordEnd(ew.LAWFUL_END_RISK_REMOVED, "chief-1", "已换胶管")
SENT_BACK = domain.RecordEnd(ew.LAWFUL_END_SENT_BACK, "chief-1")


def warned(kind: str = "drain.blocked", unit_id: str = NEIGHBOURS, *, replay: bool = False) -> Walk:
    """A case that a screening campaign found."""
    event = RequestSubmitted(
        request_no="JILI-000001",
        site_id="jili",
        kind=kind,
        unit_id=unit_id,
        channel="screening",
        screening_code="gas-safety",
    )
    return Walk(replay=replay).hear(event, OPENED)


def last(walk: Walk, message: Any) -> Any:
    return message.FromString(walk.record.outbox[-1].data)


def test_it_says_so_and_nobody_is_its_resident() -> None:
    case = warned().case
    assert (case.screening_code, case.person_ref, case.unit_id) == ("gas-safety", "", NEIGHBOURS)
    shown = told("c-1", 1, case, OPENED)
    assert (shown.early_warning, shown.screening_code) == (True, "gas-safety")
    assert not told("c-1", 1, Walk().submit().case, OPENED).early_warning


def test_it_climbs_the_ladder_as_any_other() -> None:
    walk, other = warned(), Walk().submit()
    for each in (walk, other):
        each.wait(4 * DAY)
    assert walk.case.steps == other.case.steps
    assert walk.case.tier > 1


def test_what_would_be_a_petition_stays_on_the_ladder_as_it_has_no_petitioner() -> None:
    walk = warned("petition.claim")
    assert (walk.case.status, walk.case.track, walk.case.unit_id) == ("assigned", 0, STREET)
    with pytest.raises(IllegalTransition) as refused:
        walk.order(domain.ReferCase(ev.TRACK_PETITION))
    assert refused.value.reason == "no_complainant"


def test_settled_it_waits_for_a_superior_of_who_settled_it() -> None:
    walk = warned().order(SETTLED)
    assert (walk.case.status, walk.events[-2:]) == ("resolved", ["CaseResolved", "EndAwaited"])
    ending = walk.case.ending
    assert ending
    assert (ending.unit_id, ending.superior_unit_id, ending.settled_by) == (NEIGHBOURS, SECTION, "h-1")
    assert ending.clock
    assert (ending.clock.rule, ending.clock.due_at) == ("routing.end@1", OPENED + TERM)
    assert walk.record.next_due_at == ending.clock.due_at


def test_settled_at_the_top_it_waits_for_the_desk() -> None:
    ending = warned(unit_id=STREET).order(SETTLED).case.ending
    assert ending
    assert ending.superior_unit_id == ""


def test_what_somebody_asked_for_waits_for_nobody_of_the_kind() -> None:
    walk = Walk().submit().order(SETTLED)
    assert walk.case.ending is None
    with pytest.raises(IllegalTransition) as refused:
        walk.order(REMOVED)
    assert refused.value.reason == "no_end_awaited"


def test_a_superior_puts_the_end_on_record_once_and_that_closes_it() -> None:
    walk = warned().order(SETTLED).wait(DAY)
    assert closed_by(walk.case) == fu.CLOSED_BY_UNSPECIFIED
    walk.order(REMOVED)
    assert closed_by(walk.case) == fu.CLOSED_BY_RECORDED_END
    event = last(walk, ew.EarlyWarningEnded)
    assert (event.unit_id, event.superior_unit_id, event.recorded_by) == (NEIGHBOURS, SECTION, "chief-1")
    assert walk.sent(OUTCOMES)[-1] == "EarlyWarningEnded"
    assert (walk.case.lawful_end, walk.case.ending) == (ew.LAWFUL_END_RISK_REMOVED, None)
    assert walk.record.next_due_at is None
    assert not any("胶管".encode() in each.data for each in walk.record.outbox)
    with pytest.raises(IllegalTransition):
        walk.order(REMOVED)


def test_nobody_puts_the_end_of_their_own_settlement_on_record() -> None:
    walk = warned().order(SETTLED)
    with pytest.raises(Forbidden) as refused:
        walk.order(domain.RecordEnd(ew.LAWFUL_END_NO_RISK, "h-1"))
    assert refused.value.reason == "own_settlement"


def test_the_record_is_not_older_than_the_settlement() -> None:
    walk = warned().wait(DAY).order(SETTLED)
    with pytest.raises(Invalid, match="before_the_settlement"):
        walk.order(REMOVED, at=OPENED)


def test_sent_back_it_goes_on_one_tier_up_and_is_awaited_again_when_it_is_settled_again() -> None:
    walk = warned().order(SETTLED).order(SENT_BACK)
    assert (walk.case.status, walk.case.unit_id, walk.case.ending) == ("assigned", SECTION, None)
    assert walk.events[-1] == "CaseReopened"
    ending = walk.order(domain.ResolveCase("repaired", by="h-2")).case.ending
    assert ending
    assert (ending.superior_unit_id, ending.settled_by) == (VILLAGE, "h-2")


def test_no_limit_of_the_residents_reopening_keeps_it_from_being_sent_back() -> None:
    walk = warned()
    for _ in range(5):
        walk.order(domain.ResolveCase("repaired", by="h-2")).wait(40 * DAY).order(SENT_BACK)
        assert walk.events[-1] == "CaseReopened"


def test_what_nobody_puts_on_record_goes_to_the_next_superior_and_at_last_to_the_desk() -> None:
    walk, seen = warned().order(SETTLED), []
    for _ in range(5):
        ending = walk.case.ending
        assert ending
        assert ending.clock
        walk.wait(ending.clock.due_at - walk.now + SHORT)
        ending = walk.case.ending
        assert ending
        seen.append((ending.superior_unit_id, ending.repeats, ending.settled_by))
    assert seen == [(VILLAGE, 1, "h-1"), (STREET, 2, "h-1"), ("", 3, "h-1"), ("", 4, "h-1"), ("", 5, "h-1")]
    assert walk.events[-1] == "EndOverdue"


def test_what_mediation_settled_is_put_on_record_too() -> None:
    walk = warned("dispute.kin").mediated(mediation.END_REASON_AGREEMENT)
    assert (walk.case.status, walk.events[-1]) == ("resolved", "EndAwaited")


def test_in_a_replay_it_waits_without_a_clock() -> None:
    walk = warned(replay=True).order(SETTLED)
    assert walk.case.ending
    assert walk.record.next_due_at is None


@pytest.mark.parametrize(
    ("role", "units", "may"),
    [
        (Role.HANDLER, (NEIGHBOURS,), False),
        (Role.HANDLER, (SECTION,), True),
        (Role.HANDLER, (VILLAGE,), True),
        (Role.DESK, (STREET,), True),
        (Role.DESK, ("jili/c02",), False),
    ],
)
def test_the_superior_that_is_asked_those_above_and_the_desk_may(
    role: Role, units: tuple[str, ...], *, may: bool
) -> None:
    case = warned().order(SETTLED).case
    assert may_order(Principal("p-9", role, "jili", units), REMOVED, case, OPENED) is may


def test_where_the_desk_is_asked_no_unit_may() -> None:
    case = warned(unit_id=STREET).order(SETTLED).case
    assert not may_order(Principal("p-9", Role.HANDLER, "jili", (STREET,)), REMOVED, case, OPENED)


ORDERS = st.sampled_from(
    (
        domain.AcceptCase(),
        domain.EscalateCase(),
        SETTLED,
        domain.ResolveCase("repaired", by="chief-1"),
        REMOVED,
        SENT_BACK,
        domain.RecordEnd(ew.LAWFUL_END_NO_RISK, "h-1"),
    )
)


@given(st.lists(st.one_of(ORDERS, st.integers(1, 200)), max_size=25))
def test_whatever_happens_an_early_warning_is_open_awaited_or_ended_by_another(taken: list[Any]) -> None:
    walk = warned()
    for step in taken:
        if isinstance(step, int):
            walk.wait(timedelta(hours=step))
        else:
            try:
                walk.order(step)
            except CommandError:
                continue
        case = walk.case
        assert load(dump(case)) == case
        if case.status in domain.OPEN:
            assert (case.ending, case.lawful_end) == (None, 0)
        else:
            assert bool(case.ending) != bool(case.lawful_end)
            assert bool(case.ending) == (walk.record.next_due_at is not None)
        for entry in walk.record.outbox:
            if entry.type.endswith(".EarlyWarningEnded"):
                ended = ew.EarlyWarningEnded.FromString(entry.data)
                assert ended.recorded_by
