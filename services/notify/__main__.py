"""Wiring of notify. `python -m services.notify [migrate|rpc|worker]`, by default rpc and worker together."""

from collections.abc import Sequence

from fengqiao.notify.v1.notify_service_pb2_grpc import add_NotifyServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.notify.agents import register
from services.notify.contacts import IntakeContacts
from services.notify.handlers import Deliveries, Notices
from services.notify.owed import EMAIL, SOURCES
from services.notify.rendering import Templates
from services.notify.rpc import RULES, NotifyServicer
from services.notify.senders.email import EmailSender
from services.notify.sending import SenderLoop, figures
from services.notify.settings import NotifySettings
from services.notify.store import NoticeDocument, model


def wire(settings: NotifySettings) -> Service:
    """Put the rooms together."""
    base = lay(settings, model(), NoticeDocument)
    templates = Templates(settings.templates)
    if faults := templates.faults():
        base.readiness.wait("templates", "; ".join(faults))
    collectors = {topic: base.collecting(Notices(base).collect) for topic in SOURCES}

    def shards() -> Sequence[int]:
        return service.worker.shards() if service.worker else ()

    loop = SenderLoop(
        base, settings, templates, IntakeContacts(settings), {EMAIL: EmailSender(settings)}, shards
    )
    servicer = NotifyServicer(Deliveries(base), templates, base.sites)
    service = Service(
        base=base,
        servicers=[(add_NotifyServiceServicer_to_server, servicer)],
        rules=RULES,
        register=lambda worker: register(worker, collectors),
        lead_topic=SOURCES[0],
        decides_on=(),
        collectors=collectors,
        loops=[("send", settings.send_interval_ms / 1000, loop.run_once)],
        figures=lambda: figures(base),
    )
    return service


if __name__ == "__main__":
    main(NotifySettings, wire)
