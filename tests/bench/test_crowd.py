"""The copies that queues and boards are measured on are what they are said to be."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from services.chassis.site import load_sites
from services.routing.domain.attention import attention, facts_of, lines
from services.routing.sitefiles import read_rules
from services.routing.store import load
from tests.bench import crowd
from tests.bench.crowd_figures import BATCH
from tests.bench.crowd_models import ACCEPTED, DUE, ENDED, OVERDUE, SOON, UNASSIGNED, WAITING, Makers
from tests.bench.stage import site_of

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def makers(tmp_path_factory: pytest.TempPathFactory) -> Makers:
    sites = load_sites(site_of(crowd.HOUR_MS, tmp_path_factory.mktemp("bench") / "sites"))
    return Makers(read_rules(sites["bench"]), NOW)


@pytest.mark.parametrize(
    ("name", "why", "due"),
    [
        (ENDED, (), False),
        (ACCEPTED, (), False),
        (WAITING, ("unassigned",), False),
        (SOON, ("due_soon",), False),
        (OVERDUE, ("overdue",), False),
        (DUE, ("overdue",), True),
        (UNASSIGNED, ("overdue", "unassigned"), True),
    ],
)
def test_copies_want_attention_for_what_their_name_says(
    makers: Makers, tmp_path_factory: pytest.TempPathFactory, name: str, why: tuple[str, ...], *, due: bool
) -> None:
    sites = load_sites(site_of(crowd.HOUR_MS, tmp_path_factory.mktemp("again") / "sites"))
    at = lines(read_rules(sites["bench"]), NOW, NOW)
    copies: list[dict[str, Any]] = [
        bson.decode(copy.raw, bson.CodecOptions(tz_aware=True)) for copy in makers.copies(name, 7, 40)
    ]
    assert (
        len({copy["_id"] for copy in copies}) == len({copy["state"]["request_no"] for copy in copies}) == 40
    )
    found = {attention(facts_of(load(copy["state"])), at) for copy in copies}
    assert found <= {why, (*why, "unassigned")}, name
    assert {copy.get("next_due_at", NOW) < NOW for copy in copies} == {due}


def test_the_mix_of_open_cases_is_whole() -> None:
    assert sum(crowd.MIX.values()) == pytest.approx(1.0)
    assert Counter(crowd.Sizes(1_000, 100).levels) == Counter({0: 1, 900: 1})
    assert crowd.Sizes().levels == [0, 100_000, 500_000, 900_000]


def test_batches_of_a_sweep_are_in_order_when_each_is_older_than_the_next() -> None:
    older, newer = list(range(BATCH))[::-1], list(range(BATCH, 2 * BATCH))
    assert crowd._in_batches([*map(float, older), *map(float, newer)])
    assert not crowd._in_batches([*map(float, newer), *map(float, older)])
