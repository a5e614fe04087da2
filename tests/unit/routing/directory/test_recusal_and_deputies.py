"""Who has a case that a leader is recused from, where the directory says who there is."""

from services.routing.domain import RecuseHandler
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.unit import DEPUTY, LEADER, NEIGHBOURHOOD
from tests.unit.routing.directory.cases import Followed, submitted
from tests.unit.routing.directory.register import OFFICE, RESIDENTS, Register, small

UNIT = "jili/hexi/s1/n9"
RECUSE = RecuseHandler("p-n9", "是我表哥")


def with_a_deputy() -> Register:
    register = small()
    register.order(UNIT, c.EstablishUnit(UNIT, NEIGHBOURHOOD, register.today, posts=(LEADER, DEPUTY)))
    for post, person in ((LEADER, "p-n9"), (DEPUTY, "p-deputy")):
        register.order(UNIT, c.NominateLeader(post, person, register.today, RESIDENTS, OFFICE))
        register.order(UNIT, c.VetLeader(post, person, register.today, approved=True, decided_by=OFFICE))
        register.order(UNIT, c.AppointLeader(post, person, register.today, OFFICE))
    return register


def recused(register: Register) -> Followed:
    followed = submitted(register, UNIT)
    assert followed.owner == (UNIT, "p-n9")
    followed.walk.order(RECUSE)
    return followed


def test_a_deputy_of_the_unit_has_the_case_that_its_leader_is_recused_from() -> None:
    followed = recused(with_a_deputy())
    assert followed.owner == (UNIT, "p-deputy")
    assert followed.case.steps == ()
    assert followed.sweep().owner == (UNIT, "p-deputy"), "the sweep gives it back to nobody"


def test_without_a_deputy_at_work_the_section_has_it_and_the_sweep_leaves_it_there() -> None:
    register = with_a_deputy()
    register.order(UNIT, c.VacatePost(DEPUTY, register.today, "resigned", OFFICE))
    followed = recused(register)
    assert followed.owner[0] == "jili/hexi/s1"
    assert followed.sweep().owner[0] == "jili/hexi/s1"


def test_a_deputy_who_goes_hands_it_up_and_not_back() -> None:
    register = with_a_deputy()
    followed = recused(register)
    register.order(UNIT, c.VacatePost(DEPUTY, register.today, "resigned", OFFICE))
    assert followed.sweep().owner[0] == "jili/hexi/s1"
