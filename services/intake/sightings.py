"""Sightings of light reporters (快递小哥、外卖骑手): place, kind and photo in; number and feedback out.

A reporter is no party: nothing of the case is theirs to read, rate, withdraw or reopen, and nobody's personal
data is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1.events_pb2 import CaseAccepted, CaseReferred, ProgressReported
from services.chassis.auth import Principal
from services.chassis.commands import id_from, order_of
from services.chassis.errors import CommandError, Forbidden, Invalid, Violation
from services.chassis.record import Record
from services.intake import domain
from services.intake.accusations import accuses
from services.intake.books import Entry
from services.intake.domain import Request
from services.intake.handlers import Requests
from services.intake.numbers import tracking_code

CHANNEL = "street"
TAKEN_ON: Sequence[type[Message]] = (CaseAccepted, ProgressReported, CaseReferred, ev.RequestReopened)
"""What says that somebody handles it."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """What a light reporter can do."""

    requests: Requests

    async def report(self, principal: Principal, request: rpc.ReportSightingRequest) -> str:
        """Take a sighting in as a request without a person; its number, the same on every retry.

        Raises:
            CommandError: refused; nothing was taken in.
        """
        self.requests.check_site(principal, request.site_id, "site_id")
        if wrong := fault(request):
            raise Invalid([wrong])
        [number] = await self.requests.numbers.take(request.site_id, 1, self.requests.base.threads)
        id_ = id_from("intake", principal.subject, request.meta.idempotency_key)
        order = order_of(principal.subject, request.meta, request)
        entry = Entry(id_, order, to_command(principal, request, number))
        [begun] = await self.requests.books.begin([entry])
        if isinstance(begun, CommandError):
            raise begun
        return begun.state.request_no if begun.state else ""

    async def feedback(self, principal: Principal, request_no: str) -> rpc.GetFeedbackResponse:
        """What became of the caller's own sighting, and since when.

        Raises:
            Forbidden: it is not theirs, or there is none; the same words for both.
        """
        base = self.requests.base
        query = {"state.reporter_ref": principal.subject, "state.request_no": request_no}
        found = await base.threads.run(base.committer.repository.find, query, limit=1)
        state = found[0].state if found else None
        if state is None or not principal.at(state.site_id):
            raise Forbidden("no such sighting of yours")
        feedback, at = await self._standing(found[0], state)
        return rpc.GetFeedbackResponse(
            feedback=ev.Feedback.Value(f"{domain.FEEDBACK}{feedback.upper()}"),
            on=at.astimezone(base.sites[state.site_id].zone).date().isoformat(),
        )

    async def _standing(self, record: Record[Request], state: Request) -> tuple[str, datetime]:
        if state.feedback and state.feedback_at:
            return state.feedback, state.feedback_at
        names = [kind.DESCRIPTOR.full_name for kind in TAKEN_ON]
        if taken_on := await self.requests.books.timeline.first(record.id, names):
            return domain.BEING_HANDLED, taken_on
        return domain.RECEIVED, state.submitted_at


def fault(request: rpc.ReportSightingRequest) -> Violation | None:
    """What is wrong with a sighting that the contract does not say."""
    if accuses(request.kind):
        # Who accuses gives a unit and gets an answer: that is a request of their own.
        return Violation("kind", "not_for_sightings")
    if not request.unit_id and not request.HasField("point"):
        return Violation("unit_id", "place_required")
    return None


def to_command(principal: Principal, request: rpc.ReportSightingRequest, number: str) -> domain.SubmitRequest:
    """A request without a person; point and photo stay in the store, for who handles it."""
    attributes = {"photo": request.photo_ref}
    if request.HasField("point"):
        attributes["point"] = f"{request.point.longitude:.6f},{request.point.latitude:.6f}"
    return domain.SubmitRequest(
        request_no=number,
        tracking_code=tracking_code(),
        site_id=request.site_id,
        kind=request.kind,
        unit_id=request.unit_id,
        channel=CHANNEL,
        person_ref="",
        urgent=False,
        due_at=None,
        title=request.kind,
        description="",
        attributes=attributes,
        reporter_ref=principal.subject,
    )
