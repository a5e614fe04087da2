"""Addresses are read from intake by gRPC, with a purpose and the service's own token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.local.issuer import Issuer
from deploy.local.ports import LOOPBACK
from fengqiao.intake.v1.intake_service_pb2 import Contact, ResolveContactRequest, ResolveContactResponse
from fengqiao.intake.v1.intake_service_pb2_grpc import (
    IntakeServiceServicer,
    add_IntakeServiceServicer_to_server,
)
from services.chassis.auth import Role, Rule
from services.chassis.errors import Infrastructure, NotFound
from services.chassis.readiness import Readiness
from services.chassis.rpc import principal, serving
from services.notify.contacts import IntakeContacts
from services.notify.settings import NotifySettings

KNOWN = Contact(email="canary@example.org")
RULES = {"/fengqiao.intake.v1.IntakeService/ResolveContact": Rule(frozenset({Role.SERVICE}))}


@dataclass
class Intake(IntakeServiceServicer):
    """As much of intake as notify calls."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    away: bool = False

    async def ResolveContact(  # noqa: N802 - gRPC's name
        self, request: ResolveContactRequest, context: Any
    ) -> ResolveContactResponse:
        self.asked.append((request.person_ref, request.purpose, principal().subject))
        if self.away:
            raise Infrastructure("store: away")
        if request.person_ref == "p-broken":
            raise ValueError("cannot be decrypted")
        if request.person_ref != "p-1":
            raise NotFound("no such person")
        return ResolveContactResponse(contact=KNOWN)


@pytest.fixture
def intake() -> Intake:
    return Intake()  # type: ignore[abstract]  # the other methods answer UNIMPLEMENTED


@pytest.fixture
async def settings(intake: Intake, tmp_path: Path) -> AsyncIterator[NotifySettings]:
    issuer = Issuer(tmp_path)
    (tmp_path / "notify.jwt").write_text(issuer.mint("service", "service/notify", "*"))
    served = NotifySettings(environment="development", jwt_public_keys=issuer.public_keys, rpc_grace_s=0.1)
    servicers = [(add_IntakeServiceServicer_to_server, intake)]
    async with serving(served, servicers, RULES, Readiness()) as port:
        yield NotifySettings(
            intake_address=f"{LOOPBACK}:{port}",
            service_token_file=tmp_path / "notify.jwt",
            intake_timeout_s=2,
        )


async def test_each_person_is_asked_for_once_with_the_purpose_as_the_service(
    settings: NotifySettings, intake: Intake
) -> None:
    assert await IntakeContacts(settings).resolve(["p-1", "p-1"]) == {"p-1": KNOWN}
    assert intake.asked == [("p-1", "notice_delivery", "service/notify")]


async def test_somebody_who_is_not_there_has_no_address(settings: NotifySettings) -> None:
    assert await IntakeContacts(settings).resolve(["p-1", "p-2"]) == {"p-1": KNOWN, "p-2": Contact()}


async def test_a_contact_that_intake_cannot_read_is_told_apart(settings: NotifySettings) -> None:
    found = await IntakeContacts(settings).resolve(["p-1", "p-broken"])
    assert found == {"p-1": KNOWN, "p-broken": None}


async def test_intake_away_is_a_wait_and_no_answer(settings: NotifySettings, intake: Intake) -> None:
    intake.away = True
    with pytest.raises(Infrastructure, match="intake: UNAVAILABLE"):
        await IntakeContacts(settings).resolve(["p-1"])
    nowhere = settings.model_copy(update={"intake_address": f"{LOOPBACK}:1"})
    with pytest.raises(Infrastructure, match="intake: UNAVAILABLE"):
        await IntakeContacts(nowhere).resolve(["p-1"])


async def test_a_token_that_intake_refuses_is_a_wait_too(settings: NotifySettings, tmp_path: Path) -> None:
    (tmp_path / "notify.jwt").write_text("nonsense")
    with pytest.raises(Infrastructure, match="intake: UNAUTHENTICATED"):
        await IntakeContacts(settings).resolve(["p-1"])


async def test_a_lost_token_file_is_a_wait_too(settings: NotifySettings, tmp_path: Path) -> None:
    (tmp_path / "notify.jwt").unlink()
    with pytest.raises(Infrastructure, match="service token"):
        await IntakeContacts(settings).resolve(["p-1"])
