"""A handler gives one case to a named colleague until a day; a leave in the directory gives all of them."""

from datetime import timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested
from services.chassis.auth import Principal, Role
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.routing.domain import DelegateCase, EndDelegation, RecuseHandler, ResolveCase
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.unit import DEPUTY, LEADER, NEIGHBOURHOOD
from services.routing.ordering import may_order
from tests.unit.routing.directory.cases import Followed, submitted
from tests.unit.routing.directory.register import OFFICE, RESIDENTS, Register, small

UNIT, HOLDER, COLLEAGUE = "jili/hexi/s1/n9", "p-n9", "p-deputy"
DAY = timedelta(days=1)


def staffed() -> Register:
    register = small()
    register.order(UNIT, c.EstablishUnit(UNIT, NEIGHBOURHOOD, register.today, posts=(LEADER, DEPUTY)))
    for post, person in ((LEADER, HOLDER), (DEPUTY, COLLEAGUE)):
        register.order(UNIT, c.NominateLeader(post, person, register.today, RESIDENTS, OFFICE))
        register.order(UNIT, c.VetLeader(post, person, register.today, approved=True, decided_by=OFFICE))
        register.order(UNIT, c.AppointLeader(post, person, register.today, OFFICE))
    return register


def give(followed: Followed, days: int = 3, to: str = COLLEAGUE) -> DelegateCase:
    return DelegateCase(to, str(followed.register.today + days * DAY), HOLDER)


def given(register: Register) -> Followed:
    followed = submitted(register, UNIT)
    followed.walk.order(give(followed))
    return followed


def refused(followed: Followed, command: object) -> CommandError:
    before = followed.case
    with pytest.raises(CommandError) as error:
        followed.walk.order(command)
    assert followed.case == before
    return error.value


def test_a_colleague_has_one_case_until_a_day_and_no_clock_moves() -> None:
    register = staffed()
    followed, other = submitted(register, UNIT), submitted(register, UNIT)
    before = followed.case
    followed.walk.order(give(followed))
    assert (followed.owner, other.owner) == ((UNIT, COLLEAGUE), (UNIT, HOLDER))
    case = followed.case
    assert (case.plan, case.due_at, case.running, case.steps) == (
        before.plan,
        before.due_at,
        before.running,
        (),
    )
    assert followed.sweep().owner == (UNIT, COLLEAGUE), "the sweep leaves it"


def test_when_its_day_is_over_the_case_goes_back_by_itself() -> None:
    followed = submitted(staffed(), UNIT, due_in=400 * DAY)
    followed.walk.order(give(followed))
    clock = followed.case.delegation.clock if followed.case.delegation else None
    assert clock is not None
    assert (clock.name, clock.rule) == ("delegation", "routing.delegation@1")
    followed.walk.wait(clock.due_at - followed.walk.now - timedelta(seconds=1))
    assert followed.owner == (UNIT, COLLEAGUE)
    followed.walk.wait(timedelta(seconds=2))
    assert followed.owner == (UNIT, HOLDER)
    assert followed.walk.events[-2:] == ["DelegationEnded", "CaseReassigned"]


def test_it_goes_back_before_its_day_by_who_gave_it_who_has_it_or_the_desk() -> None:
    followed = given(staffed())
    end = EndDelegation(HOLDER)

    def may(subject: str, role: Role = Role.HANDLER) -> bool:
        return may_order(Principal(subject, role, "jili", ("jili",)), end, followed.case, followed.walk.now)

    assert [may(HOLDER), may(COLLEAGUE), may("p-section"), may("desk", Role.DESK)] == [
        True,
        True,
        False,
        True,
    ]
    followed.walk.order(end)
    assert (followed.owner, followed.case.delegation) == ((UNIT, HOLDER), None)
    assert refused(followed, end).reason == "not_delegated"


def test_only_its_holder_gives_a_case_away() -> None:
    followed = submitted(staffed(), UNIT)
    may = [
        may_order(
            Principal(each, Role.HANDLER, "jili", (UNIT,)), give(followed), followed.case, followed.walk.now
        )
        for each in (HOLDER, COLLEAGUE)
    ]
    assert may == [True, False]


@pytest.mark.parametrize(
    ("days", "to", "field", "code"),
    [
        (3, "p-section", "person_ref", "not_of_the_unit"),
        (3, HOLDER, "person_ref", "not_of_the_unit"),
        (0, COLLEAGUE, "until", "not_after_today"),
        (31, COLLEAGUE, "until", "longer_than_the_rule"),
    ],
)
def test_a_delegation_that_is_wrong_is_refused_with_its_field(
    days: int, to: str, field: str, code: str
) -> None:
    followed = submitted(staffed(), UNIT)
    error = refused(followed, give(followed, days, to))
    assert isinstance(error, Invalid)
    assert [(each.field, each.reason) for each in error.violations] == [(field, code)]


def test_a_day_that_is_none_is_refused_and_so_is_giving_it_on() -> None:
    followed = submitted(staffed(), UNIT)
    error = refused(followed, DelegateCase(COLLEAGUE, "2026-02-31", HOLDER))
    assert isinstance(error, Invalid)
    assert [(each.field, each.reason) for each in error.violations] == [("until", "no_date")]
    followed.walk.order(give(followed))
    again = refused(followed, give(followed))
    assert isinstance(again, IllegalTransition)
    assert again.reason == "delegated_already"


def test_during_the_holders_leave_the_case_stays_with_the_colleague_and_the_others_go_to_the_substitute() -> (
    None
):
    register = staffed()
    followed, other = given(register), submitted(register, UNIT)
    leave = c.GrantLeave(LEADER, register.today, OFFICE, register.today + 5 * DAY, "p-section")
    register.order(UNIT, leave)
    assert followed.sweep().owner == (UNIT, COLLEAGUE)
    assert other.sweep().owner == (UNIT, "p-section")


def test_a_colleague_who_goes_hands_it_back_at_once() -> None:
    register = staffed()
    followed = given(register)
    register.order(UNIT, c.VacatePost(DEPUTY, register.today, "resigned", OFFICE))
    assert followed.sweep().owner == (UNIT, HOLDER)
    assert followed.case.delegation is None


def test_a_case_that_leaves_the_unit_is_delegated_no_more() -> None:
    followed = given(staffed())
    followed.walk.hear(EscalationRequested(reason="too_slow"))
    assert (followed.owner[0], followed.case.delegation) == ("jili/hexi/s1", None)


def test_a_delegation_is_no_way_around_a_recusal() -> None:
    followed = given(staffed())
    followed.walk.order(RecuseHandler(COLLEAGUE))
    assert followed.owner == (UNIT, HOLDER)
    again = refused(followed, give(followed))
    assert isinstance(again, Invalid)
    assert [(each.field, each.reason) for each in again.violations] == [("person_ref", "recused")]


def test_a_settled_case_has_no_clock_of_a_delegation() -> None:
    followed = given(staffed())
    followed.walk.order(ResolveCase("mended"))
    assert followed.walk.record.next_due_at is None
