"""Who may have a case: every placement of a case that is there asks by this one rule (回避)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from services.chassis.errors import Forbidden
from services.routing.domain.case import Case
from services.routing.rules import Places, Post, Rules, Unit

RECUSED = "recused"
NOBODY = ("", "")


@dataclass(frozen=True, slots=True)
class Unbiased:
    """The places of a site as they are for a case: whoever is recused from it holds no post, and who has it
    for its holder does. Satisfies `rules.Places`.
    """

    places: Places
    recused: frozenset[str]
    delegated: tuple[str, str] = NOBODY
    """A unit, and who of it has the case for its holder."""
    held: tuple[str, str] = NOBODY
    """The unit that has the case, and who of it: where several share, it stays theirs."""

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
        unit, stand_in = self.delegated
        if unit == unit_id and any(each.holder_ref == stand_in for each in self.members(unit_id)):
            return Post(post.id, stand_in)
        if sharing := self.sharing(unit_id):
            holder = self.held[1] if self.held[0] == unit_id else ""
            had = next((each for each in sharing if each.holder_ref == holder), None)
            return had or (post if post in sharing else sharing[0])
        if post.holder_ref not in self.recused:
            return post
        return next(iter(self.others(unit_id)), Post(post.id, None, RECUSED))

    def below(self, unit_id: str) -> Iterator[Unit]:
        """As it is."""
        return self.places.below(unit_id)

    def others(self, unit_id: str) -> tuple[Post, ...]:
        """Those whose holder is not recused."""
        return tuple(each for each in self.places.others(unit_id) if each.holder_ref not in self.recused)

    def sharing(self, unit_id: str) -> tuple[Post, ...]:
        """Those whose holder is not recused."""
        return tuple(each for each in self.places.sharing(unit_id) if each.holder_ref not in self.recused)

    def members(self, unit_id: str) -> tuple[Post, ...]:
        """Those whose holder is not recused."""
        return tuple(each for each in self.places.members(unit_id) if each.holder_ref not in self.recused)


def rules_for(rules: Mapping[str, Rules], case: Case) -> Rules:
    """The rules of a case's site, by which nobody who is recused from it can be given it."""
    by = case.delegation
    delegated = (by.unit_id, by.to_ref) if by else NOBODY
    return placed(rules[case.site_id], case.recused, delegated, (case.unit_id, case.holder_ref))


def placed(
    rules: Rules,
    recused: Iterable[str],
    delegated: tuple[str, str] = NOBODY,
    held: tuple[str, str] = NOBODY,
) -> Rules:
    """As `rules_for`, of who is recused, who of which unit has it for its holder, and who has it."""
    if not recused and not delegated[1] and not rules.places.sharing(held[0]):
        return rules
    return replace(rules, places=Unbiased(rules.places, frozenset(recused), delegated, held))


def refuse_recused(subject: str, case: Case) -> None:
    """Nobody acts on a case that they are recused from.

    Raises:
        Forbidden: they are.
    """
    if subject in case.recused:
        raise Forbidden("recused from this case", reason=RECUSED)
