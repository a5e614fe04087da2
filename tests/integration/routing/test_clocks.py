"""First contact, warnings and a calendar that comes, on a real store with the sweeper that there is."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.routing.v1 import clock_events_pb2 as ev
from services.chassis.calendar import Calendar, Day, Term, Unit, build
from services.chassis.commands import Creation, Order
from services.chassis.hours import Hours
from services.chassis.model import Context, Decision
from services.chassis.protobuf import instant
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.clocking import Profile, Row
from services.routing.directory.calendars import BATCH, Calendars
from services.routing.domain import EVENTS, Ladder, table
from services.routing.rules import Rules
from tests.integration.routing import conftest
from tests.integration.routing.conftest import NEIGHBOURS, SECTION, House
from tests.kit.edge import Who
from tests.kit.ladder import rules
from tests.waiting import until_async

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
CHINA = build(data="cn_holidays", country="CN")
"""The calendar that comes: in 2026 the Monday of Qingming, 04-06, is off."""


class Unnoticed(Calendar):
    """The calendar before: the notice for 2026 is not out, its weeks are plain."""

    version = "before-the-notice"

    def day(self, on: date) -> Day:
        return Day.WORKING if on.weekday() < 5 else Day.WEEKEND

    def is_known(self, year: int) -> bool:
        return year < 2026


BEFORE_QINGMING = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)
OFFICE = Hours.parse(["09:00-12:00", "13:30-17:30"])
PROFILE = Profile(
    "jili.clocks",
    1,
    {0: OFFICE},
    {("*", 0): Row(first_contact=Term(4, Unit.WORKING_HOURS), warnings=(0.5,))},
)
SHIFT = Term(7, Unit.WORKING_HOURS)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def site_rules() -> Rules:
    return replace(
        rules(),
        clocks=PROFILE,
        calendar=Unnoticed(),
        zone=ZoneInfo("Asia/Shanghai"),
        default_term=Term(5, Unit.WORKING_DAYS, keeps_time=True),
        term_rule="service.default@1",
    )


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site has a profile, before the house is built."""
    monkeypatch.setattr(conftest, "rules", site_rules)


async def sweep(house: House) -> int:
    return await house.base.sweeper(Catchup()).fire(range(SHARDS))


async def arrive(house: House, at: datetime) -> None:
    house.clock.move(at - house.clock.now)


def told(house: House, kind: str) -> list[bytes]:
    return [record.value for record in house.broker.sent if record.headers["ce_type"].endswith(f".{kind}")]


async def unpromised(house: House) -> str:
    """A case to which nobody promised a time."""
    submitted = RequestSubmitted(
        request_no="JILI-2", site_id="jili", person_ref="p", kind="noise.street", unit_id=NEIGHBOURS
    )

    def begin(context: Context) -> Decision:
        return house.ladder.open(None, submitted, context)

    key = str(uuid4())
    await house.base.commands.create(Creation(key, "jili", Order(key, b""), begin))
    return key


def restarted(house: House) -> Calendars:
    """The room of a process that was started with the calendar that came."""
    knowing = {"jili": replace(site_rules(), calendar=CHINA)}
    return Calendars(house.base, table(Ladder(knowing)), knowing)


async def test_a_first_contact_that_is_missed_is_told_once_and_one_that_is_made_is_not(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    silent, heard = await unpromised(house), await unpromised(house)
    contact = (await house.case(silent)).contact
    assert contact
    shown = (await house.call("GetCase", LEADER, case_id=silent)).case
    assert instant(shown.first_contact_by) == contact.due_at
    explained = await house.call("ExplainDeadline", LEADER, case_id=silent)
    assert explained.first_contact.explanation[-1].until == explained.first_contact.due_at
    await house.call("AcceptCase", LEADER, case_id=heard)
    await arrive(house, contact.due_at + SECOND)
    await sweep(house)
    await sweep(house)
    [missed] = [ev.FirstContactMissed.FromString(value) for value in told(house, "FirstContactMissed")]
    assert (missed.assignment.unit_id, missed.superior_unit_id) == (NEIGHBOURS, SECTION)
    case = await house.case(silent)
    assert (case.unit_id, case.contact) == (NEIGHBOURS, None)


async def test_a_warning_is_told_once_by_two_sweepers_and_never_at_night(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case_id = await unpromised(house)
    await house.call("AcceptCase", LEADER, case_id=case_id)
    clock = (await house.case(case_id)).clock
    assert clock
    [(_, at)] = clock.warnings
    await arrive(house, at + SECOND)
    assert await sweep(house) == 1
    await sweep(house)
    assert [ev.DeadlineNeared.FromString(v).stage for v in told(house, "DeadlineNeared")] == [1]
    assert 9 <= at.astimezone(house.base.sites["jili"].zone).hour < 18


async def test_a_warning_that_an_outage_kept_until_night_waits_for_the_morning(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case_id = await unpromised(house)
    await house.call("AcceptCase", LEADER, case_id=case_id)
    clock = (await house.case(case_id)).clock
    assert clock
    [(_, at)] = clock.warnings
    night = at.replace(hour=15, minute=0)  # eleven in the evening there
    assert night < clock.due_at
    await arrive(house, night)
    await sweep(house)
    assert not told(house, "DeadlineNeared")
    record = await house.base.committer.get_one(case_id)
    assert record
    assert record.next_due_at == (night + DAY).replace(hour=1, minute=0)
    await arrive(house, record.next_due_at + SECOND)
    await sweep(house)
    assert len(told(house, "DeadlineNeared")) == 1


async def test_a_restart_with_a_calendar_that_knows_more_tells_new_due_times_once(house: House) -> None:
    await house.settled()
    await arrive(house, BEFORE_QINGMING)
    await house.following.fresh()
    case_id, promised = await unpromised(house), await house.case_at(NEIGHBOURS)
    settled = await unpromised(house)
    await house.call("ResolveCase", LEADER, case_id=settled, outcome="quiet")
    before, versions = await house.case(case_id), await stored_versions(house)
    assert all(clock.provisional for clock in before.plan)
    # Of the promised one the first contact is certain now, and nothing moves.
    assert await restarted(house).look() == 2
    # A command's events are published without anybody waiting for it.
    await until_async(lambda: len(told(house, "DeadlineRecomputed")) == 2)
    events = [ev.DeadlineRecomputed.FromString(value) for value in told(house, "DeadlineRecomputed")]
    [event] = [event for event in events if event.due_at != event.former_due_at]
    case = await house.case(case_id)
    assert (instant(event.former_due_at), instant(event.due_at)) == (before.due_at, case.due_at)
    assert case.due_at == before.due_at + DAY
    assert not any(clock.provisional for clock in case.plan)
    assert await restarted(house).look() == 0
    after = await stored_versions(house)
    assert {key: after[key] - versions[key] for key in after} == {case_id: 1, promised: 1, settled: 0}


async def test_the_former_calendar_changes_nothing(house: House) -> None:
    await house.settled()
    await arrive(house, BEFORE_QINGMING)
    await house.following.fresh()
    await unpromised(house)
    same = {"jili": site_rules()}
    assert await Calendars(house.base, table(Ladder(same)), same).look() == 0
    assert "DeadlineRecomputed" not in house.broker.types(EVENTS)


async def test_a_case_whose_hours_the_site_no_longer_says_is_named_and_left_as_it_is(house: House) -> None:
    await house.settled()
    await arrive(house, BEFORE_QINGMING)
    await house.following.fresh()
    case_id = await unpromised(house)
    before = await house.case(case_id)
    without = {"jili": replace(site_rules(), calendar=CHINA, clocks=None)}
    assert await Calendars(house.base, table(Ladder(without)), without).look() == 0
    [reason] = house.base.readiness.reasons
    assert (reason.code, reason.detail) == ("not_recomputed", f"1: {case_id}")
    assert house.base.readiness.ready
    assert await house.case(case_id) == before


async def test_a_file_of_clocks_that_is_older_than_open_cases_know_it_is_named(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    newer = replace(PROFILE, version=2, rows={**PROFILE.rows, ("noise.*", 0): Row(resolution=SHIFT)})
    house.ladder = Ladder({"jili": replace(site_rules(), clocks=newer)})
    await unpromised(house)
    await restarted(house).look()
    codes = {reason.code: reason.detail for reason in house.base.readiness.reasons}
    assert codes == {"stale_clocks": "1: jili/clocks.yaml: version 1, open cases go by 2"}
    same = {"jili": replace(site_rules(), clocks=newer)}
    await Calendars(house.base, table(Ladder(same)), same).look()
    assert not house.base.readiness.reasons


async def test_more_cases_than_a_batch_are_all_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.routing.directory.calendars.BATCH", 2)
    assert BATCH > 2
    await house.settled()
    await arrive(house, BEFORE_QINGMING)
    await house.following.fresh()
    for _ in range(5):
        await unpromised(house)
    assert await restarted(house).look() == 5
    assert not house.base.readiness.reasons


async def stored_versions(house: House) -> dict[str, int]:
    collection = house.base.committer.repository.collection
    raws = await house.base.threads.run(lambda: list(collection.find({}, {"version": 1})))
    return {raw["_id"]: raw["version"] for raw in raws}
