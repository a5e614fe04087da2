"""Who is owed news of an accusation (检举控告): the accuser, and those who may handle it; nobody else, ever.

The texts name nothing of the matter but its number.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.petition.v1 import events_pb2 as petition
from services.notify.owed.parties import AWAY_TOO, HERE, News, Owed, accuser, inspectors

NUMBER = ("petition.request_no",)

OF_ACCUSATIONS: Mapping[type[Message], News] = MappingProxyType({
    intake.AccusationSubmitted: News(
        ("request_no",),
        (Owed(accuser, "accusation_received", AWAY_TOO), Owed(inspectors, "accusation_arrived", HERE)),
    ),
    petition.ReceiptNotified: News(
        NUMBER,
        (Owed(accuser, "accusation_receipt", AWAY_TOO),),
    ),
    petition.PetitionAccepted: News(
        NUMBER,
        (Owed(accuser, "accusation_accepted", AWAY_TOO),),
    ),
    petition.PetitionNotAccepted: News(
        NUMBER,
        (Owed(accuser, "accusation_not_accepted", AWAY_TOO),),
    ),
    petition.PetitionReplied: News(
        NUMBER,
        (Owed(accuser, "accusation_replied", AWAY_TOO),),
    ),
    petition.PetitionWithdrawn: News(
        NUMBER,
        (Owed(accuser, "accusation_withdrawn", AWAY_TOO),),
    ),
    petition.DutyOverdue: News(
        (*NUMBER, "clock"),
        (Owed(inspectors, "accusation_overdue", HERE),),
    ),
    petition.SupervisionAsked: News(
        NUMBER,
        (Owed(inspectors, "accusation_supervision", HERE),),
    ),
})  # fmt: skip

NOT_OWED_OF_ACCUSATIONS: frozenset[type[Message]] = frozenset(
    {
        # The accuser did it, or the answer to it is the news.
        intake.EscalationRequested,
        intake.WithdrawalRequested,
        # Steps within the office.
        petition.PetitionReceived,
        petition.PetitionRegistered,
        petition.PetitionRouted,
        petition.ReceiptNoticeWaived,
        petition.DutyWarned,
        # An accusation has no opinion, and no time for one.
        petition.DeadlineExtended,
        petition.OpinionIssued,
        petition.OpinionDelivered,
        petition.OpinionBecameFinal,
    }
)
