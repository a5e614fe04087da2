"""Load → decide → commit, for every RPC that changes something; and the reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import id_from, order_of
from services.chassis.errors import CommandError, Forbidden, Invalid, NotFound, Violation
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant
from services.chassis.record import Record
from services.intake import accusations, domain, early_warnings
from services.intake.access import PROMISERS, may_see, may_see_accusation, out_of_reach, told_whom
from services.intake.accusations import Accusation
from services.intake.books import Begun, Books, Entry
from services.intake.domain import Request
from services.intake.duplicates.desk import Duplicates
from services.intake.messages import STATUSES, row_violations, to_accusation, to_message, to_verdict
from services.intake.numbers import Numbers, tracking_code
from services.intake.timeline import OTHERS, PERSONS, UNITS, Timeline
from services.intake.vault import Deposit, Reader, Vault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Requests:
    """What RPCs can do with requests."""

    books: Books
    vault: Vault
    numbers: Numbers

    @property
    def base(self) -> Foundation[Request]:
        """What the service stands on."""
        return self.books.base

    async def submit(
        self, principal: Principal, submission: rpc.SubmitRequestRequest
    ) -> Record[Request] | Record[Accusation]:
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
        entries = [
            _entry(principal, submissions[index], number)
            for index, number in zip(sound, numbers, strict=True)
        ]
        begun = dict(zip(sound, await self.books.begin(entries), strict=True))
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
        """Execute a command on a request or accusation; returns the revision after it, also on a retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        command = to_command(request)

        def decide(state: Request, context: Context) -> Decision:
            return transition(domain.TABLE, state.status, state, command, context)

        def wish(state: Accusation, context: Context) -> Decision:
            return accusations.decide(state, command, context)

        # An order's other faults are told only when it is clear that the accusation is there for the caller.
        order = order_of(principal.subject, meta, request)
        if await self.books.accusation(principal, case_id):
            answer = await self.books.accusations.commands.execute(
                case_id,
                order,
                wish,
                authorize=_reaching(principal, may_see_accusation),
                answer=_revision,
                absent=lambda: out_of_reach(principal),
            )
        else:
            answer = await self.base.commands.execute(
                case_id,
                order,
                decide,
                authorize=_reaching(principal, may_see),
                answer=_revision,
                absent=lambda: out_of_reach(principal),
            )
        return int(answer)

    async def get(self, principal: Principal, case_id: str) -> rpc.Request:
        """One request or accusation as the caller may see it.

        Raises:
            NotFound: not there, or out of reach; told to who may see the whole site.
            Forbidden: the same, told to everybody else.
        """
        if request := await self.books.request(principal, case_id):
            told = to_message(request)
            await Duplicates(self.books).add_related(principal, request, told)
            return told
        if accusation := await self.books.accusation(principal, case_id):
            status = await self.books.status(case_id)
            return to_accusation(accusation, status, told=told_whom(principal))
        raise out_of_reach(principal)

    async def timeline(self, principal: Principal, case_id: str) -> Timeline:
        """The timeline that a case's entries are in.

        Raises:
            NotFound, Forbidden: as `get`.
        """
        if await self.books.request(principal, case_id):
            return self.books.timeline
        if await self.books.accusation(principal, case_id):
            return self.books.restricted
        raise out_of_reach(principal)

    async def track(self, code: str) -> rpc.TrackRequestResponse:
        """Where what has this tracking code stands; of an accusation no unit is named.

        Raises:
            NotFound: nothing has it.
        """
        books = self.books
        if (request := await books.by_code(self.base.first, code)) and request.state:
            no, status = request.state.request_no, request.state.status
            joined = bool(request.state.joined_to)
            seen = await books.timeline.read(request.id, hidden=PERSONS | OTHERS)
        elif (accusation := await books.by_code(books.accusations, code)) and accusation.state:
            no, status, joined = accusation.state.request_no, await books.status(accusation.id), False
            seen = await books.restricted.read(accusation.id, hidden=PERSONS | UNITS)
        else:
            raise NotFound("no request has this code")
        return rpc.TrackRequestResponse(
            request_no=no, status=STATUSES[status], entries=[each.entry for each in seen], joined=joined
        )

    async def put_contact(self, principal: Principal, request: rpc.PutContactRequest) -> str:
        """Put a contact into the vault, or only say whether it can be; returns the person's reference.

        A resident's reference is the subject of their token, so that it is theirs; for everybody else it is
        made of caller and key.

        Raises:
            CommandError: refused.
        """
        self.check_site(principal, request.site_id, "site_id")
        key = request.meta.idempotency_key
        own = principal.role is Role.RESIDENT
        person_ref = principal.subject if own else f"p-{id_from('contact', principal.subject, key)}"
        put = self.vault.would_put if request.validate_only else self.vault.put
        await self.base.threads.run(put, Deposit(person_ref, request.site_id, key, request.contact))
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
        self.check_site(principal, body.site_id, "request.site_id")
        if body.HasField("due_at") and principal.role not in PROMISERS:
            raise Invalid([Violation("request.due_at", "not_for_this_role")])
        if wrong := accusations.wrong_unit(body.kind, body.accused_unit_id):
            raise Invalid([Violation("request.accused_unit_id", wrong)])
        if faults := early_warnings.faults(principal, body):
            raise Invalid(faults)
        if not body.person_ref:
            return
        if principal.role is Role.RESIDENT:
            if body.person_ref != principal.subject:
                raise Forbidden("not your own reference")
        elif (body.site_id, body.person_ref) not in known:
            raise Invalid([Violation("request.person_ref", "unknown_person")])

    def check_site(self, principal: Principal, site_id: str, name: str) -> None:
        """Refuse a site that is not the caller's or not there.

        Raises:
            CommandError: it names the field.
        """
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
            site: iter(await self.numbers.take(site, sites.count(site), self.base.threads))
            for site in set(sites)
        }
        return [next(taken[site]) for site in sites]


def _reaching(principal: Principal, may: Callable[[Principal, T], bool]) -> Callable[[T, datetime], None]:
    def authorize(state: T, _at: datetime) -> None:
        if not may(principal, state):
            raise out_of_reach(principal)

    return authorize


def _revision(record: Record[Any]) -> bytes:
    return str(record.revision).encode()


def _entry(principal: Principal, submission: rpc.SubmitRequestRequest, number: str) -> Entry:
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
        accused_unit_id=body.accused_unit_id,
        screening_code=body.screening_code,
    )
    return Entry(
        id_from("intake", principal.subject, submission.meta.idempotency_key),
        order_of(principal.subject, submission.meta, submission),
        command,
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
    rpc.RequestReferralRequest: lambda request: domain.ReferRequest(request.track, request.reason),
    rpc.ReopenRequestRequest: lambda request: domain.ReopenRequest(request.reason),
}
