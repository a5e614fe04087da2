"""Who may do what with which petition. What is missing and what is out of reach are told alike, to everybody.

An officer only ever reaches petitions, an inspector only accusations: the role says in which collection a
case is looked for, so no answer tells of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.auth import EVERYWHERE, Principal, Role
from services.chassis.errors import Forbidden
from services.petition.domain import Petition
from services.petition.rules import OPINION_ORGAN, Rules


@dataclass(frozen=True, slots=True)
class Access:
    """Rights by the territories of the sites; `rules` is keyed by site id."""

    rules: Mapping[str, Rules]

    def may_act(self, principal: Principal, petition: Petition) -> bool:
        """An officer acts for the organ that has a petition, an inspector on any accusation but of their
        own.
        """
        if not principal.at(petition.site_id):
            return False
        if petition.accusation:
            return self.inspects(principal) and petition.accused_unit_id not in self.own(principal)
        return principal.role is Role.PETITION_OFFICER and principal.covers(petition.unit_id)

    def may_see(self, principal: Principal, petition: Petition) -> bool:
        """Whoever may act; the petitioner and who speaks for them; for what is no accusation the site's
        readers.
        """
        if not principal.at(petition.site_id):
            return False
        if principal.role is Role.RESIDENT:
            return speaks_for(principal, petition)
        if petition.accusation:
            return self.may_act(principal, petition)
        if principal.role in {Role.PETITION_OFFICER, Role.HANDLER}:
            return principal.covers(petition.unit_id) or principal.covers(petition.office)
        return principal.role in {Role.SUPERVISOR, Role.DESK}

    def may_read_opinion(self, principal: Principal, petition: Petition) -> bool:
        """The organ that answers, and the petitioner once it was delivered."""
        if principal.role is Role.RESIDENT:
            return speaks_for(principal, petition) and petition.delivered_at is not None
        return self.may_act(principal, petition)

    def inspects(self, principal: Principal) -> bool:
        """Whether the caller is an inspector of some unit: who acts for none can't be kept from their own."""
        return principal.role is Role.INSPECTOR and bool(principal.units)

    def own(self, principal: Principal) -> frozenset[str]:
        """The units whose accusations an inspector stays out of: theirs, and all that those lie within."""
        mine = [unit for unit in principal.units if unit != EVERYWHERE]
        return frozenset(
            above for rules in self.rules.values() for unit in mine for above in rules.upwards(unit)
        )

    def refuse_committees(self, principal: Principal) -> None:
        """A residents' or villagers' committee assists; it never answers a petition.

        Raises:
            Forbidden: all units of the caller are below the organs; it names the rule.
        """
        at_home = [rules for site, rules in self.rules.items() if principal.at(site)]
        if principal.role is Role.INSPECTOR:
            return
        if principal.units and all(
            any(rules.is_committee(unit) for rules in at_home) for unit in principal.units
        ):
            raise Forbidden("a committee assists, it issues no opinion", rule=at_home[0].name(OPINION_ORGAN))


def speaks_for(principal: Principal, petition: Petition) -> bool:
    """Whether the caller is the petitioner, or one of those who speak for a joint petition."""
    refs = {petition.person_ref, *petition.representative_refs}
    return bool(principal.subject) and principal.subject in refs


def out_of_reach() -> Forbidden:
    """What is said of a petition that is not there or not the caller's: the same, so that neither tells."""
    return Forbidden("no such petition in your reach")
