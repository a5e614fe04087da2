"""The walk of the whole table while its rules change: a version comes into force, emergencies come and go."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from fengqiao.routing.v1 import events_pb2 as ev
from services.routing import domain
from services.routing.capability import Capability, Listed, Version
from services.routing.capabilityfile import Profile
from services.routing.domain.emergencies.emergency import Declaration
from services.routing.emergencies.following import Declared
from tests.unit.routing.ladder import OPENED, SECTION, STREET, VILLAGE, Walk, rules
from tests.unit.routing.test_walk import UNITS, Ladders

FLOOD = Profile("flood", 1, Version("1", {"drain.*": Capability(2, 4, urgent=True)}, None))
LISTED = (Listed("works", 3, ("drain.*",)),)
AREAS = (SECTION, VILLAGE, STREET)


class Changing(Ladders):
    """As the walk, with a table that changes after two days and emergencies at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.declared = Declared({FLOOD.name: FLOOD})
        self.count = 0

    @precondition(lambda self: self.walk is None)
    @rule(
        vacant=st.frozensets(st.sampled_from(UNITS)),
        kind=st.sampled_from(["drain.blocked", "drain.x", "gas.leak", "dispute.kin", "petition.claim"]),
        hours=st.one_of(st.none(), st.integers(1, 400)),
        listed=st.booleans(),
    )
    def submit(
        self,
        vacant: frozenset[str],
        kind: str,
        hours: int | None,
        listed: bool = True,  # noqa: FBT001, FBT002 - hypothesis passes it by name
    ) -> None:
        known = rules(vacant=vacant)
        change = (OPENED + timedelta(days=2)).date()
        first = Version("7", known.capability, known.default_capability, listed=LISTED if listed else ())
        versions = (first, replace(first, version="8", since=change, listed=() if listed else LISTED))
        known = replace(known, versions=versions, emergencies=self.declared)
        self.walk = Walk(known).submit(kind=kind, due_in=timedelta(hours=hours) if hours else None)

    @rule(area=st.sampled_from(AREAS), hours=st.integers(1, 200))
    def declare(self, area: str, hours: int) -> None:
        """An emergency begins; where a case is there already, it stays where it is."""
        before, now = self.walk and self.walk.case, self.walk.now if self.walk else OPENED
        self.count += 1
        until = now + timedelta(hours=hours)
        self.declared.put(
            str(self.count), Declaration("jili", area, "flood", 1, now, until, "flood", "", "", now, now)
        )
        assert (self.walk and self.walk.case) == before

    @invariant()
    def listed_work_is_never_below_its_list(self) -> None:
        if self.walk:
            case = self.walk.case
            assert self.walk.rules.kept_up(case.kind, case.submitted_at, case.tier) is None

    @invariant()
    def a_case_keeps_the_version_that_placed_it(self) -> None:
        if self.walk:
            [routed] = [e for e in self.walk.record.outbox if e.type.endswith(".CaseRouted")]
            placed = ev.CaseRouted.FromString(routed.data)
            assert placed.assignment.reasons[0] == "capability:7"
            assert self.walk.case.start_tier == placed.assignment.tier
            if not self.walk.case.steps:
                assert self.walk.case.reasons == tuple(placed.assignment.reasons)

    @invariant()
    def an_emergency_takes_no_case_off_its_way(self) -> None:
        if self.walk and self.walk.case.kind.startswith(("dispute.", "petition.")):
            events = self.walk.sent(domain.EVENTS)
            assert "CaseReferred" in events


TestChanging = Changing.TestCase
TestChanging.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
