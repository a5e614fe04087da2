"""The demo's city as committed: slice, territory, capability table and the rules that made them."""

import csv
import gzip
from collections import Counter

import pytest

from services.cli.demo import BOSTON, boston_site
from services.cli.demo.boston.build import ROWS, precincts_of, slice_of, territory_of
from services.cli.demo.oracle import expect
from services.cli.demo.rows import OPTIONAL, REQUIRED, Channel, Verdict, read
from services.cli.demo.site import kind_of

SITE = boston_site()
SLICE = BOSTON / "requests.csv.gz"
PLACED = read(SLICE, None, SITE.zone, SITE.places)


def test_the_slice_is_small_and_all_of_it_is_accepted() -> None:
    assert SLICE.stat().st_size < 1_000_000
    assert Counter(row.verdict for row in PLACED) == {Verdict.ACCEPTED: ROWS}
    assert Counter(row.channel for row in PLACED) == {Channel.HOTLINE: 232, Channel.RPC: 368}


def test_the_oracle_agrees_with_every_flag_of_the_city() -> None:
    compared = 0
    for row in PLACED:
        assert row.opened_at
        if row.target_at and row.closed_at and row.ontime is not None:
            tier = SITE.start_tier(row.kind, row.unit)
            assert expect(row, tier, row.target_at, row.closed_at).overdue is not row.ontime, row.external_id
            compared += 1
    assert compared == 412


def test_every_tier_is_the_start_of_some_case() -> None:
    assert {SITE.start_tier(row.kind, row.unit) for row in PLACED} == {1, 2, 3, 4}


def test_the_territory_is_a_tree_of_four_tiers() -> None:
    for unit, tier in SITE.tiers.items():
        parent = unit.rpartition("/")[0]
        assert tier == 4 - unit.count("/")
        assert not parent or SITE.tiers[parent] == tier + 1
    assert Counter(SITE.tiers.values())[1] == 254


@pytest.mark.parametrize(
    ("kind", "unit", "tier"),
    [
        ("sanitation.schedule_a_bulk_item_pickup", "boston/d07/w17/p1714", 1),
        ("sanitation.schedule_a_bulk_item_pickup", "boston/d07/w17", 2),
        ("trees.tree_maintenance_requests", "boston/d07/w17/p1714", 2),
        ("trees.tree_emergencies", "boston/d07/w17/p1714", 3),
        ("trees.tree_emergencies", "boston", 4),
        ("never.heard_of", "boston/d07/w17/p1714", 1),
    ],
)
def test_a_case_starts_at_the_lowest_tier_that_can_take_it(kind: str, unit: str, tier: int) -> None:
    assert SITE.start_tier(kind, unit) == tier


@pytest.mark.parametrize(
    ("reason", "type_", "kind"),
    [
        ("Sanitation", "Schedule a Bulk Item Pickup", "sanitation.schedule_a_bulk_item_pickup"),
        ("Signs & Signals", "New Sign  Crosswalk", "signs_signals.new_sign_crosswalk"),
        ("", "?", "unspecified.unspecified"),
        ("x" * 200, "y", "x" * 128),
    ],
)
def test_a_kind_is_a_code_of_reason_and_type(reason: str, type_: str, kind: str) -> None:
    assert kind_of(reason, type_) == kind


def record(precinct: str, ward: str, district: str, open_dt: str = "") -> dict[str, str]:
    blank = dict.fromkeys((*REQUIRED, *OPTIONAL), "")
    return blank | {
        "precinct": precinct,
        "ward": ward,
        "neighborhood_services_district": district,
        "open_dt": open_dt,
    }


def test_a_precinct_belongs_where_most_of_its_rows_say() -> None:
    records = [
        record("1402", "Ward 14", "8"),
        record("1402", "14", "8"),
        record("1402", "Ward 14", "9"),
        record("1403", "Ward 14", "9"),
        record(" ", " ", "0"),
    ]
    precincts, dirt = precincts_of(records)
    assert precincts == {"1402": ("14", "08"), "1403": ("14", "09")}
    assert dirt["precincts in two districts"] == dirt["wards in several districts"] == dirt["district 0"] == 1
    territory = territory_of(precincts)
    assert "boston/d08/w14/p1402" in territory
    assert "boston/d09/w14/p1403" in territory


def test_the_slice_takes_the_earliest_openings_with_ties_in_the_order_of_the_file() -> None:
    records = [record(str(n), "", "", f"2011-07-01 00:00:{59 - n // 20:02}") for n in range(1_000)]
    text = gzip.decompress(slice_of(records)).decode()
    assert [row["precinct"] for row in csv.DictReader(text.splitlines())][:3] == ["980", "981", "982"]
    assert slice_of(records) == slice_of(records)
