"""What a request is called: a number for people, a tracking code for who has it."""

import secrets
import threading

from services.chassis.store import Blocks
from services.intake.domain import request_number

# No I, O, 0, 1: codes are read out over the telephone. Twelve of 32 signs are 60 bits.
CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 12


class Numbers:
    """Request numbers of each site, counted from 1; a retry or a crash leaves gaps, never a repeat."""

    def __init__(self, blocks: Blocks) -> None:
        """`blocks` reserves numbers in the store."""
        self._blocks = blocks
        self._lock = threading.Lock()

    def take(self, site: str, count: int) -> list[str]:
        """The next numbers of a site; blocks when the store must be asked."""
        with self._lock:
            return [request_number(site, self._blocks.take(f"request/{site}")) for _ in range(count)]


def tracking_code() -> str:
    """A code that can't be guessed; whoever has it may follow the request."""
    return "".join(secrets.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))
