"""Who may do what with which dispute. What is missing and what is out of reach are told alike."""

from services.chassis.auth import Principal, Role
from services.chassis.errors import Forbidden
from services.mediation import domain
from services.mediation.domain import Dispute

STAFF = frozenset({Role.HANDLER, Role.CLERK, Role.DESK})
BY_PARTIES = (domain.GiveConsent, domain.RefuseMediation, domain.ChooseMediator)
BY_MEDIATOR = (
    domain.ConfirmMediator,
    domain.ScheduleSession,
    domain.RecordSession,
    domain.ExtendTerm,
    domain.ProposeAgreement,
)


def may_act(principal: Principal, dispute: Dispute, command: object) -> bool:
    """A party acts for itself, or mediator or committee write down what it said; the rest is by office."""
    if not principal.at(dispute.site_id):
        return False
    if isinstance(command, BY_PARTIES):
        own = principal.role is Role.RESIDENT and principal.subject == command.party_ref
        return own or is_mediator(principal, dispute) or is_staff(principal, dispute)
    if isinstance(command, domain.SignAgreement):
        return is_party(principal, dispute) or is_mediator(principal, dispute) or is_staff(principal, dispute)
    if isinstance(command, BY_MEDIATOR):
        return is_mediator(principal, dispute)
    if isinstance(command, domain.EndMediation) and is_mediator(principal, dispute):
        return True
    return is_staff(principal, dispute)


def may_see(principal: Principal, dispute: Dispute) -> bool:
    """The parties, whoever made the request, the mediator, and the committee's site."""
    if not principal.at(dispute.site_id):
        return False
    if principal.role is Role.RESIDENT:
        return is_party(principal, dispute) or (
            bool(dispute.person_ref) and principal.subject == dispute.person_ref
        )
    if principal.role is Role.SUPERVISOR:
        return True
    return is_mediator(principal, dispute) or is_staff(principal, dispute)


def may_read(principal: Principal, dispute: Dispute) -> bool:
    """Whether they may read what was said and agreed: the parties, the mediator, the committee."""
    if is_party(principal, dispute) or is_mediator(principal, dispute):
        return True
    return principal.role is Role.HANDLER and principal.covers(dispute.unit_id)


def is_party(principal: Principal, dispute: Dispute) -> bool:
    """Whether the caller is one of the parties."""
    return principal.role is Role.RESIDENT and principal.subject in dispute.party_refs


def is_mediator(principal: Principal, dispute: Dispute) -> bool:
    """Whether the caller is the dispute's mediator, asked or confirmed."""
    mine = bool(dispute.mediator_ref) and principal.subject == dispute.mediator_ref
    return principal.role is Role.MEDIATOR and mine


def is_staff(principal: Principal, dispute: Dispute) -> bool:
    """Whether the caller works for the committee's unit, or for the whole site."""
    return principal.role in STAFF and (
        principal.role is not Role.HANDLER or principal.covers(dispute.unit_id)
    )


def out_of_reach() -> Forbidden:
    """What is said of a dispute that is not there or not the caller's: the same, so that neither tells."""
    return Forbidden("no such mediation in your reach")
