"""Wiring of notify. `python -m services.notify [migrate|rpc|worker]`, by default rpc and worker together."""

from collections.abc import Sequence

from fengqiao.notify.v1.notify_service_pb2_grpc import add_NotifyServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.notify.agents import register
from services.notify.contacts import IntakeContacts
from services.notify.handlers import Deliveries, Notices
from services.notify.owed import EMAIL, NEWS, RESTRICTED_NEWS, RESTRICTED_SOURCES, SOURCES
from services.notify.rendering import Templates
from services.notify.rpc import RULES, NotifyServicer
from services.notify.senders.email import EmailSender
from services.notify.sending import SenderLoop, figures
from services.notify.settings import NotifySettings
from services.notify.store import NoticeDocument, RestrictedNoticeDocument, model, restricted


def wire(settings: NotifySettings) -> Service:
    """Put the rooms together."""
    base = lay(settings, model(), NoticeDocument, documents=[RestrictedNoticeDocument])
    hidden = base.side(restricted(), RestrictedNoticeDocument)
    templates = Templates(settings.templates)
    if faults := templates.faults():
        base.readiness.wait("templates", "; ".join(faults))
    collectors = {topic: base.collecting(Notices(base, base.first, NEWS).collect) for topic in SOURCES}
    collectors |= {
        topic: base.collecting(Notices(base, hidden, RESTRICTED_NEWS).collect) for topic in RESTRICTED_SOURCES
    }

    def shards() -> Sequence[int]:
        return service.worker.shards() if service.worker else ()

    contacts, senders = IntakeContacts(settings), {EMAIL: EmailSender(settings)}
    loops = [SenderLoop(base, kind, settings, templates, contacts, senders, shards) for kind in base.kinds]
    servicer = NotifyServicer(Deliveries(base, hidden), templates, base.sites)
    service = Service(
        base=base,
        servicers=[(add_NotifyServiceServicer_to_server, servicer)],
        rules=RULES,
        register=lambda worker: register(worker, collectors),
        lead_topic=SOURCES[0],
        decides_on=(),
        collectors=collectors,
        loops=[
            (name, settings.send_interval_ms / 1000, loop.run_once)
            for name, loop in zip(("send", "send_restricted"), loops, strict=True)
        ],
        figures=lambda: figures(base),
    )
    return service


if __name__ == "__main__":
    main(NotifySettings, wire)
