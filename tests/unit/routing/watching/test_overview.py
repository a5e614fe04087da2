"""How many have ended is what there is, whatever ends, goes on or is touched between two looks."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.attention import Facts, lines
from services.routing.watching.overview import LONG_OVERLAP, OVERLAP, Overview, Seen
from services.routing.watching.tally import Tally
from services.routing.watching.view import View
from tests.unit.routing.ladder import OPENED, rules

SITE = "jili"


@dataclass
class Doc:
    """A case in a store."""

    routed_at: datetime
    updated_at: datetime
    version: int = 1
    status: str = "assigned"
    tier: int = 1
    climbs: int = 0
    from_tier: int = 0

    def seen(self, case_id: str) -> Seen:
        facts = Facts(
            "JILI-1",
            "noise.street",
            self.status,
            self.tier,
            "jili",
            OPENED,
            OPENED,
            held=True,
            on_ladder=True,
            supervised=False,
            climbs=self.climbs,
            always=(),
        )
        return Seen(case_id, SITE, self.version, facts, self.routed_at, self.from_tier)


class Watched:
    """An overview that looks at a store of documents."""

    def __init__(self) -> None:
        self.docs: dict[str, Doc] = {}
        self.now = OPENED
        self.overview = Overview(cast("Any", None), {SITE: rules()})
        self.overview.views = {SITE: View(lines(rules(), OPENED, OPENED))}
        self.overview._ended = {SITE: Tally()}
        self.since = self.long_since = OPENED - LONG_OVERLAP

    def change(self, case_id: str, what: str) -> None:
        doc = self.docs.setdefault(case_id, Doc(self.now, self.now, 0))
        doc.version, doc.updated_at = doc.version + 1, self.now
        ended = doc.status == "resolved"
        if what == "end":
            doc.status = "resolved"
        elif what == "go on" and ended:
            doc.from_tier, doc.tier, doc.climbs = doc.tier, min(doc.tier + 1, 4), doc.climbs + 1
            doc.status = "assigned"
        elif what == "climb" and not ended:
            doc.from_tier, doc.tier, doc.climbs = doc.tier, min(doc.tier + 1, 4), doc.climbs + 1

    def look(self, *, far: bool) -> None:
        since, recent = self.long_since if far else self.since, self.overview._recent
        found = {each: doc for each, doc in self.docs.items() if doc.updated_at >= since}
        for each, doc in found.items():
            if recent.get(each, (0, None))[0] != doc.version:
                self.overview._apply(doc.seen(each), since)
        if far:
            self.overview._recent = {each: told for each, told in recent.items() if each in found}
            self.long_since = self.now - LONG_OVERLAP
        self.since = self.now - OVERLAP


CHANGES = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.sampled_from(["touch", "climb", "end", "go on"]),
        st.sampled_from([0, 1, 4, 40, 400]),
        st.booleans(),
    ),
    max_size=60,
)


@given(CHANGES)
def test_the_board_counts_what_there_is_whatever_happens(changes: list[tuple[str, str, int, bool]]) -> None:
    watched = Watched()
    for case_id, what, seconds, far in changes:
        watched.change(case_id, what)
        watched.now += timedelta(seconds=seconds)
        watched.look(far=far or seconds > 30)
        docs = list(watched.docs.values())
        ended, view = watched.overview._ended[SITE], watched.overview.views[SITE]
        assert +ended.cells == Counter((doc.tier, doc.status) for doc in docs if doc.status == "resolved")
        assert +view.cells == Counter((doc.tier, doc.status) for doc in docs if doc.status != "resolved")
        assert ended.climbs + view.climbs == sum(doc.climbs for doc in docs)
