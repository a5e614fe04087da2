"""Petitions (信访): received, notified, accepted, answered, each with its clock. Pure: no I/O, no clock.

`arrivals` and `decisions` say what each message comes to, `folding` what the events change, `table` what is
lawful when. Accusations (检举控告) go the same way, apart.
"""

from services.petition.domain.commands import (
    AcceptPetition,
    ClockRanOut,
    DeliverOpinion,
    ExtendDeadline,
    IssueOpinion,
    NotifyReceipt,
    RegisterPetition,
    ReplyToPetition,
    RoutePetition,
)
from services.petition.domain.decisions import Office
from services.petition.domain.folding import FOLDS, evolve
from services.petition.domain.petition import (
    ACCEPTED,
    ACCUSATIONS,
    ENDED,
    EVENTS,
    FINAL,
    NOT_ACCEPTED,
    NOTIFIED,
    OPEN,
    OPINION_DELIVERED,
    OPINION_ISSUED,
    OUTCOMES,
    RECEIVED,
    REFERRALS,
    REGISTERED,
    REPLIED,
    RESTRICTED,
    ROUTED,
    WITHDRAWN,
    Petition,
    deadlines,
)
from services.petition.domain.table import consumed, consumed_of_accusations, deciding, firing, table

__all__ = [
    "ACCEPTED",
    "ACCUSATIONS",
    "ENDED",
    "EVENTS",
    "FINAL",
    "FOLDS",
    "NOTIFIED",
    "NOT_ACCEPTED",
    "OPEN",
    "OPINION_DELIVERED",
    "OPINION_ISSUED",
    "OUTCOMES",
    "RECEIVED",
    "REFERRALS",
    "REGISTERED",
    "REPLIED",
    "RESTRICTED",
    "ROUTED",
    "WITHDRAWN",
    "AcceptPetition",
    "ClockRanOut",
    "DeliverOpinion",
    "ExtendDeadline",
    "IssueOpinion",
    "NotifyReceipt",
    "Office",
    "Petition",
    "RegisterPetition",
    "ReplyToPetition",
    "RoutePetition",
    "consumed",
    "consumed_of_accusations",
    "deadlines",
    "deciding",
    "evolve",
    "firing",
    "table",
]
