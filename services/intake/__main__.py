"""Wiring of intake. `python -m services.intake [migrate|rpc|worker]`, by default rpc and worker together."""

from fengqiao.intake.v1.intake_service_pb2_grpc import add_IntakeServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.chassis.store import Blocks
from services.intake import timeline
from services.intake.access import RULES
from services.intake.agents import Inboxes, register
from services.intake.books import Books
from services.intake.domain import OUTCOMES
from services.intake.duplicates.backfill import backfill
from services.intake.handlers import Requests
from services.intake.inbound import Desk
from services.intake.numbers import Numbers
from services.intake.rpc import IntakeServicer
from services.intake.settings import IntakeSettings
from services.intake.sources import Sources
from services.intake.store import (
    COLLECTIONS,
    RequestDocument,
    RestrictedRequestDocument,
    SubmissionDocument,
    model,
    restricted,
    submissions,
)
from services.intake.timeline import Timeline
from services.intake.vault import Vault, read_secret

SOURCES_PERIOD_S = 1.0


def wire(settings: IntakeSettings) -> Service:
    """Put the rooms together."""
    vault = Vault(settings.service, read_secret(settings.vault_key_file))
    sites = load_sites(settings.sites, production=settings.production)
    base = lay(settings, model(), RequestDocument, documents=COLLECTIONS, sites=sites)
    numbers = Numbers(Blocks(base.alias))
    entries = Timeline(base.alias, base.threads, base.wall)
    restricted_entries = Timeline(base.alias, base.threads, base.wall, timeline.APART)
    books = Books(base, base.side(restricted(), RestrictedRequestDocument), entries, restricted_entries)
    sources = Sources(settings, sites, base.threads, base.wall)
    rejections = base.side(submissions(), SubmissionDocument)
    inboxes = Inboxes(sources, sites, Desk(books, rejections, vault, numbers))

    async def find_again() -> None:
        await base.threads.run(backfill, base.committer.repository)

    collectors = {topic: base.collecting(entries.collect) for topic in timeline.TOPICS} | {
        topic: base.collecting(restricted_entries.collect) for topic in timeline.RESTRICTED_TOPICS
    }
    servicer = IntakeServicer(Requests(books, vault, numbers), sources)
    return Service(
        base=base,
        servicers=[(add_IntakeServiceServicer_to_server, servicer)],
        rules=RULES,
        register=lambda worker: register(worker, base, collectors, inboxes),
        lead_topic=OUTCOMES,
        decides_on=(OUTCOMES,),
        collectors=collectors,
        loops=[("sources", SOURCES_PERIOD_S, inboxes.notice)],
        migrations=[inboxes.register_declared, find_again],
    )


if __name__ == "__main__":
    main(IntakeSettings, wire)
