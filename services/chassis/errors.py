"""The errors a caller can be told of, and the one that means: wait."""

from collections.abc import Sequence
from dataclasses import dataclass


class Infrastructure(Exception):
    """Broker, store or another service is away: wait, retry, acknowledge nothing."""


class Poison(Exception):
    """A message that can't be applied however often it is tried; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one field of a message."""

    field: str
    reason: str


class CommandError(Exception):
    """A command that was refused; nothing changed. Subclasses name the gRPC status it ends in."""

    reason = "refused"

    def __init__(self, message: str, *, reason: str | None = None, **details: str) -> None:
        super().__init__(message)
        self.reason = reason or type(self).reason
        self.details = details


class Invalid(CommandError):
    """Fields are wrong; each is named."""

    reason = "invalid_argument"

    def __init__(self, violations: Sequence[Violation], **details: str) -> None:
        """`details` may name the `rule` that is broken."""
        super().__init__("; ".join(f"{v.field}: {v.reason}" for v in violations), **details)
        self.violations = tuple(violations)


class NotFound(CommandError):
    """There is no such thing, and the caller may know it."""

    reason = "not_found"


class Forbidden(CommandError):
    """No right; whether the thing exists is not told."""

    reason = "permission_denied"


class Unauthenticated(CommandError):
    """No token, or none that can be trusted."""

    reason = "unauthenticated"


class IllegalTransition(CommandError):
    """The state does not allow the command; `details` name the state and what is allowed."""

    reason = "illegal_transition"


class NotYetRouted(CommandError):
    """The aggregate is known, its opening event has not come yet: try again shortly."""

    reason = "not_yet_routed"


class StaleRevision(CommandError):
    """The aggregate moved on since the client looked."""

    reason = "stale_revision"


class KeyReused(CommandError):
    """The idempotency key was used with another body."""

    reason = "idempotency_key_reused"


class Contended(CommandError):
    """Too many others wrote at once; safe to try again with the same key."""

    reason = "contended"


class TooLarge(CommandError):
    """An event or a document would exceed its limit."""

    reason = "too_large"
