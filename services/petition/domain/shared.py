"""What several decisions say of a petition, as parts of events."""

from fengqiao.petition.v1 import events_pb2 as ev
from services.chassis.model import Emit
from services.petition.domain.petition import OUTCOMES, Petition


def reference(petition: Petition, unit_id: str | None = None) -> ev.PetitionReference:
    """Which petition, and who has it (or will, with `unit_id`)."""
    return ev.PetitionReference(
        request_no=petition.request_no,
        site_id=petition.site_id,
        person_ref=petition.person_ref,
        unit_id=petition.unit_id if unit_id is None else unit_id,
        accused_unit_id=petition.accused_unit_id,
    )


def concluded(petition: Petition, conclusion: str) -> tuple[Emit, ...]:
    """The word to routing that the case is its own again; of an accusation it never hears."""
    if petition.accusation:
        return ()
    event = ev.PetitionConcluded(
        petition=reference(petition), referral=petition.referral, conclusion=conclusion
    )
    return (Emit(event, only=OUTCOMES),)
