"""Wiring of petition. `python -m services.petition [migrate|rpc|worker]`, by default the last two at once."""

from fengqiao.petition.v1.petition_service_pb2_grpc import add_PetitionServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.petition.access import Access
from services.petition.agents import DECIDED_ON, register
from services.petition.domain import REFERRALS, Office, table
from services.petition.handlers import Petitions
from services.petition.rpc import RULES, PetitionServicer
from services.petition.settings import PetitionSettings
from services.petition.sitefiles import read_rules
from services.petition.store import PetitionDocument, RestrictedPetitionDocument, accusations, model


def wire(settings: PetitionSettings) -> Service:
    """Put the rooms together."""
    sites = load_sites(settings.sites, production=settings.production)
    rules = {site.id: read_rules(site) for site in sites.values()}
    office = Office(rules)
    base = lay(settings, model(office), PetitionDocument, documents=[RestrictedPetitionDocument], sites=sites)
    restricted = base.side(accusations(office), RestrictedPetitionDocument)
    servicer = PetitionServicer(Petitions(base, restricted, office, Access(rules), table(office)))
    return Service(
        base=base,
        servicers=[(add_PetitionServiceServicer_to_server, servicer)],
        rules=RULES,
        register=lambda worker: register(worker, base, restricted),
        lead_topic=REFERRALS,
        decides_on=DECIDED_ON,
    )


if __name__ == "__main__":
    main(PetitionSettings, wire)
