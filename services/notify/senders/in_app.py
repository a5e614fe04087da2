"""In-app: delivered by being stored, rendered when it is read, in the reader's language."""

from fengqiao.notify.v1.notify_service_pb2 import Notice as NoticeMessage
from services.chassis.protobuf import timestamp
from services.chassis.site import Site
from services.notify.domain import Delivery, Notice
from services.notify.rendering import Templates


def to_message(
    templates: Templates, notice: Notice, delivery: Delivery, locale: str, site: Site
) -> NoticeMessage:
    """A notice as its reader sees it; its time is when the thing happened.

    Raises:
        RenderingFailed: its template can't be rendered.
    """
    text = templates.render(notice, delivery.template, locale, site)
    return NoticeMessage(
        delivery_id=delivery.id,
        case_id=notice.case_id,
        subject=text.subject,
        text=text.body,
        at=timestamp(notice.at),
    )
