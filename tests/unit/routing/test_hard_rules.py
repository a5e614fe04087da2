"""Safeguards of the law that no setting and no state of a case lifts, where they touch routing.

`README.md` lists them with their tests; `tests/mutants.yaml` takes the line of each away.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from google.protobuf.descriptor import Descriptor

from fengqiao.intake.v1.events_pb2 import EscalationRequested, WithdrawalRequested
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.routing.v1 import analysis_service_pb2 as analysis
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.topics import load
from services.routing import domain
from services.routing.agents import DECIDED_ON
from services.routing.domain import Ladder
from services.routing.store import model
from tests.unit.routing.ladder import NEIGHBOURS, SECTION, STREET, VILLAGE, Walk

HOUR = timedelta(hours=1)
RETURNED = domain.ReturnCase("不是我们的", ev.RETURN_REASON_OTHER_PLACE, "", "h-1")
ORDERED = domain.OrderSupervision(ev.ORDER_REASON_NO_PROGRESS, "chief-1", (VILLAGE,))


def submitted(kind: str = "drain.blocked", unit_id: str = NEIGHBOURS) -> Walk:
    return Walk().submit(kind=kind, unit_id=unit_id, due_in=400 * HOUR)


STATES: dict[str, Callable[[], Walk]] = {
    "just come in": submitted,
    "taken on": lambda: submitted().order(domain.AcceptCase()),
    "at the section": lambda: submitted(unit_id=SECTION),
    "at the top": lambda: submitted(unit_id=STREET),
    "climbed by its clock": lambda: submitted().wait(101 * HOUR),
    "returned and not ruled on": lambda: submitted().order(RETURNED),
    "under a supervision order": lambda: submitted().order(ORDERED),
    "at the top under an order": lambda: submitted(unit_id=STREET).order(ORDERED),
    "in mediation": lambda: submitted("dispute.kin"),
    "in petition handling": lambda: submitted("petition.claim"),
    "back from mediation": lambda: submitted("dispute.kin").mediated(mediation.END_REASON_TIME_UP),
}
"""Whatever state short of an end a case can be in."""


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_in_every_state_short_of_an_end_the_resident_can_ask_to_go_up(state: Callable[[], Walk]) -> None:
    """人民调解法 3, 26: a tier higher, or at the top a superior who looks after it; never nothing."""
    walk = state()
    before = walk.case
    after = walk.hear(EscalationRequested(reason="too_slow")).case
    assert after.tier > before.tier or after.supervised_at is not None or after.recall == "escalation"
    assert walk.events[-1] != "WishDeclined"


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_in_every_state_short_of_an_end_the_resident_can_withdraw(state: Callable[[], Walk]) -> None:
    """人民调解法 23: at any time; on another track whoever has the case ends it."""
    after = state().hear(WithdrawalRequested(reason="mistake")).case
    assert after.status == domain.WITHDRAWN or after.recall == "withdrawal"


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_in_every_state_a_case_is_on_one_track(state: Callable[[], Walk]) -> None:
    """One matter has one active track: the ladder with its clocks, or mediation, or petition handling."""
    case = state().case
    on_the_ladder = bool(case.running or case.order)
    assert on_the_ladder != bool(case.track)
    assert (case.status == domain.REFERRED) == bool(case.track)


def test_a_settled_case_has_no_clock_of_the_ladder_left() -> None:
    """What is settled climbs no more, and no clock of it is left to fail."""
    walk = submitted().order(domain.ResolveCase("done"))
    assert (walk.case.running, walk.case.clock, walk.record.next_due_at) == (0, None, None)
    walk.wait(1000 * HOUR)
    assert (walk.case.steps, walk.record.failures) == ((), 0)


def test_routing_reads_no_topic_of_accusations() -> None:
    """条例 30, 46: accusations never reach the accused; the ladder never hears of one."""
    consumed = {topic for topic, _type in model(Ladder({})).consumed} | set(DECIDED_ON)
    assert not [topic for topic in consumed if topic.endswith(".restricted")]
    restricted = [topic for topic in load() if topic.name.endswith(".restricted")]
    assert restricted
    assert not [topic.name for topic in restricted if "routing" in topic.consumers]


def names_of(message: Descriptor) -> Iterator[str]:
    """The names of all fields of an answer."""
    for field in message.fields:
        yield field.name
        if field.message_type and field.message_type.file.package.startswith("fengqiao"):
            yield from names_of(field.message_type)


@pytest.mark.parametrize(
    "answer", [analysis.ListHotspotsResponse.DESCRIPTOR, analysis.GetIndicatorsResponse.DESCRIPTOR]
)
def test_analytics_name_units_places_and_kinds_and_nobody(answer: Descriptor) -> None:
    """Never scores of residents or petitioners: there is no field that a person could stand in."""
    names = set(names_of(answer))
    persons = {name for name in names if name.endswith(("_ref", "_refs", "_by")) or "score" in name}
    assert not persons | (names & {"person", "resident", "petitioner", "holder", "case_id", "request_no"})
