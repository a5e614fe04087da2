"""Who may do what to which request: the table of methods, and what it leaves to the object.

An accusation is there for its accuser, the agency that sent it, and inspectors whom it is not about;
everybody else is told what is told of nothing.
"""

from services.chassis.auth import Principal, Role, Rule
from services.chassis.errors import CommandError, Forbidden, NotFound
from services.intake.accusations import Accusation
from services.intake.domain import Request

SERVICE = "/fengqiao.intake.v1.IntakeService"

WHOLE_SITE = frozenset({Role.CLERK, Role.DESK, Role.SUPERVISOR, Role.SERVICE, Role.REPLAY})
"""Roles that see every request of their site; handlers see their units', residents and agencies their own."""

SUBMITTERS = frozenset({Role.RESIDENT, Role.HANDLER, Role.CLERK, Role.DESK, Role.REPLAY})
READERS = WHOLE_SITE | {Role.RESIDENT, Role.HANDLER, Role.AGENCY, Role.INSPECTOR}
ACCUSATIONS = frozenset({Role.RESIDENT, Role.AGENCY, Role.INSPECTOR})
"""Roles that some accusation may be there for; nobody else's call even looks for one."""
# The resident's voice: no handler withdraws, rates or reopens on a resident's behalf.
VOICES = frozenset({Role.RESIDENT, Role.CLERK, Role.DESK, Role.REPLAY})
# Nobody at the counter sees an accusation: who comes back to one speaks to an inspector.
WISHES = VOICES | {Role.INSPECTOR}
# Who sees both may say what two requests have to do with each other.
MATCHERS = frozenset({Role.HANDLER, Role.CLERK, Role.DESK})
# Who may promise a due time for the house.
PROMISERS = frozenset({Role.CLERK, Role.AGENCY, Role.REPLAY})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/SubmitRequest": Rule(SUBMITTERS),
    f"{SERVICE}/ImportRequests": Rule(frozenset({Role.CLERK, Role.DESK, Role.REPLAY}), verdict_each=True),
    f"{SERVICE}/GetRequest": Rule(READERS),
    # The code is the right; the token only says that somebody is there. A light reporter sees no case at all.
    f"{SERVICE}/TrackRequest": Rule(frozenset(Role) - {Role.REPORTER}),
    f"{SERVICE}/WatchTimeline": Rule(READERS),
    f"{SERVICE}/WithdrawRequest": Rule(WISHES),
    f"{SERVICE}/RequestEscalation": Rule(WISHES),
    f"{SERVICE}/RequestReferral": Rule(VOICES),
    f"{SERVICE}/RateOutcome": Rule(VOICES),
    f"{SERVICE}/ReopenRequest": Rule(VOICES),
    f"{SERVICE}/ReportSighting": Rule(frozenset({Role.REPORTER})),
    f"{SERVICE}/GetFeedback": Rule(frozenset({Role.REPORTER})),
    f"{SERVICE}/PutContact": Rule(SUBMITTERS),
    f"{SERVICE}/ResolveContact": Rule(frozenset({Role.SERVICE, Role.CLERK, Role.DESK})),
    f"{SERVICE}/RegisterSource": Rule(frozenset({Role.OPERATOR, Role.REPLAY})),
    f"{SERVICE}/SuggestDuplicates": Rule(MATCHERS | {Role.SUPERVISOR}),
    f"{SERVICE}/LinkRequests": Rule(MATCHERS),
    f"{SERVICE}/RejectDuplicate": Rule(MATCHERS),
}


def may_see(principal: Principal, request: Request) -> bool:
    """Whether a request is within the caller's reach."""
    if not principal.at(request.site_id):
        return False
    if principal.role in {Role.RESIDENT, Role.AGENCY}:
        return is_from(principal, request)
    if principal.role is Role.HANDLER:
        return principal.covers(request.unit_id)
    return principal.role in WHOLE_SITE


def may_see_accusation(principal: Principal, accusation: Accusation) -> bool:
    """Whether an accusation is within the caller's reach."""
    if not principal.at(accusation.site_id):
        return False
    if principal.role is Role.INSPECTOR:
        return inspects(principal, accusation.accused_unit_id)
    return is_from(principal, accusation)


def is_from(principal: Principal, taken: Request | Accusation) -> bool:
    """Whether the caller is the resident who asks, or the agency that sent it."""
    ref = {Role.RESIDENT: taken.person_ref, Role.AGENCY: taken.source}.get(principal.role, "")
    return bool(ref) and principal.subject == ref


def inspects(principal: Principal, accused_unit_id: str) -> bool:
    """Whether an inspector acts for some unit, and for none that is accused or within the accused one."""
    within = f"{accused_unit_id}/"
    return bool(principal.units) and not any(f"{unit}/".startswith(within) for unit in principal.units)


def told_whom(principal: Principal) -> bool:
    """Whether the caller is told which unit an accusation is about; an agency is not."""
    return principal.role in {Role.RESIDENT, Role.INSPECTOR}


def out_of_reach(principal: Principal) -> CommandError:
    """What is said of a request that is not there, and of one that the caller may not see: the same."""
    if principal.role in WHOLE_SITE:
        return NotFound("no such request")
    return Forbidden("no such request within your reach")
