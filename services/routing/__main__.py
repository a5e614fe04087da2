"""Wiring of routing. `python -m services.routing [migrate|rpc|worker]`, by default the last two together."""

from dataclasses import replace

from fengqiao.routing.v1.code_service_pb2_grpc import add_VillageCodeServiceServicer_to_server
from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from fengqiao.routing.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from fengqiao.routing.v1.person_service_pb2_grpc import add_PersonServiceServicer_to_server
from fengqiao.routing.v1.roster_service_pb2_grpc import add_RosterServiceServicer_to_server
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.routing.agents import DECIDED_ON, register
from services.routing.codes.rpc import RULES as CODE_RULES
from services.routing.codes.rpc import VillageCodeServicer
from services.routing.codes.village_codes import VillageCodes
from services.routing.directory.accesses import Accesses
from services.routing.directory.caseload import Caseload
from services.routing.directory.claims import Claims
from services.routing.directory.following import Following
from services.routing.directory.lookups import Lookups
from services.routing.directory.orders import Orders
from services.routing.directory.restructurings import PERIOD_S as RESTRUCTURING_S
from services.routing.directory.restructurings import Restructurings
from services.routing.directory.rpc import RULES as DIRECTORY_RULES
from services.routing.directory.rpc import DirectoryServicer
from services.routing.directory.silence import PERIOD_S as SILENCE_S
from services.routing.directory.silence import Silence
from services.routing.directory.standing import PERIOD_S as STANDING_S
from services.routing.directory.standing import Standing
from services.routing.domain import REQUESTS, Ladder, table
from services.routing.domain.directory.ground import Ground
from services.routing.domain.rosters.summons import table as summons_table
from services.routing.forces.bodies import Bodies
from services.routing.forces.callouts import CallOuts
from services.routing.forces.ledger import Ledger
from services.routing.forces.matching import Matching
from services.routing.forces.persons import Persons
from services.routing.forces.rpc import FORCE_RULES, PERSON_RULES, ForceServicer, PersonServicer
from services.routing.handlers import Cases
from services.routing.rosters.departments import Departments
from services.routing.rosters.rpc import RULES as ROSTER_RULES
from services.routing.rosters.rpc import RosterServicer
from services.routing.rosters.silence import PERIOD_S as VIGIL_S
from services.routing.rosters.silence import Vigil
from services.routing.rosters.summonses import Summonses
from services.routing.rpc import RULES, RoutingServicer
from services.routing.settings import RoutingSettings
from services.routing.sitefiles import read_rules
from services.routing.store import (
    CallOutDocument,
    CaseDocument,
    DepartmentDocument,
    ForceDocument,
    LookUpDocument,
    PersonDocument,
    RestructuringDocument,
    SummonsDocument,
    UnitDocument,
    VillageCodeDocument,
    call_outs,
    departments,
    forces,
    model,
    persons,
    restructurings,
    summonses,
    units,
    village_codes,
)

DOCUMENTS = (
    UnitDocument,
    RestructuringDocument,
    DepartmentDocument,
    SummonsDocument,
    PersonDocument,
    ForceDocument,
    CallOutDocument,
    VillageCodeDocument,
    LookUpDocument,
)


def wire(settings: RoutingSettings) -> Service:
    """Put the rooms together."""
    sites = load_sites(settings.sites, production=settings.production)
    files = {site.id: read_rules(site) for site in sites.values()}
    grounds = {site_id: Ground(each.places) for site_id, each in files.items() if each.by_directory}
    rules = {
        site_id: replace(each, places=grounds.get(site_id, each.places)) for site_id, each in files.items()
    }
    ladder = Ladder(rules)
    base = lay(settings, model(ladder), CaseDocument, documents=DOCUMENTS, sites=sites)
    directory = base.side(units(), UnitDocument)
    summoning = summons_table(sites)
    roster = base.side(departments(), DepartmentDocument)
    called = base.side(summonses(summoning), SummonsDocument)
    following = Following(base, directory, grounds)
    standing = Standing(base, table(ladder), following, rules)
    silence = Silence(base, directory, following, rules)
    claims = Claims(base.alias, base.threads, base.wall)
    lookups = Lookups(base, directory)
    orders = Orders(lookups, claims, following.stale)
    plans = base.side(restructurings(), RestructuringDocument)
    reshaping = Restructurings(lookups, claims, plans, following.stale)
    codes = VillageCodes(lookups, claims, base.side(village_codes(), VillageCodeDocument))
    cases = Cases(base, table(ladder), following.fresh, codes.known)
    caseload = Caseload(lookups, Accesses(base.alias, base.threads, base.wall))
    desks = Departments(lookups, claims, roster)
    bodies = Bodies(lookups, base.side(forces(), ForceDocument))
    people = Persons(lookups, bodies, base.side(persons(), PersonDocument))
    calls = base.side(call_outs(), CallOutDocument)
    return Service(
        base=base,
        servicers=[
            (add_RoutingServiceServicer_to_server, RoutingServicer(cases)),
            (add_DirectoryServiceServicer_to_server, DirectoryServicer(orders, reshaping, caseload)),
            (
                add_RosterServiceServicer_to_server,
                RosterServicer(desks, Summonses(desks, cases, called, summoning)),
            ),
            (add_PersonServiceServicer_to_server, PersonServicer(people)),
            (
                add_ForceServiceServicer_to_server,
                ForceServicer(
                    bodies, CallOuts(Matching(lookups, people, calls), cases, calls), Ledger(people, calls)
                ),
            ),
            (add_VillageCodeServiceServicer_to_server, VillageCodeServicer(codes)),
        ],
        rules=RULES | DIRECTORY_RULES | ROSTER_RULES | PERSON_RULES | FORCE_RULES | CODE_RULES,
        register=lambda worker: register(worker, base, following.known),
        lead_topic=REQUESTS,
        decides_on=DECIDED_ON,
        loops=[
            ("standing", STANDING_S, standing.sweep),
            ("silence", SILENCE_S, silence.look),
            ("restructuring", RESTRUCTURING_S, reshaping.resume),
            ("vigil", VIGIL_S, Vigil(base, roster).look),
        ],
        started=[lambda _worker: following.known()],
    )


if __name__ == "__main__":
    main(RoutingSettings, wire)
