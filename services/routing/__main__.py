"""Wiring of routing. `python -m services.routing [migrate|rpc|worker]`, by default the last two together."""

from dataclasses import replace

from services.chassis.foundation import lay
from services.chassis.service import Service, main
from services.chassis.site import load_sites
from services.routing.agents import DECIDED_ON, register
from services.routing.directory.calendars import PERIOD_S as CALENDARS_S
from services.routing.directory.restructurings import PERIOD_S as RESTRUCTURING_S
from services.routing.directory.silence import PERIOD_S as SILENCE_S
from services.routing.directory.standing import PERIOD_S as STANDING_S
from services.routing.domain import REQUESTS, Ladder
from services.routing.domain.directory.ground import Ground
from services.routing.emergencies.following import Declared
from services.routing.gaps import PERIOD_S as GAPS_S
from services.routing.moves.joining import PERIOD_S as JOINING_S
from services.routing.rooms import RULES, furnish
from services.routing.rosters.silence import PERIOD_S as VIGIL_S
from services.routing.settings import RoutingSettings
from services.routing.sitefiles import profiles_of, read_rules
from services.routing.store import model
from services.routing.store.documents import BESIDE_CASES, CaseDocument


def wire(settings: RoutingSettings) -> Service:
    """Put the rooms together."""
    sites = load_sites(settings.sites, production=settings.production)
    files = {site.id: read_rules(site) for site in sites.values()}
    grounds = {site_id: Ground(each.places) for site_id, each in files.items() if each.by_directory}
    declared = {site.id: Declared(profiles_of(site, files[site.id])) for site in sites.values()}
    rules = {
        site_id: replace(each, places=grounds.get(site_id, each.places), emergencies=declared[site_id])
        for site_id, each in files.items()
    }
    ladder = Ladder(rules)
    base = lay(settings, model(ladder), CaseDocument, documents=BESIDE_CASES, sites=sites)
    rooms = furnish(base, ladder, rules, grounds, declared)
    return Service(
        base=base,
        servicers=rooms.servicers,
        rules=RULES,
        register=lambda worker: register(worker, base, rooms.known, rooms.arrivals.count),
        lead_topic=REQUESTS,
        decides_on=DECIDED_ON,
        loops=[
            ("standing", STANDING_S, rooms.standing.sweep),
            ("silence", SILENCE_S, rooms.silence.look),
            ("restructuring", RESTRUCTURING_S, rooms.restructurings.resume),
            ("vigil", VIGIL_S, rooms.vigil.look),
            ("calendars", CALENDARS_S, rooms.calendars.look),
            ("rule_gaps", GAPS_S, rooms.gaps.look),
            ("joining", JOINING_S, rooms.joining.sweep),
        ],
        started=[lambda _worker: rooms.known()],
    )


if __name__ == "__main__":
    main(RoutingSettings, wire)
