"""Whom an event is news to. Pure: each says it of one event, by references alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import followup_events_pb2 as followup

EMAIL, IN_APP = "email", "in_app"
AWAY_TOO = (EMAIL, IN_APP)
HERE = (IN_APP,)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a delivery goes to; `unit_id` is the unit that staff are told for, empty for a resident."""

    ref: str
    unit_id: str = ""


Who = Callable[[Any], tuple[Recipient, ...]]


@dataclass(frozen=True, slots=True)
class Owed:
    """One party's share of the news."""

    who: Who
    template: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What an event is news of: the facts that its templates may tell (paths into the event), and to whom."""

    facts: tuple[str, ...]
    owed: tuple[Owed, ...]


# -- the ladder ----------------------------------------------------------------------------------------------


def resident(event: Any) -> tuple[Recipient, ...]:
    """Whoever asked; nobody for an anonymous report."""
    ref = event.person_ref if isinstance(event, intake.RequestSubmitted) else event.case.person_ref
    return (Recipient(ref),)


def holder(event: Any) -> tuple[Recipient, ...]:
    """The holder of the post that owns the case now; the post itself while nobody holds it."""
    owner = event.assignment
    return (Recipient(owner.holder_ref or owner.post_id, owner.unit_id),)


def post(event: Any) -> tuple[Recipient, ...]:
    """The post that owns the case, whoever holds it."""
    return (Recipient(event.assignment.post_id, event.assignment.unit_id),)


def unit(event: Any) -> tuple[Recipient, ...]:
    """The unit that owned the case, where the event names no holder."""
    return (Recipient(f"unit:{event.unit_id}", event.unit_id),)


def superior(event: Any) -> tuple[Recipient, ...]:
    """The unit that rules on a return."""
    return (Recipient(f"unit:{event.superior_unit_id}", event.superior_unit_id),)


def overseer(event: Any) -> tuple[Recipient, ...]:
    """The superior who sees to it; the command desk where that is no unit."""
    return _unit_or_desk(event, event.superior_unit_id)


def resident_if_moved(event: Any) -> tuple[Recipient, ...]:
    """Whoever asked, if the matter is due at another time now."""
    return resident(event) if event.due_at != event.former_due_at else ()


def holder_if_moved(event: Any) -> tuple[Recipient, ...]:
    """The owner's holder, if one of its clocks ends at another time now: not where it is merely certain."""
    moved = any(clock.due_at != former for clock, former in zip(event.clocks, event.former, strict=False))
    return holder(event) if moved else ()


def orderer(event: Any) -> tuple[Recipient, ...]:
    """Whoever ordered a supervision, or sees to it by now; the command desk where that is no unit."""
    unit_id = event.orderer_unit_id
    return (Recipient(f"unit:{unit_id}", unit_id),) if unit_id else desk(event)


def assisting(event: Any) -> tuple[Recipient, ...]:
    """Who is asked to assist: the unit, or who was on duty in the department; the desk where nobody was."""
    if event.unit_id:
        return unit(event)
    return (Recipient(event.person_ref),) if event.person_ref else desk(event)


def lead(event: Any) -> tuple[Recipient, ...]:
    """The unit that leads where others assist."""
    return (Recipient(f"unit:{event.lead_unit_id}", event.lead_unit_id),)


def caller(event: Any) -> tuple[Recipient, ...]:
    """Whoever is to call the resident back; the command desk where that is no unit."""
    return _unit_or_desk(event, event.caller_unit_id)


def reviewer(event: Any) -> tuple[Recipient, ...]:
    """Whoever is to review a settlement; the command desk where that is no unit."""
    return _unit_or_desk(event, event.reviewer_unit_id)


def not_reached(event: Any) -> tuple[Recipient, ...]:
    """Whoever asked, where the case was closed because they could not be reached; else they know."""
    return resident(event) if event.closed_by == followup.CLOSED_BY_UNREACHABLE else ()


def approver(event: Any) -> tuple[Recipient, ...]:
    """Whoever approves a pause or an extension; the command desk where that is no unit."""
    return _unit_or_desk(event, event.approver_unit_id)


def _unit_or_desk(event: Any, unit_id: str) -> tuple[Recipient, ...]:
    return (Recipient(f"unit:{unit_id}", unit_id),) if unit_id else desk(event)


def desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.case.site_id}"),)


def urgent_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk, where the case is urgent or its kind is a risk kind; nobody where it is neither."""
    return desk(event) if event.urgent or event.risk else ()


def reporter(event: Any) -> tuple[Recipient, ...]:
    """The light reporter of a sighting, as such: what they are told in another role is no part of it."""
    return (Recipient(reporter_of(event.reporter_ref)),)


def reporter_of(person_ref: str) -> str:
    """Somebody in the role of a light reporter."""
    return f"reporter:{person_ref}"


# -- rosters -------------------------------------------------------------------------------------------------


def answerer(event: Any) -> tuple[Recipient, ...]:
    """Whoever of a department was asked to come."""
    return (Recipient(event.person_ref),)


def summoning(event: Any) -> tuple[Recipient, ...]:
    """The unit whose case a department was summoned to."""
    return (Recipient(f"unit:{event.summons.unit_id}", event.summons.unit_id),)


def summons_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.summons.site_id}"),)


# -- forces --------------------------------------------------------------------------------------------------


def volunteers(event: Any) -> tuple[Recipient, ...]:
    """Whoever was asked to come to a call-out."""
    return tuple(Recipient(each.person_ref) for each in event.asked)


def not_needed(event: Any) -> tuple[Recipient, ...]:
    """Whoever was expected at a call-out."""
    return tuple(Recipient(ref) for ref in event.person_refs)


def calling(event: Any) -> tuple[Recipient, ...]:
    """The unit that volunteers were called out for."""
    return (Recipient(f"unit:{event.call_out.told_unit_id}", event.call_out.told_unit_id),)


def call_out_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.call_out.site_id}"),)


# -- joint meetings ------------------------------------------------------------------------------------------


def invited(event: Any) -> tuple[Recipient, ...]:
    """The units that are invited to a joint meeting."""
    return tuple(Recipient(f"unit:{code}", code) for code in event.units)


def tasked(event: Any) -> tuple[Recipient, ...]:
    """The unit that has a task of a joint meeting."""
    return (Recipient(f"unit:{event.unit_id}", event.unit_id),)


def meeting_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.meeting.site_id}"),)


# -- emergencies ---------------------------------------------------------------------------------------------


def area(event: Any) -> tuple[Recipient, ...]:
    """The unit whose cases are placed by other rules."""
    return (Recipient(f"unit:{event.emergency.unit_id}", event.emergency.unit_id),)


def emergency_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.emergency.site_id}"),)


# -- screening campaigns -------------------------------------------------------------------------------------


def told(event: Any) -> tuple[Recipient, ...]:
    """The units that a campaign is told to."""
    return tuple(Recipient(f"unit:{code}", code) for code in event.told)


def screening_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site."""
    return (Recipient(f"desk:{event.screening.site_id}"),)


# -- mediation -----------------------------------------------------------------------------------------------


def parties(event: Any) -> tuple[Recipient, ...]:
    """Every party of a mediation."""
    return tuple(Recipient(ref) for ref in event.mediation.party_refs)


def parties_and_asker(event: Any) -> tuple[Recipient, ...]:
    """Every party, and whoever made the request, if that is no party."""
    return (*parties(event), Recipient(event.mediation.person_ref))


def mediator(event: Any) -> tuple[Recipient, ...]:
    """The mediator, for the committee's unit."""
    return (Recipient(event.mediation.mediator_ref, event.mediation.unit_id),)


# -- petitions -----------------------------------------------------------------------------------------------


def petitioner(event: Any) -> tuple[Recipient, ...]:
    """Whoever petitioned; nobody where that is unknown."""
    return (Recipient(event.petition.person_ref),)


def organ(event: Any) -> tuple[Recipient, ...]:
    """The organ that handles a petition. Never asked of an accusation."""
    return (Recipient(f"unit:{event.petition.unit_id}", event.petition.unit_id),)


def petition_desk(event: Any) -> tuple[Recipient, ...]:
    """The command desk of the site. Never asked of an accusation."""
    return (Recipient(f"desk:{event.petition.site_id}"),)


# -- accusations ---------------------------------------------------------------------------------------------


def accuser(event: Any) -> tuple[Recipient, ...]:
    """Whoever accuses; nobody where that is unknown."""
    return (Recipient(_accusation(event).person_ref),)


def inspectors(event: Any) -> tuple[Recipient, ...]:
    """Those who may handle accusations, as a body that no unit is part of."""
    return (Recipient(inspectors_of(_accusation(event).site_id)),)


def inspectors_of(site: str) -> str:
    """The body that a site's inspectors are told as; never an accuser by name."""
    return f"discipline:{site}"


def _accusation(event: Any) -> Any:
    """What names accuser and site: intake's event itself, or petition's reference."""
    return event if isinstance(event, intake.AccusationSubmitted) else event.petition
