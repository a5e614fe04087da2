"""Where somebody can be reached: read from intake's vault at sending time, never kept."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

import grpc

from fengqiao.intake.v1.intake_service_pb2 import Contact, ResolveContactRequest
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from services.chassis import client
from services.chassis.errors import Infrastructure
from services.notify.settings import NotifySettings

PURPOSE = "notice_delivery"
NOBODY = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT})
ONE_ALONE = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})
"""Codes that say that this one contact can't be read; every other one is a wait for intake."""


class Contacts(Protocol):
    """What the sender loop needs of the vault."""

    async def resolve(self, person_refs: Collection[str]) -> Mapping[str, Contact | None]:
        """The contacts of people: an empty one for who is not there (any more), None where it can't be read.

        Raises:
            Infrastructure: the vault is away.
        """
        ...


class IntakeContacts:
    """Asks intake, as the service that it is."""

    def __init__(self, settings: NotifySettings) -> None:
        """Call it in the event loop that uses it."""
        self._settings = settings
        self._stub = IntakeServiceStub(client.channel(settings.intake_address, tls=settings))

    async def resolve(self, person_refs: Collection[str]) -> Mapping[str, Contact | None]:
        """See `Contacts.resolve`."""
        refs = sorted(set(person_refs))
        found = await asyncio.gather(*(self._one(ref) for ref in refs))
        return dict(zip(refs, found, strict=True))

    async def _one(self, person_ref: str) -> Contact | None:
        request = ResolveContactRequest(person_ref=person_ref, purpose=PURPOSE)
        try:
            token = client.token_from(self._settings.service_token_file)
            answer = await self._stub.ResolveContact(
                request, metadata=token, timeout=self._settings.intake_timeout_s
            )
        except OSError as error:
            raise Infrastructure(f"service token: {error.strerror}") from error
        except grpc.aio.AioRpcError as error:
            if error.code() in NOBODY:
                return Contact()
            if error.code() in ONE_ALONE:
                return None
            raise Infrastructure(f"intake: {error.code().name}") from error
        return answer.contact
