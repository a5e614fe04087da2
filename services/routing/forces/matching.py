"""Who can be asked to come: found in the store by skill, place and force, and judged by the domain."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.chassis.errors import Invalid, Violation
from services.chassis.kinds import Kind
from services.routing.directory.lookups import Lookups
from services.routing.domain.directory.shared import invalid
from services.routing.domain.forces.callout import EXPECTED, CallOut
from services.routing.domain.forces.force import ASSOCIATION, Force
from services.routing.domain.forces.matching import Reason, Suggestion, Wanted, suggest
from services.routing.domain.forces.person import Person, chain, key
from services.routing.forces.messages import call_out_of
from services.routing.forces.persons import Persons

OFFERS, FORCES, PERSON, ENDS = (
    "state.offers",
    "state.forces",
    "state.volunteers.person_ref",
    "state.ends.due_at",
)
RECENT = timedelta(days=30)
"""How far back being called out counts as load."""
FIRST, CANDIDATES = 100, 500
"""So many of a level are looked at, and at most so many where that was not enough."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Suggestions for a place and a time, and checks of those whom somebody names."""

    lookups: Lookups
    persons: Persons
    kind: Kind[CallOut]

    async def suggestions(
        self, site_id: str, wanted: Wanted, force: Force | None, limit: int
    ) -> list[Suggestion]:
        """Who fits best; farther units are asked only while nearer ones have too few."""
        if force and force.kind == ASSOCIATION:
            return [Suggestion(force.speaker_ref, (Reason("speaker", force.code),))]
        members = {FORCES: key(site_id, force.code)} if force else {}
        levels = [{OFFERS: key(site_id, f"{wanted.skill}@{above}")} for above in chain(wanted.unit_id)]
        found = list[Suggestion]()
        # At last all members, wherever they are: fewer than those who offer the skill at the top.
        for query in [*levels[:-1], {}] if force else levels:
            found = await self._judged(site_id, query | members, wanted, force, limit)
            if len(found) >= limit:
                break
        return found[:limit]

    async def named(
        self, site_id: str, wanted: Wanted, force: Force | None, refs: Sequence[str]
    ) -> tuple[Suggestion, ...]:
        """Those whom the caller chose, each a volunteer who is free then.

        Raises:
            Invalid: one of them is not; it names which.
        """
        day = wanted.begins_at.astimezone(self.lookups.zone(site_id)).date()
        found = await self.persons.some(site_id, refs)
        meeting = await self._meeting(site_id, refs, wanted)
        wrong = list[Violation]()
        for number, ref in enumerate(refs):
            person = found.get(ref)
            if person is None or not person.volunteers_at(day):
                wrong.append(Violation(f"person_refs[{number}]", "no_volunteer"))
            elif force and force.kind != ASSOCIATION and not person.belongs(force.code, day):
                wrong.append(Violation(f"person_refs[{number}]", "no_member"))
            elif any(each.keeps_busy(ref, wanted) for each in meeting):
                wrong.append(Violation(f"person_refs[{number}]", "called_out_elsewhere"))
        if wrong:
            raise Invalid(wrong)
        return tuple(Suggestion(ref, (Reason("named", wanted.skill),)) for ref in refs)

    async def _judged(
        self, site_id: str, query: dict[str, str], wanted: Wanted, force: Force | None, limit: int
    ) -> list[Suggestion]:
        found = list[Suggestion]()
        for most in (FIRST, CANDIDATES):
            people = await self.persons.people(query, most)
            found = await self._fitting(site_id, people, wanted, force)
            if len(found) >= limit or len(people) < most:
                break
        return found

    async def _fitting(
        self, site_id: str, people: Sequence[Person], wanted: Wanted, force: Force | None
    ) -> list[Suggestion]:
        recent = await self._recent(site_id, [person.person_ref for person in people], wanted)
        return suggest(
            people,
            wanted,
            self.lookups.zone(site_id),
            busy=_busy(recent, people, wanted),
            loads=Counter(
                each.person_ref for call_out in recent for each in call_out.having(*EXPECTED, "left")
            ),
            force=force.code if force else "",
        )

    async def _recent(self, site_id: str, refs: Sequence[str], wanted: Wanted) -> list[CallOut]:
        """What these were called out to lately, or are to come to."""
        if not refs:
            return []
        query = {PERSON: {"$in": list(refs)}, ENDS: {"$gt": wanted.begins_at - RECENT}}
        records = await self.lookups.base.threads.run(self.kind.committer.repository.find, query)
        return [call_out_of(record) for record in records if record.site == site_id]

    async def _meeting(self, site_id: str, refs: Sequence[str], wanted: Wanted) -> list[CallOut]:
        recent = await self._recent(site_id, refs, wanted)
        return [each for each in recent if not each.is_over]


def _busy(call_outs: Sequence[CallOut], people: Sequence[Person], wanted: Wanted) -> set[str]:
    refs = {person.person_ref for person in people}
    return {
        each.person_ref
        for call_out in call_outs
        for each in call_out.volunteers
        if each.person_ref in refs and call_out.keeps_busy(each.person_ref, wanted)
    }


def needs_members(force: Force | None, wanted: Wanted) -> None:
    """Refuse a team that can't do what is wanted.

    Raises:
        Invalid: the skill is none of the team's.
    """
    if force and force.kind != ASSOCIATION and wanted.skill not in force.skills:
        raise invalid("skill", "none_of_the_team")
