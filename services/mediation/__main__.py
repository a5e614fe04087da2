"""Wiring of mediation. `python -m services.mediation [migrate|rpc|worker]`, by default the last two."""

from fengqiao.mediation.v1.mediation_service_pb2_grpc import add_MediationServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.mediation.agents import register
from services.mediation.domain import REFERRALS, Committee, table
from services.mediation.handlers import Disputes
from services.mediation.rpc import RULES, MediationServicer
from services.mediation.settings import MediationSettings
from services.mediation.sitefiles import read_rules
from services.mediation.store import DisputeDocument, model


def wire(settings: MediationSettings) -> Service:
    """Put the rooms together."""
    sites = load_sites(settings.sites, production=settings.production)
    committee = Committee({site.id: read_rules(site) for site in sites.values()})
    base = lay(settings, model(committee), DisputeDocument, sites=sites)
    servicer = MediationServicer(Disputes(base, committee, table(committee)))
    return Service(
        base=base,
        servicers=[(add_MediationServiceServicer_to_server, servicer)],
        rules=RULES,
        register=lambda worker: register(worker, base),
        lead_topic=REFERRALS,
        decides_on=(REFERRALS,),
    )


if __name__ == "__main__":
    main(MediationSettings, wire)
