"""The one place that reads time (rule 15). Everything else is told what time it is."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from services.chassis.engine import Moment
from services.chassis.errors import Invalid, NotFound, Violation
from services.chassis.metrics import METRICS
from services.chassis.record import to_ms
from services.chassis.site import Site
from services.chassis.store import EPOCH, JOURNALED, MAJORITY, database, infrastructure
from services.chassis.threads import Threads

MAX_SKEW = timedelta(seconds=2)


def process_time() -> datetime:
    """This process's wall clock, UTC, in milliseconds."""
    return to_ms(datetime.now(UTC))


def monotonic() -> float:
    """Seconds that only go forward, for intervals within one process."""
    return time.monotonic()


class WallClock:
    """The earlier of the process's and the store's clock."""

    def __init__(self, read: Callable[[], datetime] = process_time) -> None:
        """`read` is the process's clock; tests pass one that they move."""
        self._read = read
        self._offset = timedelta(0)
        self._measured_at = float("-inf")
        # What the store's clock says, which is what it said and what has passed since.
        self._theirs = read

    def now(self) -> datetime:
        """The time nothing may run ahead of, also when this process's clock has jumped a moment ago."""
        return self.span()[0]

    def span(self) -> tuple[datetime, datetime]:
        """What the earlier and the later of the two clocks say."""
        mine = self._read()
        readings = (mine, mine + self._offset, self._theirs())
        return to_ms(min(readings)), to_ms(max(readings))

    @property
    def skew(self) -> timedelta:
        """How far the store's clock is ahead of this process's (negative: behind)."""
        return self._offset

    @property
    def fault(self) -> str:
        """Why nothing may fire: the clocks differ too much. Empty when they don't."""
        if abs(self._offset) <= MAX_SKEW:
            return ""
        return f"store and process clocks differ by {self._offset.total_seconds():.3f} s; nothing fires"

    def measure_now_and_then(self, alias: str) -> None:
        """As `measure`, when the last one is a second old: not every process sweeps, and all of
        them decide.
        """
        if self.is_due():
            self.measure(alias)

    def is_due(self) -> bool:
        """Whether the last comparison is a second old."""
        return monotonic() - self._measured_at > 1

    def measure(self, alias: str) -> None:
        """Compare with the store's clock; blocks for one round trip."""
        asked_at = self._measured_at = monotonic()
        before = self._read()
        with infrastructure():
            theirs: datetime = database(alias).client.admin.command("hello")["localTime"]
        after = self._read()
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        # It tells milliseconds: what it cut off must not hold us back.
        at_most = theirs + timedelta(milliseconds=1)
        self._theirs = lambda: at_most + timedelta(seconds=monotonic() - asked_at)
        # Within the round trip the clocks can't be told apart.
        self._offset = theirs - min(max(theirs, before), after)
        METRICS.clock_skew_seconds.set(self._offset.total_seconds())


class Clocks:
    """The business clock of each site: the wall clock, or a replay clock in the service's store."""

    def __init__(self, alias: str, sites: Mapping[str, Site], wall: WallClock) -> None:
        """`alias` names the service's database connection."""
        self._alias = alias
        self._sites = sites
        self._replays = any(site.replay for site in sites.values())
        self.wall = wall

    def read(self) -> dict[str, Moment]:
        """The moment of every site, read now; may block for a query of the store."""
        self.wall.measure_now_and_then(self._alias)
        now, latest = self.wall.span()
        replayed = {}
        if self._replays:
            with infrastructure():
                clocks = database(self._alias).get_collection("replay_clocks", read_concern=MAJORITY)
                replayed = {raw["_id"]: raw["now"] for raw in clocks.find()}
        return {
            site.id: Moment(replayed.get(site.id, EPOCH), now, replay=True)
            if site.replay
            else Moment(now, now, latest=latest)
            for site in self._sites.values()
        }

    async def look(self, threads: Threads) -> dict[str, Moment]:
        """As `read`, in a thread only where it asks the store."""
        return await threads.run(self.read) if self._asks else self.read()

    def moment(self, site_id: str) -> Moment:
        """The moment of one site.

        Raises:
            Invalid: there is no such site.
        """
        return _of(self.read(), site_id)

    async def look_at(self, site_id: str, threads: Threads) -> Moment:
        """As `moment`, in a thread only where it asks the store."""
        return _of(await self.look(threads), site_id)

    @property
    def _asks(self) -> bool:
        return self._replays or self.wall.is_due()

    def move(self, site_id: str, to: datetime) -> datetime:
        """Set a replay clock forward; returns where it stands (it never goes back).

        Raises:
            NotFound: no such site.
            Invalid: the site runs on the wall clock.
        """
        site = self._sites.get(site_id)
        if site is None:
            raise NotFound(f"no site {site_id}")
        if not site.replay:
            raise Invalid([Violation("site_id", "site_runs_on_the_wall_clock")])
        to = to_ms(to)
        with infrastructure():
            clocks = database(self._alias).get_collection(
                "replay_clocks", write_concern=JOURNALED, read_concern=MAJORITY
            )
            try:
                clocks.insert_one({"_id": site_id, "now": to})
            except DuplicateKeyError:
                clocks.update_one({"_id": site_id, "now": {"$lt": to}}, {"$set": {"now": to}})
            found = clocks.find_one({"_id": site_id})
        return found["now"] if found else to


def _of(moments: Mapping[str, Moment], site_id: str) -> Moment:
    found = moments.get(site_id)
    if found is None:
        raise Invalid([Violation("site_id", "unknown_site")])
    return found
