"""Who may do what with which petition; by gRPC in tests/integration/petition."""

import pytest

from services.chassis.auth import Principal, Role
from services.chassis.errors import Forbidden
from services.petition import domain
from services.petition.access import Access
from services.petition.domain import Petition
from tests.unit.petition.office import OPINION, OUTSIDE, SECTION, STREET, VILLAGE, Walk, rules

ACCESS = Access({"jili": rules()})


def who(role: Role, *units: str, sub: str = "somebody", site: str = "jili") -> Principal:
    return Principal(sub, role, site, units)


def petition() -> Petition:
    return Walk().refer().register(petitioners=9, representative_refs=("p-7",)).petition


def accusation(accused: str = VILLAGE) -> Petition:
    return Walk(accusing=True).accuse(accused).petition


@pytest.mark.parametrize(
    ("principal", "acts", "sees"),
    [
        (who(Role.PETITION_OFFICER, STREET), True, True),
        (who(Role.PETITION_OFFICER, "*"), True, True),
        (who(Role.PETITION_OFFICER, VILLAGE), False, False),
        (who(Role.PETITION_OFFICER, "*", site="other"), False, False),
        (who(Role.HANDLER, STREET), False, True),
        (who(Role.HANDLER, VILLAGE), False, False),
        (who(Role.SUPERVISOR), False, True),
        (who(Role.DESK), False, True),
        (who(Role.RESIDENT, sub="p-1"), False, True),
        (who(Role.RESIDENT, sub="p-7"), False, True),
        (who(Role.RESIDENT, sub="p-2"), False, False),
        (who(Role.RESIDENT, sub=""), False, False),
        (who(Role.INSPECTOR, "*"), False, False),
        (who(Role.CLERK, "*"), False, False),
    ],
)
def test_a_petition_is_its_organs_its_petitioners_and_its_sites_readers(
    principal: Principal, *, acts: bool, sees: bool
) -> None:
    assert ACCESS.may_act(principal, petition()) == acts
    assert ACCESS.may_see(principal, petition()) == sees


@pytest.mark.parametrize(
    ("principal", "acts", "sees"),
    [
        (who(Role.INSPECTOR, "*"), True, True),
        (who(Role.INSPECTOR, STREET), True, True),
        (who(Role.INSPECTOR, "jili/c02"), True, True),
        (who(Role.INSPECTOR, VILLAGE), False, False),
        (who(Role.INSPECTOR, SECTION), False, False),
        (who(Role.INSPECTOR, "jili/c01/unlisted"), False, False),
        (who(Role.INSPECTOR, STREET, SECTION), False, False),
        (who(Role.INSPECTOR, "*", SECTION), False, False),
        (who(Role.INSPECTOR), False, False),
        (who(Role.INSPECTOR, "*", site="other"), False, False),
        (who(Role.RESIDENT, sub="p-1"), False, True),
        (who(Role.RESIDENT, sub="p-2"), False, False),
        *((who(role, "*"), False, False) for role in Role if role not in {Role.INSPECTOR, Role.RESIDENT}),
    ],
)
def test_an_accusation_is_the_accusers_and_the_inspectors_but_those_of_the_accused(
    principal: Principal, *, acts: bool, sees: bool
) -> None:
    assert ACCESS.may_act(principal, accusation()) == acts
    assert ACCESS.may_see(principal, accusation()) == sees


def test_after_a_transfer_the_new_organ_acts_and_the_office_still_reads() -> None:
    moved = Walk().refer().register().route(2, OUTSIDE).petition
    office, organ = who(Role.PETITION_OFFICER, STREET), who(Role.PETITION_OFFICER, OUTSIDE)
    assert not ACCESS.may_act(office, moved)
    assert ACCESS.may_see(office, moved)
    assert ACCESS.may_act(organ, moved)


def test_the_petitioner_reads_the_opinion_once_it_is_delivered() -> None:
    walk = Walk().refer().accepted().order(OPINION)
    petitioner = who(Role.RESIDENT, sub="p-1")
    assert not ACCESS.may_read_opinion(petitioner, walk.petition)
    assert ACCESS.may_read_opinion(who(Role.PETITION_OFFICER, STREET), walk.petition)
    assert not ACCESS.may_read_opinion(who(Role.DESK, "*"), walk.petition)
    walk.order(domain.DeliverOpinion("post"))
    assert ACCESS.may_read_opinion(petitioner, walk.petition)
    assert not ACCESS.may_read_opinion(who(Role.RESIDENT, sub="p-2"), walk.petition)


@pytest.mark.parametrize("units", [(VILLAGE,), (SECTION,), (VILLAGE, SECTION)])
@pytest.mark.parametrize("role", [Role.HANDLER, Role.PETITION_OFFICER])
def test_who_acts_for_committees_alone_is_told_the_rule(role: Role, units: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden) as error:
        ACCESS.refuse_committees(who(role, *units))
    assert error.value.details["rule"] == "petition.opinion_organ@1"


@pytest.mark.parametrize("units", [(STREET,), ("*",), (VILLAGE, STREET), (OUTSIDE,), ("jili/unknown",), ()])
def test_who_acts_for_an_organ_as_well_is_not(units: tuple[str, ...]) -> None:
    ACCESS.refuse_committees(who(Role.PETITION_OFFICER, *units))
