"""What the sender loop needs of a channel, one file per channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.notify.rendering import Text


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address; held in memory only while it is sent."""

    delivery_id: str
    address: str
    text: Text
    written_at: datetime


class Verdict(Enum):
    """What a channel says of one message."""

    SENT = "sent"
    REFUSED = "refused"
    """For good: trying again is no use."""
    LATER = "later"
    """It may go through another time."""
    AWAY = "away"
    """As `LATER`: the other side could not be spoken to at all."""
    UNTRIED = "untried"
    """There was no time for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, with a code of why."""

    verdict: Verdict
    reason: str = ""


class Sender(Protocol):
    """A channel that carries messages out of the house."""

    def address(self, contact: Contact) -> str:
        """Where this channel reaches somebody; empty: nowhere."""
        ...

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send, and say of each letter in order what came of it; the other side's failures never raise."""
        ...
