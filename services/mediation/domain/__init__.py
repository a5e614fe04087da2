"""Mediation (人民调解) of a dispute: consent, mediator, sessions, agreement, eight ends. Pure.

`beginning` and `decisions` say what each message comes to, `folding` what the events change, `table` what is
lawful when.
"""

from services.mediation.domain.commands import (
    ChooseMediator,
    ClockRanOut,
    ConfirmMediator,
    EndMediation,
    ExtendTerm,
    GiveConsent,
    OpenMediation,
    ProposeAgreement,
    RecordSession,
    RefuseMediation,
    ScheduleSession,
    SignAgreement,
    Term,
)
from services.mediation.domain.decisions import Committee, agreement_key, session_key
from services.mediation.domain.dispute import (
    CHOOSING,
    CONFIRMING,
    CONSENTING,
    ENDED,
    EVENTS,
    MEDIATING,
    OPEN,
    OUTCOMES,
    RECEIVED,
    REFERRALS,
    SIGNING,
    Dispute,
    deadlines,
)
from services.mediation.domain.folding import FOLDS, evolve
from services.mediation.domain.table import consumed, deciding, firing, table

__all__ = [
    "CHOOSING",
    "CONFIRMING",
    "CONSENTING",
    "ENDED",
    "EVENTS",
    "FOLDS",
    "MEDIATING",
    "OPEN",
    "OUTCOMES",
    "RECEIVED",
    "REFERRALS",
    "SIGNING",
    "ChooseMediator",
    "ClockRanOut",
    "Committee",
    "ConfirmMediator",
    "Dispute",
    "EndMediation",
    "ExtendTerm",
    "GiveConsent",
    "OpenMediation",
    "ProposeAgreement",
    "RecordSession",
    "RefuseMediation",
    "ScheduleSession",
    "SignAgreement",
    "Term",
    "agreement_key",
    "consumed",
    "deadlines",
    "deciding",
    "evolve",
    "firing",
    "session_key",
    "table",
]
