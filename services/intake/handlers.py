"""Load → decide → commit, for every RPC that changes something; and the reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import Creation, id_from, order_of
from services.chassis.errors import CommandError, Forbidden, Invalid, NotFound, Violation
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import Record
from services.chassis.refusals import violations
from services.intake import domain
from services.intake.access import PROMISERS, may_see, out_of_reach
from services.intake.domain import Request
from services.intake.numbers import Numbers, tracking_code
from services.intake.vault import Deposit, Reader, Vault

STATUSES: Mapping[str, rpc.RequestStatus.ValueType] = {
    domain.SUBMITTED: rpc.REQUEST_STATUS_SUBMITTED,
    domain.SETTLED: rpc.REQUEST_STATUS_SETTLED,
    domain.CLOSED: rpc.REQUEST_STATUS_CLOSED,
    domain.WITHDRAWN: rpc.REQUEST_STATUS_WITHDRAWN,
}
Begun = Record[Request] | CommandError


@dataclass(frozen=True, slots=True)
class Requests:
    """What RPCs can do with requests."""

    base: Foundation[Request]
    vault: Vault
    numbers: Numbers

    async def submit(self, principal: Principal, submission: rpc.SubmitRequestRequest) -> Record[Request]:
        """Take one request in; a retry finds the same one.

        Raises:
            CommandError: refused; nothing was taken in.
        """
        [begun] = await self.submit_many(principal, [submission])
        if isinstance(begun, CommandError):
            raise begun
        return begun

    async def submit_many(
        self, principal: Principal, submissions: Sequence[rpc.SubmitRequestRequest]
    ) -> list[Begun]:
        """Take requests in as one bulk: a record or a refusal for each, in order."""
        refused: dict[int, CommandError] = {}
        known = await self._known_persons(submissions)
        for index, submission in enumerate(submissions):
            try:
                self._check(principal, submission.request, known)
            except CommandError as error:
                refused[index] = error
        sound = [index for index in range(len(submissions)) if index not in refused]
        numbers = await self._numbers([submissions[index].request.site_id for index in sound])
        creations = [
            _creation(principal, submissions[index], number)
            for index, number in zip(sound, numbers, strict=True)
        ]
        begun: dict[int, Begun] = dict(
            zip(sound, await self.base.commands.create_many(creations), strict=True)
        )
        return [refused[index] if index in refused else begun[index] for index in range(len(submissions))]

    async def import_rows(
        self, principal: Principal, rows: Sequence[rpc.ImportRequestsRequest]
    ) -> list[rpc.ImportVerdict]:
        """A verdict for each row; a bad row stops no other."""
        wrong = {index: row_violations(row) for index, row in enumerate(rows)}
        sound = [index for index in range(len(rows)) if not wrong[index]]
        begun = dict(
            zip(sound, await self.submit_many(principal, [rows[i].submission for i in sound]), strict=True)
        )
        return [
            to_verdict(row.row, begun[index] if index in begun else Invalid(wrong[index]))
            for index, row in enumerate(rows)
        ]

    async def command(self, principal: Principal, case_id: str, meta: CommandMeta, request: Message) -> int:
        """Execute a command on a request; returns the revision after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        command = to_command(request)

        def decide(state: Request, context: Context) -> Decision:
            return transition(domain.TABLE, state.status, state, command, context)

        def authorize(state: Request, _at: datetime) -> None:
            if not may_see(principal, state):
                raise out_of_reach(principal)

        answer = await self.base.commands.execute(
            case_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: str(record.revision).encode(),
            absent=lambda: out_of_reach(principal),
        )
        return int(answer)

    async def get(self, principal: Principal, case_id: str) -> Record[Request]:
        """One request.

        Raises:
            NotFound: not there, or out of reach; told to who may see the whole site.
            Forbidden: the same, told to everybody else.
        """
        record = (await self.base.committer.get([case_id])).get(case_id)
        if record is None or record.state is None or not may_see(principal, record.state):
            raise out_of_reach(principal)
        return record

    async def track(self, code: str) -> Record[Request] | None:
        """The request with this tracking code."""
        query = {"private.tracking_code": code}
        found = await self.base.threads.run(self.base.committer.repository.find, query, limit=1)
        return found[0] if found else None

    async def put_contact(self, principal: Principal, request: rpc.PutContactRequest) -> str:
        """Put a contact into the vault; returns the person's reference.

        A resident's reference is the subject of their token, so that it is theirs; for everybody else it is
        made of caller and key.

        Raises:
            CommandError: refused.
        """
        self._check_site(principal, request.site_id, "site_id")
        key = request.meta.idempotency_key
        own = principal.role is Role.RESIDENT
        person_ref = principal.subject if own else f"p-{id_from('contact', principal.subject, key)}"
        await self.base.threads.run(
            self.vault.put, Deposit(person_ref, request.site_id, key, request.contact)
        )
        return person_ref

    async def resolve_contact(self, principal: Principal, request: rpc.ResolveContactRequest) -> rpc.Contact:
        """Read a contact, with the purpose on record.

        Raises:
            NotFound: no such person; told to who may see every site.
            Forbidden: the same, told to everybody else.
        """
        reader = Reader(principal.subject, principal.role, principal.site, request.purpose)
        now = self.base.wall.now()
        return await self.base.threads.run(self.vault.resolve, request.person_ref, reader, now)

    def _check(self, principal: Principal, body: rpc.RequestBody, known: set[tuple[str, str]]) -> None:
        self._check_site(principal, body.site_id, "request.site_id")
        if body.HasField("due_at") and principal.role not in PROMISERS:
            raise Invalid([Violation("request.due_at", "not_for_this_role")])
        if not body.person_ref:
            return
        if principal.role is Role.RESIDENT:
            if body.person_ref != principal.subject:
                raise Forbidden("not your own reference")
        elif (body.site_id, body.person_ref) not in known:
            raise Invalid([Violation("request.person_ref", "unknown_person")])

    def _check_site(self, principal: Principal, site_id: str, name: str) -> None:
        if not principal.at(site_id):
            raise Forbidden("not your site")
        if site_id not in self.base.sites:
            raise Invalid([Violation(name, "unknown_site")])

    async def _known_persons(self, submissions: Sequence[rpc.SubmitRequestRequest]) -> set[tuple[str, str]]:
        named = {(s.request.site_id, s.request.person_ref) for s in submissions if s.request.person_ref}
        known: set[tuple[str, str]] = set()
        for site in {site for site, _ in named}:
            refs = [ref for at, ref in named if at == site]
            known |= {(site, ref) for ref in await self.base.threads.run(self.vault.known, refs, site)}
        return known

    async def _numbers(self, sites: Sequence[str]) -> list[str]:
        """A number for each of the sites, in order."""
        taken = {
            site: iter(await self.base.threads.run(self.numbers.take, site, sites.count(site)))
            for site in set(sites)
        }
        return [next(taken[site]) for site in sites]


def _creation(principal: Principal, submission: rpc.SubmitRequestRequest, number: str) -> Creation[Request]:
    body = submission.request
    command = domain.SubmitRequest(
        request_no=number,
        tracking_code=tracking_code(),
        site_id=body.site_id,
        kind=body.kind,
        unit_id=body.unit_id,
        channel=body.channel,
        person_ref=body.person_ref,
        urgent=body.urgent,
        due_at=instant(body.due_at) if body.HasField("due_at") else None,
        title=body.title,
        description=body.description,
        attributes=body.attributes,
    )
    return Creation(
        id=id_from("intake", principal.subject, submission.meta.idempotency_key),
        site=body.site_id,
        order=order_of(principal.subject, submission.meta, submission),
        decide=lambda _context: domain.submit(command),
    )


def to_verdict(row: int, begun: Begun) -> rpc.ImportVerdict:
    """What became of a row."""
    if isinstance(begun, CommandError):
        return rpc.ImportVerdict(row=row, violations=[to_violation(v) for v in violations_of(begun)])
    return rpc.ImportVerdict(
        row=row, accepted=True, case_id=begun.id, request_no=begun.state.request_no if begun.state else ""
    )


def row_violations(row: rpc.ImportRequestsRequest) -> list[Violation]:
    """What is wrong with a row, by the fields of its submission."""
    if not row.HasField("submission"):
        return [Violation("submission", "required")]
    return [Violation(v.field.removeprefix("submission."), v.reason) for v in violations(row)]


def violations_of(error: CommandError) -> Sequence[Violation]:
    """What a refusal says is wrong, field by field; its reason alone when it names none."""
    return error.violations if isinstance(error, Invalid) else (Violation("", error.reason),)


def to_violation(violation: Violation) -> ev.Violation:
    """A violation as it travels."""
    return ev.Violation(field=violation.field, reason=violation.reason)


def to_message(record: Record[Request]) -> rpc.Request:
    """A request with its texts, for who may read them."""
    state, private = record.state, record.private
    if state is None:
        raise NotFound("no such request")
    body = rpc.RequestBody(
        site_id=state.site_id,
        kind=state.kind,
        unit_id=state.unit_id,
        channel=state.channel,
        title=private["title"],
        description=private["description"],
        attributes={pair["name"]: pair["value"] for pair in private["attributes"]},
        person_ref=state.person_ref,
        urgent=state.urgent,
        due_at=timestamp(state.due_at) if state.due_at else None,
    )
    return rpc.Request(
        case_id=record.id,
        request_no=state.request_no,
        status=STATUSES[state.status],
        body=body,
        submitted_at=timestamp(state.submitted_at),
        revision=record.revision,
        rating=state.rating,
        source=state.source,
        reference=private["reference"],
    )


def to_command(request: Message) -> object:
    """The domain command of a request; the table below is all there is."""
    return COMMANDS[type(request)](request)


COMMANDS: Mapping[type[Message], Callable[[Any], object]] = {
    rpc.WithdrawRequestRequest: lambda request: domain.WithdrawRequest(request.reason),
    rpc.RequestEscalationRequest: lambda request: domain.EscalateRequest(request.reason),
    rpc.RateOutcomeRequest: lambda request: domain.RateOutcome(
        request.rating, request.solved, request.comment
    ),
    rpc.ReopenRequestRequest: lambda request: domain.ReopenRequest(request.reason),
}
