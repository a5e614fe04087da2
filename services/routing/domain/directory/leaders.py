"""What an order about a post comes to.

Nominated by residents (群众推荐), vetted (组织把关), appointed; then on leave with a substitute, and one day
the post is vacant again. Nobody decides on themselves.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Transition, decided, transition
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.shared import in_order, invalid, reference, to_days, written
from services.routing.domain.directory.unit import (
    HELD,
    NEIGHBOURHOOD,
    ON_LEAVE,
    VACANT,
    Candidacy,
    Post,
    Selection,
    Tenure,
    Unit,
)

REASONS = ("term_ended", "resigned", "dismissed")


def about_post(unit: Unit, command: Any, context: Context) -> Decision:
    """Decide by the table of posts, by the post's status on the day of the order.

    Raises:
        Invalid: the unit has no such post.
        IllegalTransition: the post's status does not allow it.
    """
    status = _post(unit, command.post_id).status_on(command.on)
    return transition(POSTS, status, unit, command, context)


def nominate(unit: Unit, command: c.NominateLeader, _context: Context) -> Decision:
    """Proposed by residents; a second time by more of them counts anew."""
    if command.nominators < 1:
        raise invalid("nominators", "nobody")
    event = ev.LeaderNominated(
        unit=reference(unit),
        post_id=command.post_id,
        person_ref=command.person_ref,
        on=command.on.isoformat(),
        nominators=command.nominators,
        decided_by=command.decided_by,
    )
    return decided(event)


def vet(unit: Unit, command: c.VetLeader, _context: Context) -> Decision:
    """Approved or not, by somebody else; not before the nomination."""
    _not_oneself(command.person_ref, command.decided_by)
    _candidate(unit, command.post_id, command.person_ref, command.on)
    if not command.approved and not command.reason:
        raise invalid("reason", "required")
    event = ev.LeaderVetted(
        unit=reference(unit),
        post_id=command.post_id,
        person_ref=command.person_ref,
        on=command.on.isoformat(),
        approved=command.approved,
        reason=command.reason,
        decided_by=command.decided_by,
    )
    return decided(event)


def appoint(unit: Unit, command: c.AppointLeader, _context: Context) -> Decision:
    """Appointed by somebody else; not before nomination and approval, nor where another will be."""
    _not_oneself(command.person_ref, command.decided_by)
    in_order(command.on, command.term_until)
    candidate = _candidate(unit, command.post_id, command.person_ref, command.on)
    if not candidate.approved or candidate.vetted_on is None or command.on < candidate.vetted_on:
        raise IllegalTransition(
            "nobody is appointed who was not vetted and approved",
            reason="not_approved",
            state="nominated",
            allowed="",
        )
    if command.elsewhere and unit.kind == NEIGHBOURHOOD:
        raise Invalid(
            [Violation("person_ref", f"leads:{command.elsewhere}")], rule="directory.one_leadership"
        )
    selection = Selection(candidate.nominated_on, candidate.nominators, candidate.vetted_on)
    return decided(_appointed(unit, command, selection))


def carry(unit: Unit, command: c.CarryPost, _context: Context) -> Decision:
    """The same post, the same person, another unit: only from one that this one succeeds."""
    if command.carried_from not in unit.succeeds:
        raise invalid("carried_from", "not_succeeded")
    return decided(_appointed(unit, command, command.selection))


def grant_leave(unit: Unit, command: c.GrantLeave, _context: Context) -> Decision:
    """Away for a while; who stands in is somebody else."""
    in_order(command.on, command.until)
    tenure = _tenure(unit, command.post_id, command.on)
    if command.substitute_ref == tenure.person_ref:
        raise invalid("substitute_ref", "is_the_holder")
    days = Days(command.on, command.until)
    if later := next((leave for leave in tenure.leaves if leave.days.overlaps(days)), None):
        raise invalid("until", f"on_leave_from:{later.days.since.isoformat()}")
    event = ev.LeaveGranted(
        unit=reference(unit),
        post_id=command.post_id,
        person_ref=tenure.person_ref,
        days=to_days(days),
        substitute_ref=command.substitute_ref,
        decided_by=command.decided_by,
    )
    return decided(event)


def end_leave(unit: Unit, command: c.EndLeave, _context: Context) -> Decision:
    """Back early."""
    tenure = _tenure(unit, command.post_id, command.on)
    event = ev.LeaveEnded(
        unit=reference(unit),
        post_id=command.post_id,
        person_ref=tenure.person_ref,
        on=command.on.isoformat(),
        decided_by=command.decided_by,
    )
    return decided(event)


def vacate(unit: Unit, command: c.VacatePost, _context: Context) -> Decision:
    """The post is vacant from a day on."""
    if command.reason not in REASONS:
        raise invalid("reason", "unknown_reason")
    tenure = _tenure(unit, command.post_id, command.on)
    reason = ev.VacancyReason.Value(f"VACANCY_REASON_{command.reason.upper()}")
    return decided(vacated(unit, command.post_id, tenure, command.on, reason, command.decided_by))


def vacated(
    unit: Unit, post_id: str, tenure: Tenure, on: date, reason: ev.VacancyReason.ValueType, decided_by: str
) -> ev.PostVacated:
    """Somebody holds a post no longer; what would have begun later never does."""
    return ev.PostVacated(
        unit=reference(unit),
        post_id=post_id,
        person_ref=tenure.person_ref,
        on=max(on, tenure.days.since).isoformat(),
        reason=reason,
        decided_by=decided_by,
    )


def _appointed(
    unit: Unit, command: c.AppointLeader | c.CarryPost, selection: Selection
) -> ev.LeaderAppointed:
    days = Days(command.on, unit.until_at_most(command.term_until))
    post = _post(unit, command.post_id)
    if later := next((tenure for tenure in post.tenures if tenure.days.overlaps(days)), None):
        raise invalid("term_until", f"held_from:{later.days.since.isoformat()}")
    return ev.LeaderAppointed(
        unit=reference(unit),
        post_id=command.post_id,
        person_ref=command.person_ref,
        on=command.on.isoformat(),
        term_until=written(command.term_until),
        decided_by=command.decided_by,
        carried_from=command.carried_from if isinstance(command, c.CarryPost) else "",
        nominated_on=written(selection.nominated_on),
        nominators=selection.nominators,
        vetted_on=written(selection.vetted_on),
    )


def _post(unit: Unit, post_id: str) -> Post:
    post = unit.post(post_id)
    if post is None:
        raise invalid("post_id", "unknown_post")
    return post


def _tenure(unit: Unit, post_id: str, on: date) -> Tenure:
    tenure = _post(unit, post_id).tenure_on(on)
    if tenure is None:
        raise invalid("on", "vacant_then")
    return tenure


def _candidate(unit: Unit, post_id: str, person_ref: str, on: date) -> Candidacy:
    candidate = _post(unit, post_id).candidate(person_ref)
    if candidate is None or on < candidate.nominated_on:
        raise IllegalTransition(
            "nobody is vetted or appointed whom residents did not nominate before",
            reason="not_nominated",
            state="unknown",
            allowed="NominateLeader",
        )
    return candidate


def _not_oneself(person_ref: str, decided_by: str) -> None:
    if person_ref == decided_by:
        raise invalid("person_ref", "decides_on_themselves")


POSTS: Mapping[tuple[str, type[Any]], Transition[Unit, Any]] = {
    **{(status, c.NominateLeader): Transition(nominate, (status,)) for status in (VACANT, HELD, ON_LEAVE)},
    **{(status, c.VetLeader): Transition(vet, (status,)) for status in (VACANT, HELD, ON_LEAVE)},
    (VACANT, c.AppointLeader): Transition(appoint, (HELD,)),
    (VACANT, c.CarryPost): Transition(carry, (HELD,)),
    (HELD, c.GrantLeave): Transition(grant_leave, (ON_LEAVE,)),
    (ON_LEAVE, c.EndLeave): Transition(end_leave, (HELD,)),
    (HELD, c.VacatePost): Transition(vacate, (VACANT,)),
    (ON_LEAVE, c.VacatePost): Transition(vacate, (VACANT,)),
}
"""What is lawful for a post."""
