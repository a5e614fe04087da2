"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceServicer
from services.chassis.errors import Forbidden
from services.chassis.rpc import principal
from services.intake.domain import replies_topic, requests_topic
from services.intake.duplicates.desk import Duplicates
from services.intake.handlers import Requests
from services.intake.sightings import Sightings
from services.intake.sources import Source, Sources
from services.intake.timeline import hidden_from, read_cursor, with_cursors, write_cursor

IMPORT_BATCH = 200
WATCH_PERIOD_S = 0.25

Context = grpc.aio.ServicerContext[Any, Any]


class IntakeServicer(IntakeServiceServicer):
    """Intake's RPCs."""

    def __init__(self, requests: Requests, sources: Sources) -> None:
        """The parts that do the work."""
        self._requests = requests
        self._sightings = Sightings(requests)
        self._duplicates = Duplicates(requests.books)
        self._sources = sources

    async def SubmitRequest(
        self, request: rpc.SubmitRequestRequest, context: Context
    ) -> rpc.SubmitRequestResponse:
        """Take a request in."""
        del context
        record = await self._requests.submit(principal(), request)
        return rpc.SubmitRequestResponse(
            case_id=record.id,
            request_no=record.state.request_no if record.state else "",
            tracking_code=record.private["tracking_code"],
            revision=record.revision,
        )

    async def ImportRequests(
        self, request: AsyncIterator[rpc.ImportRequestsRequest], context: Context
    ) -> rpc.ImportRequestsResponse:
        """Take many in, a verdict each."""
        del context
        caller = principal()
        verdicts: list[rpc.ImportVerdict] = []
        rows: list[rpc.ImportRequestsRequest] = []
        async for row in request:
            rows.append(row)
            if len(rows) == IMPORT_BATCH:
                verdicts += await self._requests.import_rows(caller, rows)
                rows = []
        verdicts += await self._requests.import_rows(caller, rows)
        return rpc.ImportRequestsResponse(verdicts=verdicts)

    async def GetRequest(self, request: rpc.GetRequestRequest, context: Context) -> rpc.GetRequestResponse:
        """One request with its texts."""
        del context
        return rpc.GetRequestResponse(request=await self._requests.get(principal(), request.case_id))

    async def TrackRequest(
        self, request: rpc.TrackRequestRequest, context: Context
    ) -> rpc.TrackRequestResponse:
        """Where a request stands, for whoever has its code."""
        del context
        return await self._requests.track(request.tracking_code)

    async def WatchTimeline(
        self, request: rpc.WatchTimelineRequest, context: Context
    ) -> AsyncIterator[rpc.WatchTimelineResponse]:
        """A case's timeline, then what comes; within one stream nothing comes twice."""
        del context
        timeline = await self._requests.timeline(principal(), request.case_id)
        hidden = hidden_from(principal().role)
        cursor = read_cursor(request.cursor)
        sent: set[str] = set()
        while True:
            seen = await timeline.read(request.case_id, cursor, hidden=hidden)
            fresh = [each for each in seen if each.entry.event_id not in sent]
            for entry, after in with_cursors(fresh, cursor):
                yield rpc.WatchTimelineResponse(entry=entry, cursor=write_cursor(after))
                sent.add(entry.event_id)
                cursor = after
            if not request.follow:
                return
            await asyncio.sleep(WATCH_PERIOD_S)

    async def WithdrawRequest(
        self, request: rpc.WithdrawRequestRequest, context: Context
    ) -> rpc.WithdrawRequestResponse:
        """Ask routing to end the case."""
        del context
        revision = await self._requests.command(principal(), request.case_id, request.meta, request)
        return rpc.WithdrawRequestResponse(revision=revision)

    async def RequestEscalation(
        self, request: rpc.RequestEscalationRequest, context: Context
    ) -> rpc.RequestEscalationResponse:
        """Ask routing to lift the case one tier."""
        del context
        revision = await self._requests.command(principal(), request.case_id, request.meta, request)
        return rpc.RequestEscalationResponse(revision=revision)

    async def RequestReferral(
        self, request: rpc.RequestReferralRequest, context: Context
    ) -> rpc.RequestReferralResponse:
        """Ask routing to hand the case to mediation or petition handling."""
        del context
        revision = await self._requests.command(principal(), request.case_id, request.meta, request)
        return rpc.RequestReferralResponse(revision=revision)

    async def RateOutcome(self, request: rpc.RateOutcomeRequest, context: Context) -> rpc.RateOutcomeResponse:
        """The resident's answer."""
        del context
        revision = await self._requests.command(principal(), request.case_id, request.meta, request)
        return rpc.RateOutcomeResponse(revision=revision)

    async def ReopenRequest(
        self, request: rpc.ReopenRequestRequest, context: Context
    ) -> rpc.ReopenRequestResponse:
        """Ask routing to go on with it."""
        del context
        revision = await self._requests.command(principal(), request.case_id, request.meta, request)
        return rpc.ReopenRequestResponse(revision=revision)

    async def ReportSighting(
        self, request: rpc.ReportSightingRequest, context: Context
    ) -> rpc.ReportSightingResponse:
        """A courier or rider saw something."""
        del context
        return rpc.ReportSightingResponse(request_no=await self._sightings.report(principal(), request))

    async def GetFeedback(self, request: rpc.GetFeedbackRequest, context: Context) -> rpc.GetFeedbackResponse:
        """What became of the caller's own sighting."""
        del context
        return await self._sightings.feedback(principal(), request.request_no)

    async def PutContact(self, request: rpc.PutContactRequest, context: Context) -> rpc.PutContactResponse:
        """Put a contact into the vault."""
        del context
        return rpc.PutContactResponse(person_ref=await self._requests.put_contact(principal(), request))

    async def ResolveContact(
        self, request: rpc.ResolveContactRequest, context: Context
    ) -> rpc.ResolveContactResponse:
        """Read a contact, with the purpose on record."""
        del context
        return rpc.ResolveContactResponse(contact=await self._requests.resolve_contact(principal(), request))

    async def RegisterSource(
        self, request: rpc.RegisterSourceRequest, context: Context
    ) -> rpc.RegisterSourceResponse:
        """Register an agency's source."""
        del context
        if not principal().at(request.site_id):
            raise Forbidden("not your site")
        await self._sources.register(Source(request.source, request.site_id))
        return rpc.RegisterSourceResponse(
            requests_topic=requests_topic(request.source), replies_topic=replies_topic(request.source)
        )

    async def SuggestDuplicates(
        self, request: rpc.SuggestDuplicatesRequest, context: Context
    ) -> rpc.SuggestDuplicatesResponse:
        """What may be about the same matter."""
        del context
        return await self._duplicates.suggest(principal(), request)

    async def LinkRequests(
        self, request: rpc.LinkRequestsRequest, context: Context
    ) -> rpc.LinkRequestsResponse:
        """Two requests have to do with each other."""
        del context
        return rpc.LinkRequestsResponse(
            revision=await self._duplicates.say(principal(), request.meta, request)
        )

    async def RejectDuplicate(
        self, request: rpc.RejectDuplicateRequest, context: Context
    ) -> rpc.RejectDuplicateResponse:
        """Two requests are different matters."""
        del context
        return rpc.RejectDuplicateResponse(
            revision=await self._duplicates.say(principal(), request.meta, request)
        )
