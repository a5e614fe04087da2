"""Wiring of routing. `python -m services.routing [migrate|rpc|worker]`, by default the last two together."""

from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.routing.agents import DECIDED_ON, register
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups
from services.routing.directory.orders import Orders
from services.routing.directory.rpc import RULES as DIRECTORY_RULES
from services.routing.directory.rpc import DirectoryServicer
from services.routing.domain import REQUESTS, Ladder, table
from services.routing.handlers import Cases
from services.routing.rpc import RULES, RoutingServicer
from services.routing.settings import RoutingSettings
from services.routing.sitefiles import read_rules
from services.routing.store import CaseDocument, UnitDocument, model, units


def wire(settings: RoutingSettings) -> Service:
    """Put the rooms together."""
    sites = load_sites(settings.sites, production=settings.production)
    ladder = Ladder({site.id: read_rules(site) for site in sites.values()})
    base = lay(settings, model(ladder), CaseDocument, documents=(UnitDocument,), sites=sites)
    servicer = RoutingServicer(Cases(base, table(ladder)))
    claims = Claims(base.alias, base.threads, base.wall)
    directory = Orders(Lookups(base, base.side(units(), UnitDocument)), claims)
    return Service(
        base=base,
        servicers=[
            (add_RoutingServiceServicer_to_server, servicer),
            (add_DirectoryServiceServicer_to_server, DirectoryServicer(directory)),
        ],
        rules=RULES | DIRECTORY_RULES,
        register=lambda worker: register(worker, base),
        lead_topic=REQUESTS,
        decides_on=DECIDED_ON,
    )


if __name__ == "__main__":
    main(RoutingSettings, wire)
