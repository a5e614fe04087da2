"""Who may do what to which request: the table of methods, and what it leaves to the object."""

from services.chassis.auth import Principal, Role, Rule
from services.chassis.errors import CommandError, Forbidden, NotFound
from services.intake.domain import Request

SERVICE = "/fengqiao.intake.v1.IntakeService"

WHOLE_SITE = frozenset({Role.CLERK, Role.DESK, Role.SUPERVISOR, Role.SERVICE, Role.REPLAY})
"""Roles that see every request of their site; handlers see their units', residents and agencies their own."""

SUBMITTERS = frozenset({Role.RESIDENT, Role.HANDLER, Role.CLERK, Role.DESK, Role.REPLAY})
READERS = WHOLE_SITE | {Role.RESIDENT, Role.HANDLER, Role.AGENCY}
# The resident's voice: no handler withdraws, rates or reopens on a resident's behalf.
VOICES = frozenset({Role.RESIDENT, Role.CLERK, Role.DESK, Role.REPLAY})
# Who may promise a due time for the house.
PROMISERS = frozenset({Role.CLERK, Role.AGENCY, Role.REPLAY})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/SubmitRequest": Rule(SUBMITTERS),
    f"{SERVICE}/ImportRequests": Rule(frozenset({Role.CLERK, Role.DESK, Role.REPLAY}), verdict_each=True),
    f"{SERVICE}/GetRequest": Rule(READERS),
    # The code is the right; the token only says that somebody is there.
    f"{SERVICE}/TrackRequest": Rule(frozenset(Role)),
    f"{SERVICE}/WatchTimeline": Rule(READERS),
    f"{SERVICE}/WithdrawRequest": Rule(VOICES),
    f"{SERVICE}/RequestEscalation": Rule(VOICES),
    f"{SERVICE}/RateOutcome": Rule(VOICES),
    f"{SERVICE}/ReopenRequest": Rule(VOICES),
    f"{SERVICE}/PutContact": Rule(SUBMITTERS),
    f"{SERVICE}/ResolveContact": Rule(frozenset({Role.SERVICE, Role.CLERK, Role.DESK})),
    f"{SERVICE}/RegisterSource": Rule(frozenset({Role.OPERATOR, Role.REPLAY})),
}


def may_see(principal: Principal, request: Request) -> bool:
    """Whether a request is within the caller's reach."""
    if not principal.at(request.site_id):
        return False
    if principal.role is Role.RESIDENT:
        return bool(request.person_ref) and principal.subject == request.person_ref
    if principal.role is Role.AGENCY:
        return bool(request.source) and principal.subject == request.source
    return principal.role in WHOLE_SITE or principal.covers(request.unit_id)


def out_of_reach(principal: Principal) -> CommandError:
    """What is said of a request that is not there, and of one that the caller may not see: the same."""
    if principal.role in WHOLE_SITE:
        return NotFound("no such request")
    return Forbidden("no such request within your reach")
