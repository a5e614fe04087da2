"""Why a service is not ready, by name: nothing waits silently (rule 13)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is waited for: a code, and what an operator needs to know.

    What does not `block` concerns single cases: it is named, and everything else goes on.
    """

    code: str
    detail: str
    blocks: bool = True


class Readiness:
    """The reasons that stand now; none means ready. Safe to use from any thread."""

    def __init__(self) -> None:
        """Ready until somebody says otherwise."""
        self._reasons: dict[str, Reason] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def ready(self) -> bool:
        """True when nothing is waited for that everything hangs on."""
        return not any(reason.blocks for reason in self.reasons)

    @property
    def reasons(self) -> list[Reason]:
        """What is waited for, sorted by code."""
        return sorted((*self._reasons.values(),), key=lambda reason: reason.code)

    def wait(self, code: str, detail: str, *, blocks: bool = True) -> None:
        """Something is waited for; a later call with the same code replaces the detail, without a word in
        the log: a count that grows would fill it.
        """
        before, now = self._reasons.get(code), Reason(code, detail, blocks)
        self._reasons[code] = now
        if before is None or before.blocks != blocks:
            log.warning("not_ready", code=code, detail=detail, blocks=blocks)
            self._tell()

    def name_cases(self, code: str, count: int, ids: Sequence[str]) -> None:
        """Single cases are stuck, `ids` among them; 0: none is any more. The service stays ready."""
        if count:
            self.wait(code, f"{count}: {', '.join(ids)}", blocks=False)
        else:
            self.clear(code)

    def clear(self, code: str) -> None:
        """It is there; nothing happens when it was not waited for."""
        if self._reasons.pop(code, None) is not None:
            log.info("wait_over", code=code)
            self._tell()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back at once and after every change, until what is returned is called."""
        self._listeners.append(listener)
        listener()
        return lambda: self._listeners.remove(listener)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
