"""The desk of a site, as journeys about the directory need it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.clock import process_time
from tests.journeys.clients import Actor, House


class Office:
    """The desk that decides about units and posts of a site: one village with one section, to begin with."""

    def __init__(self, house: House, site: str) -> None:
        self.house = house
        self.site = site
        self.desk: Actor = house.desk(site)
        self.village, self.section = f"{site}/hexi", f"{site}/hexi/s1"

    def begin(self) -> Self:
        """Establish the sub-district, the village and the section, each with its leader."""
        tree = {
            self.site: ev.UNIT_KIND_SUB_DISTRICT,
            self.village: ev.UNIT_KIND_VILLAGE,
            self.section: ev.UNIT_KIND_SECTION,
        }
        for code, kind in tree.items():
            self.order(self.house.directory.EstablishUnit, rpc.EstablishUnitRequest, code=code, kind=kind)
            self.appoint(code, leader_of(code))
        return self

    @property
    def today(self) -> date:
        """The day that it is there."""
        return process_time().astimezone(ZoneInfo("Asia/Shanghai")).date()

    def day(self, days_ahead: int) -> str:
        """A day to come."""
        return (self.today + timedelta(days=days_ahead)).isoformat()

    def order(self, method: Callable[..., Any], request: type[Any], **fields: Any) -> rpc.Unit:
        """Order something; the unit as it is then."""
        unit: rpc.Unit = self.desk.call(method, request(meta=self.desk.meta(), **fields)).unit
        return unit

    def neighbourhood(self, *households: str, leader: str = "") -> str:
        """A neighbourhood with some households, led by somebody or by nobody."""
        stub, code = self.house.directory, f"{self.section}/{self.house.name('n').lower()}"
        self.order(stub.EstablishUnit, rpc.EstablishUnitRequest, code=code, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
        if households:
            self.order(stub.SettleHouseholds, rpc.SettleHouseholdsRequest, code=code, households=households)
        if leader:
            self.appoint(code, leader)
        return code

    def appoint(self, code: str, person_ref: str) -> None:
        """Nominated, approved, appointed."""
        stub = self.house.directory
        about = {"code": code, "person_ref": person_ref}
        self.order(stub.NominateLeader, rpc.NominateLeaderRequest, nominators=9, **about)
        self.order(stub.VetLeader, rpc.VetLeaderRequest, approved=True, **about)
        self.order(stub.AppointLeader, rpc.AppointLeaderRequest, **about)

    def household(self, key: str, days_ahead: int = 0) -> rpc.FindHouseholdResponse:
        """Whose it is on a day."""
        request = rpc.FindHouseholdRequest(household=key, day=self.day(days_ahead))
        found: rpc.FindHouseholdResponse = self.desk.call(self.house.directory.FindHousehold, request)
        return found

    def leave(self, code: str, substitute_ref: str = "") -> None:
        """Whoever holds the post is away from today on."""
        self.order(
            self.house.directory.GrantLeave,
            rpc.GrantLeaveRequest,
            code=code,
            substitute_ref=substitute_ref,
        )

    def back(self, code: str) -> None:
        """They are back today."""
        self.order(self.house.directory.EndLeave, rpc.EndLeaveRequest, code=code)

    def vacate(self, code: str) -> None:
        """Whoever holds the post resigns today."""
        self.order(
            self.house.directory.VacatePost,
            rpc.VacatePostRequest,
            code=code,
            reason=ev.VACANCY_REASON_RESIGNED,
        )


def leader_of(code: str) -> str:
    """Who leads a unit of the beginning."""
    return f"p-{code.replace('/', '-')}"
