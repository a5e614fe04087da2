"""What several decisions say of a dispute, as parts of events."""

from collections.abc import Sequence
from typing import Any

from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis.model import Emit
from services.mediation.domain.dispute import OUTCOMES, Dispute


def reference(
    dispute: Dispute, *, party_refs: Sequence[str] | None = None, mediator_ref: str | None = None
) -> ev.MediationReference:
    """Which mediation, and whom it concerns (or will, with what is given)."""
    return ev.MediationReference(
        request_no=dispute.request_no,
        site_id=dispute.site_id,
        person_ref=dispute.person_ref,
        mediation=dispute.number,
        party_refs=dispute.party_refs if party_refs is None else party_refs,
        mediator_ref=dispute.mediator_ref if mediator_ref is None else mediator_ref,
        unit_id=dispute.unit_id,
    )


def ended(dispute: Dispute, reason: ev.EndReason.ValueType, **facts: Any) -> Emit:
    """The end, told to routing as well."""
    event = ev.MediationEnded(mediation=reference(dispute), referral=dispute.referral, reason=reason, **facts)
    return Emit(event, also=(OUTCOMES,))
