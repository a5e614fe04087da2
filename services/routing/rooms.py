"""Routing's rooms put together on a foundation; `__main__` runs them, tests of the edge look into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fengqiao.routing.v1.analysis_service_pb2_grpc import add_AnalysisServiceServicer_to_server
from fengqiao.routing.v1.code_service_pb2_grpc import add_VillageCodeServiceServicer_to_server
from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from fengqiao.routing.v1.emergency_service_pb2_grpc import add_EmergencyServiceServicer_to_server
from fengqiao.routing.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from fengqiao.routing.v1.meeting_service_pb2_grpc import add_MeetingServiceServicer_to_server
from fengqiao.routing.v1.person_service_pb2_grpc import add_PersonServiceServicer_to_server
from fengqiao.routing.v1.roster_service_pb2_grpc import add_RosterServiceServicer_to_server
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from fengqiao.routing.v1.screening_service_pb2_grpc import add_ScreeningServiceServicer_to_server
from services.chassis.foundation import Foundation
from services.routing import rpc
from services.routing.codes import rpc as codes_rpc
from services.routing.codes.village_codes import VillageCodes
from services.routing.directory import rpc as directory_rpc
from services.routing.directory.accesses import Accesses
from services.routing.directory.calendars import Calendars
from services.routing.directory.caseload import Caseload
from services.routing.directory.claims import Claims
from services.routing.directory.following import Following
from services.routing.directory.lookups import Lookups
from services.routing.directory.orders import Orders
from services.routing.directory.restructurings import Restructurings
from services.routing.directory.silence import Silence
from services.routing.directory.standing import Standing
from services.routing.domain import Case, Ladder, table
from services.routing.domain.directory.ground import Ground
from services.routing.domain.meetings.deciding import table as meeting_table
from services.routing.domain.rosters.summons import table as summons_table
from services.routing.domain.screenings.deciding import table as screening_table
from services.routing.emergencies import rpc as emergencies_rpc
from services.routing.emergencies.emergencies import Emergencies
from services.routing.emergencies.following import Declared, Watch
from services.routing.forces.bodies import Bodies
from services.routing.forces.callouts import CallOuts
from services.routing.forces.ledger import Ledger
from services.routing.forces.matching import Matching
from services.routing.forces.persons import Persons
from services.routing.forces.rpc import forces as forces_rpc
from services.routing.forces.rpc import persons as persons_rpc
from services.routing.gaps import Gaps
from services.routing.handlers import Cases
from services.routing.hotspots import rpc as hotspots_rpc
from services.routing.hotspots.arrivals import Arrivals
from services.routing.hotspots.rpc import Hotspots
from services.routing.indicators.board import Board
from services.routing.meetings import rpc as meetings_rpc
from services.routing.meetings.meetings import Meetings
from services.routing.moves.joining import Joining
from services.routing.preview import Preview
from services.routing.rosters import rpc as rosters_rpc
from services.routing.rosters.departments import Departments
from services.routing.rosters.silence import Vigil
from services.routing.rosters.summonses import Summonses
from services.routing.rules import Rules
from services.routing.screenings import rpc as screenings_rpc
from services.routing.screenings.risks import Risks
from services.routing.screenings.screenings import Screenings
from services.routing.store import (
    call_outs,
    departments,
    emergencies,
    forces,
    meetings,
    persons,
    restructurings,
    screenings,
    summonses,
    units,
    village_codes,
)
from services.routing.store import documents as d
from services.routing.watching.onlookers import Onlookers
from services.routing.watching.overview import Overview

RULES = (
    rpc.RULES
    | directory_rpc.RULES
    | rosters_rpc.RULES
    | persons_rpc.PERSON_RULES
    | forces_rpc.FORCE_RULES
    | codes_rpc.RULES
    | meetings_rpc.RULES
    | hotspots_rpc.RULES
    | emergencies_rpc.RULES
    | screenings_rpc.RULES
)
"""Who may call what."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What runs by itself, and what serves."""

    claims: Claims
    following: Following
    standing: Standing
    silence: Silence
    vigil: Vigil
    restructurings: Restructurings
    arrivals: Arrivals
    calendars: Calendars
    joining: Joining
    servicers: Sequence[tuple[Any, Any]]
    watch: Watch
    gaps: Gaps

    async def known(self) -> None:
        """See to it that what is decided by is known: who answers, and which emergency stands."""
        await self.following.known()
        await self.watch.known()


def furnish(
    base: Foundation[Case],
    ladder: Ladder,
    rules: Mapping[str, Rules],
    grounds: Mapping[str, Ground],
    declared: Mapping[str, Declared] | None = None,
) -> Rooms:
    """Put the rooms together; `grounds` are of the sites whose ladder asks the directory, `declared` what
    emergencies its rules know.
    """
    cells, summoning = table(ladder), summons_table(base.sites)
    directory = base.side(units(), d.UnitDocument)
    roster = base.side(departments(), d.DepartmentDocument)
    called = base.side(summonses(summoning), d.SummonsDocument)
    call_out = base.side(call_outs(), d.CallOutDocument)
    following = Following(base, directory, grounds)
    claims = Claims(base.alias, base.threads, base.wall)
    standing_by = base.side(emergencies(), d.EmergencyDocument)
    watch = Watch(base, standing_by, declared or {site_id: Declared() for site_id in base.sites})

    async def fresh() -> None:
        await following.fresh()
        await watch.fresh()

    lookups = Lookups(base, directory)
    orders = Orders(lookups, claims, following.stale)
    plans = base.side(restructurings(), d.RestructuringDocument)
    reshaping = Restructurings(lookups, claims, plans, following.stale)
    caseload = Caseload(lookups, Accesses(base.alias, base.threads, base.wall))
    codes = VillageCodes(lookups, claims, base.side(village_codes(), d.VillageCodeDocument))
    overview = Overview(base, rules)
    desks = Departments(lookups, claims, roster)
    cases = Cases(base, cells, fresh, codes.known, desks.there, overview)
    preview = Preview(base, ladder, fresh)
    joining = Joining(base, cells, cases, claims)
    bodies = Bodies(lookups, base.side(forces(), d.ForceDocument))
    people = Persons(lookups, bodies, base.side(persons(), d.PersonDocument))
    calling = CallOuts(Matching(lookups, people, call_out), cases, call_out)
    summoned = Summonses(desks, cases, called, summoning)
    hours = Ledger(people, call_out)
    risks = Risks(base)
    arrivals = Arrivals(base, risks)
    meeting_cells = meeting_table(base.sites)
    met = base.side(meetings(meeting_cells), d.MeetingDocument)
    meeting = Meetings(lookups, claims, desks, cases, met, meeting_cells)
    screening_cells = screening_table(rules)
    screened = base.side(screenings(screening_cells), d.ScreeningDocument)
    screening = Screenings(lookups, desks, risks, screened, screening_cells, rules, fresh)
    return Rooms(
        claims=claims,
        following=following,
        standing=Standing(base, cells, following, rules),
        silence=Silence(base, directory, following, rules),
        vigil=Vigil(base, roster),
        restructurings=reshaping,
        arrivals=arrivals,
        calendars=Calendars(base, cells, rules),
        servicers=[
            (
                add_RoutingServiceServicer_to_server,
                rpc.RoutingServicer(cases, preview, joining, Onlookers(overview)),
            ),
            (
                add_DirectoryServiceServicer_to_server,
                directory_rpc.DirectoryServicer(orders, reshaping, caseload),
            ),
            (add_RosterServiceServicer_to_server, rosters_rpc.RosterServicer(desks, summoned)),
            (add_PersonServiceServicer_to_server, persons_rpc.PersonServicer(people)),
            (add_ForceServiceServicer_to_server, forces_rpc.ForceServicer(people, calling, hours)),
            (add_VillageCodeServiceServicer_to_server, codes_rpc.VillageCodeServicer(codes)),
            (
                add_AnalysisServiceServicer_to_server,
                hotspots_rpc.AnalysisServicer(Hotspots(lookups, arrivals), Board(lookups)),
            ),
            (add_MeetingServiceServicer_to_server, meetings_rpc.MeetingServicer(meeting)),
            (
                add_EmergencyServiceServicer_to_server,
                emergencies_rpc.EmergencyServicer(
                    Emergencies(lookups, claims, standing_by, watch, rules, fresh)
                ),
            ),
            (add_ScreeningServiceServicer_to_server, screenings_rpc.ScreeningServicer(screening)),
        ],
        joining=joining,
        watch=watch,
        gaps=Gaps(base, rules, watch),
    )
