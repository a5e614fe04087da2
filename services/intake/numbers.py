"""What a request is called: a number for people, a tracking code for who has it."""

import asyncio
import secrets
from collections import deque

from services.chassis.store import Blocks
from services.chassis.threads import Threads
from services.intake.domain import request_number

# No I, O, 0, 1: codes are read out over the telephone. Twelve of 32 signs are 60 bits.
CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 12


class Numbers:
    """Request numbers of each site, counted from 1; a retry or a crash leaves gaps, never a repeat."""

    def __init__(self, blocks: Blocks) -> None:
        """`blocks` reserves numbers in the store."""
        self._blocks = blocks
        self._free: dict[str, deque[int]] = {}
        self._asking = asyncio.Lock()

    async def take(self, site: str, count: int, threads: Threads) -> list[str]:
        """The next numbers of a site, from a block in memory while it lasts.

        Raises:
            Infrastructure: the store is away and the block is used up.
        """
        free = self._free.setdefault(site, deque())
        while len(free) < count:
            async with self._asking:
                if len(free) < count:
                    free.extend(await threads.run(self._blocks.reserve, f"request/{site}"))
        return [request_number(site, free.popleft()) for _ in range(count)]


def tracking_code() -> str:
    """A code that can't be guessed; whoever has it may follow the request."""
    return "".join(secrets.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))
