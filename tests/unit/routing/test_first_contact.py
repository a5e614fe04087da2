"""Whoever has a case is to be in contact with the resident in time; if not, the superior hears of it."""

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import TIER_NEIGHBOURHOOD
from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested, WithdrawalRequested
from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.model import Context, decided
from services.routing import domain
from services.routing.clocking import Row
from services.routing.domain.clock_folding import ENDS_CONTACT, contact
from services.routing.rpc import to_explanation
from services.routing.telling import to_message
from tests.unit.routing.clocked import DAY, FOUR_HOURS, HOUR, SHANGHAI, SHORT, at, profile, until, walk
from tests.unit.routing.ladder import CASE, NEIGHBOURS, NEXT_DOOR, SECTION, STREET, Walk, rules

ACTS: list[type[Message]] = sorted(ENDS_CONTACT, key=str)
RETURNED = domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, NEXT_DOOR, "h-1")


def missed(walk: Walk) -> list[clock_ev.FirstContactMissed]:
    return [
        clock_ev.FirstContactMissed.FromString(entry.data)
        for entry in walk.record.outbox
        if entry.type.endswith(".FirstContactMissed")
    ]


def _context(walk: Walk) -> Context:
    return Context(CASE, "jili", walk.now, walk.now, walk.now)


def until_when(walk: Walk) -> str:
    assert walk.case.contact is not None
    return walk.case.contact.due_at.astimezone(SHANGHAI).strftime("%d %H:%M")


def test_it_begins_with_the_assignment_and_counts_the_hours_of_the_unit() -> None:
    case = walk().submit().case
    assert case.contact is not None
    assert (case.contact.rule, case.contact.epoch) == ("jili.clocks.first_contact@3", 1)
    assert case.contact.due_at == at("02 14:30"), "three hours until lunch, one after it"
    assert [code for code, _, _ in case.contact.explanation] == [
        "start",
        "working_hours",
        "off_hours",
        "working_hours",
    ]


def test_missed_it_is_told_to_the_superior_once_and_the_case_stays() -> None:
    one = walk().submit()
    before = one.case
    until(one, "02 14:31")
    [told] = missed(one)
    assert (told.assignment.unit_id, told.superior_unit_id, told.epoch) == (NEIGHBOURS, SECTION, 1)
    assert (one.case.unit_id, one.case.running, one.case.plan) == (
        before.unit_id,
        before.running,
        before.plan,
    )
    assert (one.case.contact, one.case.status) == (None, domain.ASSIGNED)
    until(one, "02 23:00")
    assert len(missed(one)) == 1


def test_at_the_top_it_is_told_to_the_desk() -> None:
    one = until(walk().submit(unit_id=STREET), "02 14:31")
    assert [each.superior_unit_id for each in missed(one)] == [""]


@pytest.mark.parametrize(
    "command",
    [
        domain.AcceptCase(),
        domain.ReportProgress("called"),
        domain.ResolveCase("repaired"),
        RETURNED,
    ],
)
def test_what_the_owner_does_ends_it(command: object) -> None:
    one = walk().submit().wait(HOUR).order(command)
    until(one, "02 20:00")
    assert not missed(one)


@pytest.mark.parametrize("kind", ACTS)
def test_whatever_else_the_owner_does_ends_it_as_well(kind: type[Message]) -> None:
    """Asking for time or for help, splitting a part off: somebody has looked into the matter."""
    case = walk().submit().case
    assert case.contact
    assert contact(case, case, kind()).contact is None


def test_a_resident_who_withdraws_ends_it() -> None:
    assert not missed(until(walk().submit().hear(WithdrawalRequested(reason="mistake")), "02 20:00"))


def test_a_matter_that_is_mediated_at_once_has_none() -> None:
    one = walk().submit(kind="dispute.kin")
    assert one.case.contact is None
    routed = ev.CaseRouted.FromString(one.record.outbox[0].data)
    assert not routed.assignment.HasField("first_contact")


def test_each_new_owner_has_to_be_in_contact_itself() -> None:
    one = walk().submit().order(domain.AcceptCase()).wait(HOUR)
    one.hear(EscalationRequested(reason="too_slow"))
    assert (one.case.unit_id, until_when(one), one.case.contacts) == (SECTION, "02 15:30", 2)
    until(one, "02 15:31")
    assert [each.assignment.unit_id for each in missed(one)] == [SECTION]


def test_a_new_holder_in_the_same_unit_has_what_is_left() -> None:
    one = walk().submit()
    before = one.case.contact
    event = ev.CaseReassigned(
        case=ev.CaseReference(site_id="jili"),
        assignment=ev.Assignment(unit_id=NEIGHBOURS, tier=TIER_NEIGHBOURHOOD, holder_ref="h-substitute"),
        reason=ev.MOVE_REASON_LEAVE,
    )
    domain.Ladder({"jili": one.rules}).watch.completed(one.case, decided(event), _context(one))
    assert not event.assignment.HasField("first_contact")
    after = domain.evolve(one.case, event, _context(one))
    assert (after.holder_ref, after.contact) == ("h-substitute", before)


def test_while_a_return_waits_for_its_ruling_it_stands_still_and_if_the_case_stays_it_begins_anew() -> None:
    one = walk().submit().wait(HOUR).order(RETURNED)
    until(one, "02 15:00")
    assert not missed(one)
    one.order(domain.RuleOnReturn(ev.RULING_STAYS, "", "h-2"))
    assert (one.case.unit_id, until_when(one)) == (NEIGHBOURS, "03 10:30")


def test_the_unit_that_it_goes_to_by_a_ruling_has_a_clock_of_its_own() -> None:
    one = walk().submit().wait(HOUR).order(RETURNED).wait(HOUR)
    one.order(domain.RuleOnReturn(ev.RULING_GOES, NEXT_DOOR, "h-2"))
    assert (one.case.unit_id, until_when(one)) == (NEXT_DOOR, "02 16:30")


def test_a_case_that_was_reopened_has_another_one() -> None:
    one = walk().submit().wait(HOUR).order(domain.ResolveCase("repaired")).wait(DAY)
    one.hear(ReopeningRequested(reason="not_solved"))
    assert (one.case.contacts, until_when(one)) == (2, "03 15:30")


def test_after_an_outage_the_new_owner_has_the_whole_time_from_when_it_could_know() -> None:
    """The neighbours' day ends on Tuesday at nine; the house comes back on Wednesday at ten."""
    one = walk().submit().order(domain.AcceptCase())
    one.now = at("04 10:00")
    one.wait(timedelta())
    assert (one.case.unit_id, until_when(one)) == (SECTION, "04 15:30")


def test_where_the_profile_has_none_there_is_none() -> None:
    rows = {**profile().rows, ("*", 0): Row()}
    one = walk(rows=rows).submit()
    assert (one.case.contact, one.case.contacts) == (None, 0)
    assert Walk(rules()).submit().case.contact is None


def test_a_kind_and_a_tier_have_the_most_special_row() -> None:
    rows = {**profile().rows, ("drain.blocked", 2): Row(first_contact=FOUR_HOURS), ("*", 0): Row()}
    one = walk(rows=rows).submit()
    assert one.case.contact is None
    one.hear(EscalationRequested(reason="too_slow"))
    assert (one.case.unit_id, one.case.contacts) == (SECTION, 1)


def test_clients_see_until_when_and_how_that_was_found() -> None:
    one = walk().submit()
    assert to_message(one.record, one.now).first_contact_by.ToDatetime(SHANGHAI) == at("02 14:30")
    explained = to_explanation(one.case, SHANGHAI).first_contact
    assert explained.explanation[-1].until == explained.due_at
    assert not to_message(one.order(domain.AcceptCase()).record, one.now).HasField("first_contact_by")


def test_any_edit_restarts_the_clock() -> None:
    """The failure of others: here, no edit restarts any clock, neither the tier's nor the first contact's."""
    one = walk().submit()
    contact, plan, due_at = one.case.contact, one.case.plan, one.case.due_at
    one.wait(HOUR / 4).order(domain.OrderSupervision(ev.ORDER_REASON_RISK, "desk"))
    assert (one.case.contact, one.case.plan) == (contact, plan)
    for command in (domain.ReportProgress("called"), domain.AcceptCase(), domain.ReportProgress("visited")):
        one.wait(HOUR / 4 + SHORT).order(command)
        assert (one.case.plan, one.case.due_at, one.case.running) == (plan, due_at, 1)
        assert one.case.contact is None, "made once, it does not begin again"
