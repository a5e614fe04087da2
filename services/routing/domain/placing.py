"""Who may have a case: every placement of a case that is there asks by this one rule (回避)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from services.chassis.errors import Forbidden
from services.routing.domain.case import Case
from services.routing.rules import Places, Post, Rules, Unit

RECUSED = "recused"


@dataclass(frozen=True, slots=True)
class Unbiased:
    """The places of a site as they are for a case: whoever is recused from it holds no post. Satisfies
    `rules.Places`.
    """

    places: Places
    recused: frozenset[str]

    @property
    def top(self) -> str:
        """As it is."""
        return self.places.top

    def taking(self, place: str) -> Unit:
        """As it is."""
        return self.places.taking(place)

    def unit(self, unit_id: str) -> Unit:
        """As it is."""
        return self.places.unit(unit_id)

    def post(self, unit_id: str) -> Post:
        """The unit's post, else another of its own whose holder is not recused; else it counts as vacant."""
        post = self.places.post(unit_id)
        if post.holder_ref not in self.recused:
            return post
        return next(iter(self.others(unit_id)), Post(post.id, None, RECUSED))

    def below(self, unit_id: str) -> Iterator[Unit]:
        """As it is."""
        return self.places.below(unit_id)

    def others(self, unit_id: str) -> tuple[Post, ...]:
        """Those whose holder is not recused."""
        return tuple(each for each in self.places.others(unit_id) if each.holder_ref not in self.recused)


def rules_for(rules: Mapping[str, Rules], case: Case) -> Rules:
    """The rules of a case's site, by which nobody who is recused from it can be given it."""
    return placed(rules[case.site_id], case.recused)


def placed(rules: Rules, recused: tuple[str, ...]) -> Rules:
    """As `rules_for`, of who is recused."""
    if not recused:
        return rules
    return replace(rules, places=Unbiased(rules.places, frozenset(recused)))


def refuse_recused(subject: str, case: Case) -> None:
    """Nobody acts on a case that they are recused from.

    Raises:
        Forbidden: they are.
    """
    if subject in case.recused:
        raise Forbidden("recused from this case", reason=RECUSED)
