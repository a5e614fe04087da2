"""Puts those whom sheets name into intake's vault: only the reference that it gives goes on to the directory.

What is named is never told: a verdict has sheet, row, column and a code.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from services.chassis.client import details_of
from services.cli.sheets.collected import Sheets
from services.cli.sheets.gathered import Named
from services.cli.sheets.sending import Call
from services.cli.sheets.table import PERSONAL, Wrong

AT_ONCE = 32
REASONS: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.INVALID_ARGUMENT: "not_for_the_vault",
    grpc.StatusCode.ALREADY_EXISTS: "another_in_the_vault",
    grpc.StatusCode.FAILED_PRECONDITION: "erased_from_the_vault",
}
"""What the vault says no to, about one person; anything else is about all of them."""


async def put(
    call: Call, vault: Any, site_id: str, sheets: Sheets, told: Callable[[int], None], *, dry_run: bool
) -> list[Wrong]:
    """Put all who are named, or in a dry run only ask for their references; `told` hears how many more.

    The same rows by the same caller give the same references, so it can be repeated. Those whom the vault
    refuses are named by row, and what can't be without them is taken out of the sheets.

    Raises:
        grpc.aio.AioRpcError: the vault is away, or the caller may not use it.
    """
    wrong: list[Wrong] = []
    wanted = [each for each in sheets.named.values() if any(map(sheets.has, each.things()))]
    for begin in range(0, len(wanted), AT_ONCE):
        some = wanted[begin : begin + AT_ONCE]
        found = await asyncio.gather(*(_put(call, vault, site_id, each, dry_run=dry_run) for each in some))
        for named, faults in zip(some, found, strict=True):
            wrong += faults
            for thing in named.things() if faults else ():
                sheets.drop(thing)
        told(len(some))
    return wrong


async def _put(call: Call, vault: Any, site_id: str, named: Named, *, dry_run: bool) -> list[Wrong]:
    request = intake.PutContactRequest(
        meta=CommandMeta(idempotency_key=named.key(site_id)),
        site_id=site_id,
        contact=intake.Contact(name=named.name, phone=named.phone),
        validate_only=dry_run,
    )
    try:
        answer = await call(vault.PutContact, request)
    except grpc.aio.AioRpcError as error:
        if error.code() not in REASONS:
            raise
        reason = REASONS[error.code()]
        return [Wrong(*at, column, reason) for at in named.rows() for column in _columns(error)]
    named.is_called(answer.person_ref)
    return []


def _columns(error: grpc.aio.AioRpcError) -> Iterator[str]:
    """The columns that an answer names, without what it says of them."""
    _reason, fields = details_of(error)
    named = {each.partition(":")[0].removeprefix("contact.") for each in fields}
    yield from sorted(named & PERSONAL) or ["name"]
