"""What the tests of the gRPC edge share: key pairs with the tokens they sign, and a servicer that obeys."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.auth import Principal, Role, Rule
from services.chassis.clock import process_time
from services.chassis.rpc import principal
from services.chassis.settings import Settings

OPERATIONS = "/fengqiao.common.v1.OperationsService"
WATCH_BOARD = "/fengqiao.routing.v1.RoutingService/WatchBoard"
RULES = {
    f"{OPERATIONS}/GetStatus": Rule(frozenset({Role.OPERATOR, Role.SERVICE})),
    f"{OPERATIONS}/MoveReplayClock": Rule(frozenset({Role.OPERATOR})),
    WATCH_BOARD: Rule(frozenset({Role.OPERATOR})),
}


def settings(**changes: Any) -> Settings:
    """Settings of a service of no importance."""
    return Settings.model_validate(
        {"service": "toy", "environment": "development", "rpc_grace_s": 2.0} | changes
    )


class Keys:
    """An issuer's key pair."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()

    @property
    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Sound claims; a change to None leaves one out."""
        now = process_time()
        claims = {
            "iss": "https://login.example",
            "aud": "fengqiao",
            "sub": "post-7",
            "role": "operator",
            "site": "jili",
            "units": ["jili/a"],
            "iat": now,
            "exp": now + timedelta(minutes=55),
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def mint(self, **changes: Any) -> str:
        """A token with these claims."""
        return jwt.encode(self.claims(**changes), self.private, algorithm="EdDSA")


def key_file(folder: Path, *keys: Keys) -> Path:
    """A PEM file of public keys."""
    path = folder / "keys.pem"
    path.write_bytes(b"".join(key.pem for key in keys))
    return path


class Silent:
    """A servicer whose methods nobody may reach, but those that a subclass has."""

    def __getattr__(self, method: str) -> Callable[[Any, Any], Any]:
        async def nobody(_request: Any, _context: Any) -> Any:
            raise AssertionError(method)

        return nobody


class Obedient(Silent):
    """Does in GetStatus what a test says, and remembers who called."""

    def __init__(self, act: Callable[[Any], Any] | None = None) -> None:
        self.act = act
        self.callers: list[Principal] = []

    async def GetStatus(  # noqa: N802 - gRPC's name
        self, request: operations.GetStatusRequest, context: Any
    ) -> operations.GetStatusResponse:
        del request
        self.callers.append(principal())
        if self.act:
            await self.act(context)
        return operations.GetStatusResponse(service=principal().subject)

    async def MoveReplayClock(  # noqa: N802 - gRPC's name
        self, request: operations.MoveReplayClockRequest, context: Any
    ) -> operations.MoveReplayClockResponse:
        del context
        return operations.MoveReplayClockResponse(now=request.to)


class Board(Silent):
    """Streams what a test says."""

    def __init__(self, stream: Callable[[], AsyncIterator[routing.WatchBoardResponse]]) -> None:
        self.stream = stream

    async def WatchBoard(  # noqa: N802 - gRPC's name
        self, request: routing.WatchBoardRequest, context: Any
    ) -> AsyncIterator[routing.WatchBoardResponse]:
        del request, context
        async for response in self.stream():
            yield response
