"""A checker that never failed proves nothing: each kind of damage to a good record set is found."""

import pytest

from deploy.local.parts import Choice
from tests.faults.crowd import Load
from tests.faults.damage import DAMAGES
from tests.faults.evidence import Evidence
from tests.faults.invariants import CHECKS, look_at
from tests.faults.nemesis import Planned
from tests.faults.run import Order, act_and_gather
from tests.faults.stage import Wanted

pytestmark = pytest.mark.timeout(240)

SCHEDULE = [
    Planned("poison", 2, 6),
    Planned("kill_routing", 3, 5),
    Planned("mishaps_store", 7, 4),
]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Evidence:
    """What a short run under a few faults leaves: always the same ones."""
    best = Choice(request.config.getoption("--parts")) not in {Choice.WHEELS, Choice.EMBEDDED}
    wanted = Wanted(brokers=1 if best else 0, wheel_store=not best)
    order = Order(
        name="short", seed=1, schedule=SCHEDULE, seconds=13, wanted=wanted, load=Load(pace=4 if best else 1.5)
    )
    return act_and_gather(order, tmp_path_factory.mktemp("faults") / "stage")


def test_under_poison_kills_and_mishaps_everything_holds(evidence: Evidence) -> None:
    tally = look_at(evidence)
    told = [f"{v.invariant} {v.case} {v.text}" for v in tally.violations[:20]]
    told += [evidence.story(v.case) for v in tally.violations[:20] if v.case][:1]
    assert not tally.violations, "\n".join(told)
    assert tally.count > 500


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found_by_the_invariant_that_it_breaks(evidence: Evidence, what: str) -> None:
    invariant, damage = DAMAGES[what]
    tally = look_at(damage(evidence))
    assert invariant in {violation.invariant for violation in tally.violations}, tally.violations[:5]


def test_every_invariant_that_is_looked_at_is_damaged_here(evidence: Evidence) -> None:
    assert len(CHECKS) > 15
    assert {invariant for invariant, _ in DAMAGES.values()} == set(look_at(evidence).checks)
