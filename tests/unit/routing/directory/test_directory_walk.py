"""Hypothesis walks the directory: whatever is decided about units, households and leaders, on whatever day.

Every household has exactly one leader or shows as a gap, every place has somebody who answers, every open
case has one owner who is at work, every plan can be followed to its end, and every day keeps its answers.
"""

import itertools
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fengqiao.routing.v1.events_pb2 import (
    ORDER_REASON_RISK,
    RETURN_REASON_OTHER_PLACE,
    RULING_GOES,
    RULING_STAYS,
    RULING_TAKEN,
    TRANSFER_REASON_OTHER_PLACE,
)
from services.chassis.errors import CommandError
from services.routing.domain import (
    AcceptCase,
    AnswerSupervision,
    EscalateCase,
    JudgeAnswer,
    OrderSupervision,
    ReturnCase,
    RuleOnReturn,
    TransferCase,
)
from services.routing.domain.directory import commands as c
from services.routing.domain.directory import restructuring as r
from services.routing.domain.directory.carrying_out import follow
from services.routing.domain.directory.exporting import agrees, tell
from services.routing.domain.directory.folding import evolve, taken_over
from services.routing.domain.directory.importing import Around, Stay, take_over
from services.routing.domain.directory.restructuring import Step
from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import (
    LEADER,
    NEIGHBOURHOOD,
    SECTION,
    TEMPORARY,
    VILLAGE,
    parent_of,
)
from tests.unit.routing.directory.cases import Followed, submitted
from tests.unit.routing.directory.register import (
    NEIGHBOURS,
    OFFICE,
    RESIDENTS,
    ZONE,
    Register,
    small,
)

CASES = 2
PEOPLE = tuple(f"p-{n}" for n in range(6))
HOUSEHOLDS = tuple(f"h-{n}" for n in range(1, 9))
REASONS = ("term_ended", "resigned", "dismissed")
COMMANDS = (
    AcceptCase(),
    EscalateCase(),
    ReturnCase(),
    ReturnCase(reason=RETURN_REASON_OTHER_PLACE, by="p-1"),
    RuleOnReturn(RULING_STAYS, by="p-2"),
    RuleOnReturn(RULING_TAKEN, by="p-2"),
    RuleOnReturn(RULING_GOES, "jili/hexi/s1/n2", "p-2"),
    TransferCase("jili/hexi/s1/n2", TRANSFER_REASON_OTHER_PLACE, "p-2"),
    OrderSupervision(ORDER_REASON_RISK, "p-2", ("jili/hexi", "jili")),
    AnswerSupervision(1, "visited", "去过了", "p-1"),
    JudgeAnswer(order=1, accepted=True, by="p-2"),
    TransferCase("jili/hedong/s1", TRANSFER_REASON_OTHER_PLACE, "p-2"),
)

nths = st.integers(0, 20)
days_ahead = st.integers(0, 12)
some_households = st.sets(st.sampled_from(HOUSEHOLDS), min_size=1).map(lambda keys: tuple(sorted(keys)))


class Directory(RuleBasedStateMachine):
    """A sub-district of two villages over some months; planned changes lie up to twelve days ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.register: Register = small()
        self.told: dict[date, Any] = {}
        self.cases: list[Followed] = []

        self.numbers = itertools.count(3)
        self.register.establish("jili/hedong", VILLAGE).establish("jili/hedong/s1", SECTION)
        self.register.establish("jili/hexi/s1/n2", NEIGHBOURHOOD).settle("jili/hexi/s1/n2", "h-4", "h-5")

    # -- orders --------------------------------------------------------------------------------------------

    @rule(to=nths, kind=st.sampled_from((SECTION, NEIGHBOURHOOD)), ahead=days_ahead)
    def establish(self, to: int, kind: str, ahead: int) -> None:
        above = self.nth(to, VILLAGE if kind == SECTION else SECTION)
        code = f"{above}/u{next(self.numbers)}"
        self.attempt(Step(code, c.EstablishUnit(code, kind, self.day(ahead), posts=(LEADER,))))

    @rule(nth=nths, ahead=days_ahead)
    def close(self, nth: int, ahead: int) -> None:
        self.attempt(Step(self.nth(nth, SECTION, NEIGHBOURHOOD), c.CloseUnit(self.day(ahead))))

    @rule(nth=nths, person=st.sampled_from(PEOPLE), ahead=days_ahead, term=days_ahead)
    def appoint(self, nth: int, person: str, ahead: int, term: int) -> None:
        code, on = self.nth(nth), self.day(ahead)
        until = on + timedelta(days=term) if term else None
        self.attempt(Step(code, c.NominateLeader(LEADER, person, self.day(), RESIDENTS, OFFICE)))
        self.attempt(Step(code, c.VetLeader(LEADER, person, self.day(), approved=True, decided_by=OFFICE)))
        self.attempt(Step(code, c.AppointLeader(LEADER, person, on, OFFICE, until)))

    @rule(nth=nths, ahead=days_ahead, long=days_ahead, substitute=st.sampled_from(("", *PEOPLE)))
    def leave(self, nth: int, ahead: int, long: int, substitute: str) -> None:
        on = self.day(ahead)
        until = on + timedelta(days=long) if long else None
        self.attempt(Step(self.nth(nth), c.GrantLeave(LEADER, on, OFFICE, until, substitute)))

    @rule(nth=nths, ahead=days_ahead)
    def come_back(self, nth: int, ahead: int) -> None:
        self.attempt(Step(self.nth(nth), c.EndLeave(LEADER, self.day(ahead), OFFICE)))

    @rule(nth=nths, ahead=days_ahead, reason=st.sampled_from(REASONS))
    def vacate(self, nth: int, ahead: int, reason: str) -> None:
        code = self.nth(nth, SECTION, NEIGHBOURHOOD)
        self.attempt(Step(code, c.VacatePost(LEADER, self.day(ahead), reason, OFFICE)))

    @rule(nth=nths, keys=some_households, ahead=days_ahead)
    def settle(self, nth: int, keys: tuple[str, ...], ahead: int) -> None:
        self.attempt(Step(self.nth(nth), c.SettleHouseholds(keys, self.day(ahead))))

    @rule(nth=nths, which=nths, ahead=days_ahead)
    def release(self, nth: int, which: int, ahead: int) -> None:
        code, on = self.nth(nth), self.day(ahead)
        keys = sorted(self.register.units[code].households_on(on))
        if keys:
            self.attempt(Step(code, c.ReleaseHouseholds((keys[which % len(keys)],), on)))

    @rule(nth=nths, to=nths, ahead=days_ahead)
    def move(self, nth: int, to: int, ahead: int) -> None:
        code, above = self.nth(nth, SECTION, NEIGHBOURHOOD), self.nth(to, SECTION, VILLAGE)
        new = f"{above}/u{next(self.numbers)}"
        self.restructure(lambda on: r.move(self.register.territory, code, new, on, OFFICE), ahead)

    @rule(nth=nths, into=nths, ahead=days_ahead)
    def merge(self, nth: int, into: int, ahead: int) -> None:
        code, other = self.nth(nth), self.nth(into)
        self.restructure(lambda on: r.merge(self.register.territory, code, other, on, OFFICE), ahead)

    @rule(nth=nths, ahead=days_ahead)
    def split(self, nth: int, ahead: int) -> None:
        code = self.nth(nth)
        unit = self.register.units[code]
        keys = sorted({each.key for each in unit.households_after(self.day(ahead))})
        parts = {f"{code}a": tuple(keys[::2]), f"{code}b": tuple(keys[1::2])}
        self.restructure(lambda on: r.split(self.register.territory, code, parts, on, OFFICE), ahead)

    @rule(nth=nths, ahead=days_ahead, long=st.integers(1, 9))
    def hold_a_market(self, nth: int, ahead: int, long: int) -> None:
        on, covers = self.day(ahead), (self.nth(nth, SECTION, NEIGHBOURHOOD),)
        code, until = f"jili/hexi/market{next(self.numbers)}", on + timedelta(days=long)
        command = c.EstablishUnit(code, TEMPORARY, on, until, posts=(LEADER,), covers=covers)
        self.attempt(Step(code, command))

    @rule(ahead=days_ahead)
    def give_out(self, ahead: int) -> None:
        """What is told of a day is taken over where nothing is, says the same there, and nothing new here."""
        day = self.day(ahead)
        units = [unit for code, unit in sorted(self.register.units.items()) if day in unit.days]
        elsewhere = Territory()
        homes: dict[str, list[Stay]] = defaultdict(list)
        leading: dict[str, list[Stay]] = defaultdict(list)
        for unit in units:
            told = tell(unit, day)
            take_over(told, Around(elsewhere.units.get(parent_of(unit.code)), homes, leading))
            made = taken_over(told)
            assert tell(made, day) == told
            assert agrees(made, unit, day)
            elsewhere.put(made)
            for household in made.households:
                homes[household.key].append((household.days, made.code))
            for tenure in made.posts[0].tenures if made.kind == NEIGHBOURHOOD else ():
                leading[tenure.person_ref].append((tenure.days, made.code))
        assert elsewhere.counts(day) == self.register.territory.counts(day)

    @precondition(lambda self: len(self.cases) < CASES)
    @rule(nth=nths)
    def submit(self, nth: int) -> None:
        self.cases.append(submitted(self.register, self.nth(nth, SECTION, NEIGHBOURHOOD, TEMPORARY)))

    @precondition(lambda self: self.cases)
    @rule(nth=nths, command=st.sampled_from(COMMANDS))
    def handle(self, nth: int, command: object) -> None:
        case = self.cases[nth % len(self.cases)].look()
        try:
            case.walk.order(command)
        except CommandError:
            return

    @precondition(lambda self: self.cases)
    @rule(nth=nths)
    def a_clock_runs_out(self, nth: int) -> None:
        case = self.cases[nth % len(self.cases)].look()
        if clock := case.case.clock:
            ahead = max(clock.due_at - case.walk.now, timedelta()) + timedelta(seconds=1)
            later = case.walk.wait(ahead).case.clock
            assert later is None or later.name > clock.name

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        for _ in range(days):
            self.told[self.day()] = self.answers(self.day())
            self.register.later(1)

    # -- what holds ----------------------------------------------------------------------------------------

    @invariant()
    def every_household_has_exactly_one_leader_or_is_a_gap(self) -> None:
        territory = self.register.territory
        for ahead in (0, 7, 30):
            day = self.day(ahead)
            homes = Counter(key for unit in territory.units.values() for key in unit.households_on(day))
            assert all(count == 1 for count in homes.values()), homes
            gaps = [gap.household for gap in territory.gaps(day)]
            assert len(set(gaps)) == len(gaps)
            led = {
                key
                for unit in territory.units.values()
                for key in unit.households_on(day)
                if (post := unit.post(LEADER)) and post.tenure_on(day)
            }
            known = {
                each.key
                for unit in territory.units.values()
                for each in unit.households
                if each.days.since <= day
            }
            assert led.isdisjoint(gaps)
            assert led | set(gaps) == known

    @invariant()
    def a_post_has_one_holder_and_a_person_one_neighbourhood(self) -> None:
        for ahead in (0, 7, 30):
            day = self.day(ahead)
            leading: Counter[str] = Counter()
            for unit in self.register.units.values():
                for post in unit.posts:
                    holding = [tenure.person_ref for tenure in post.tenures if day in tenure.days]
                    assert len(holding) <= 1
                    assert not holding or day in unit.days, "a closed unit has no holder"
                    leading.update(holding if unit.kind == NEIGHBOURHOOD else ())
            assert all(count == 1 for count in leading.values()), leading

    @invariant()
    def whatever_place_a_case_is_of_somebody_answers_for_it(self) -> None:
        territory = self.register.territory
        for code in (*self.register.units, NEIGHBOURS):
            found = territory.answering(code, self.day())
            assert found is not None
            unit, person_ref = found
            assert self.day() in unit.days
            assert person_ref

    @invariant()
    def every_open_case_has_one_owner_who_is_at_work(self) -> None:
        for case in self.cases:
            due_at, plan = case.case.due_at, case.case.plan
            unit_id, holder_ref = case.sweep().owner
            unit = self.register.units[unit_id]
            post = unit.post(LEADER)
            assert self.day() in unit.days
            assert post is not None
            assert holder_ref == post.acting_on(self.day()) != ""
            assert (case.case.due_at, len(case.case.plan)) == (due_at, len(plan))
            assert case.case.running > 0 or case.case.supervised_at is not None, (
                "no case without a clock or a superior"
            )

    @invariant()
    def nobody_is_counted_twice(self) -> None:
        territory = self.register.territory
        counts = territory.counts(self.day())
        holders = [
            tenure.person_ref
            for unit in territory.units.values()
            for post in unit.posts
            if self.day() in unit.days and (tenure := post.tenure_on(self.day()))
        ]
        assert counts.holders == len(set(holders))
        assert counts.posts - counts.vacant == len(holders)

    @precondition(lambda self: self.told)
    @invariant()
    def what_was_true_on_a_day_stays_true_of_it(self) -> None:
        for day in (min(self.told), max(self.told)):
            assert self.answers(day) == self.told[day]

    def teardown(self) -> None:
        for day, told in self.told.items():
            assert self.answers(day) == told

    # -- how it is done ------------------------------------------------------------------------------------

    def nth(self, nth: int, *kinds: str) -> str:
        """The code of one of the units, by default of neighbours."""
        wanted = kinds or (NEIGHBOURHOOD,)
        codes = [code for code, unit in self.register.units.items() if unit.kind in wanted]
        return codes[nth % len(codes)]

    def day(self, ahead: int = 0) -> date:
        return self.register.today + timedelta(days=ahead)

    def attempt(self, step: Step) -> None:
        if step.code in self.register.units or isinstance(step.command, c.EstablishUnit):
            before = dict(self.register.units)
            try:
                self.register.order(step.code, step.command)
            except CommandError:
                assert self.register.units == before

    def restructure(self, plan: Any, ahead: int) -> None:
        """A plan that can be made can be followed to its end, and comes to the same decided as a whole."""
        try:
            steps = plan(self.day(ahead))
        except CommandError:
            return
        before, context = dict(self.register.units), self.register.context()
        whole = follow(Territory(before.values()), steps, context, ZONE)
        self.register.follow(steps)
        for code, events in whole.items():
            unit = before.get(code)
            for event in events:
                unit = evolve(unit, event, context)
            assert unit == self.register.units[code]
        assert whole.keys() == {step.code for step in steps}

    def answers(self, day: date) -> Any:
        """All that can be asked of a day."""
        territory = self.register.territory
        units = {code for code, unit in self.register.units.items() if day in unit.days}
        return {
            "units": units,
            "homes": {key: territory.home(key, day) for key in HOUSEHOLDS},
            "answering": {code: _who(territory.answering(code, day)) for code in sorted(units)},
            "gaps": sorted((gap.household, gap.reason, gap.code) for gap in territory.gaps(day)),
            "counts": territory.counts(day),
        }


def _who(found: Any) -> tuple[str, str] | None:
    return (found[0].code, found[1]) if found else None


Directory.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestDirectory = Directory.TestCase
