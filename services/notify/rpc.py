"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import grpc

from fengqiao.notify.v1 import notify_service_pb2 as rpc
from fengqiao.notify.v1.notify_service_pb2_grpc import NotifyServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_token, write_token
from services.chassis.rpc import principal
from services.chassis.site import Site
from services.notify.handlers import STATUSES, Deliveries, Place, Row, Wanted, own_only, to_message
from services.notify.owed import IN_APP
from services.notify.rendering import Templates
from services.notify.senders import in_app

SERVICE = "/fengqiao.notify.v1.NotifyService"
READERS = frozenset({
    Role.RESIDENT,
    Role.HANDLER,
    Role.SUPERVISOR,
    Role.CLERK,
    Role.DESK,
    Role.OPERATOR,
    Role.REPLAY,
    Role.MEDIATOR,
    Role.PETITION_OFFICER,
    Role.INSPECTOR,
})  # fmt: skip

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/ListDeliveries": Rule(READERS),
    f"{SERVICE}/ListNotices": Rule(READERS | {Role.REPORTER, Role.VOLUNTEER}),
    f"{SERVICE}/Redeliver": Rule(frozenset({Role.DESK, Role.OPERATOR, Role.INSPECTOR})),
}

DEFAULT_PAGE = 50
NAMES = {number: name for name, number in STATUSES.items()}

Context = grpc.aio.ServicerContext[Any, Any]


class NotifyServicer(NotifyServiceServicer):
    """Notify's RPCs."""

    def __init__(self, deliveries: Deliveries, templates: Templates, sites: Mapping[str, Site]) -> None:
        """`deliveries` does the work."""
        self._deliveries = deliveries
        self._templates = templates
        self._sites = sites

    async def ListDeliveries(
        self, request: rpc.ListDeliveriesRequest, context: Context
    ) -> rpc.ListDeliveriesResponse:
        """Deliveries, newest first."""
        del context
        wanted = Wanted(
            case_id=request.case_id,
            recipient_ref=own_only(principal(), request.recipient_ref),
            status=NAMES.get(request.status, ""),
        )
        rows, token = await self._page(wanted, request.page_size, request.page_token)
        return rpc.ListDeliveriesResponse(
            deliveries=[to_message(row.notice_id, row.notice, row.delivery) for row in rows],
            next_page_token=token,
        )

    async def ListNotices(self, request: rpc.ListNoticesRequest, context: Context) -> rpc.ListNoticesResponse:
        """In-app notices, rendered now."""
        del context
        wanted = Wanted(recipient_ref=own_only(principal(), request.recipient_ref), channel=IN_APP)
        rows, token = await self._page(wanted, request.page_size, request.page_token)
        return rpc.ListNoticesResponse(
            notices=[
                in_app.to_message(
                    self._templates, row.notice, row.delivery, request.locale, self._sites[row.site]
                )
                for row in rows
            ],
            next_page_token=token,
        )

    async def Redeliver(self, request: rpc.RedeliverRequest, context: Context) -> rpc.RedeliverResponse:
        """Try a failed delivery again."""
        del context
        return rpc.RedeliverResponse(delivery=await self._deliveries.redeliver(principal(), request))

    async def _page(self, wanted: Wanted, page_size: int, page_token: str) -> tuple[Sequence[Row], str]:
        limit = page_size or DEFAULT_PAGE
        after = read_token(page_token, to_place) if page_token else None
        rows = await self._deliveries.page(principal(), wanted, after, limit)
        last = rows[-1].place if len(rows) == limit else None
        return rows, write_token(last.created_at, last.notice_id, last.index) if last else ""


def to_place(created_at: datetime, rest: Sequence[Any]) -> Place:
    """The place that a token names."""
    return Place(created_at, str(rest[0]), int(rest[1]))
