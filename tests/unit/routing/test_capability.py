"""Where a case starts, by which version of the table, and why: kinds, tiers, units, lists of departments."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Invalid
from services.routing import domain
from services.routing.capability import Able, Capability, Emergency, Listed, Version, able_row
from services.routing.reasons import WORDS, in_words
from services.routing.rules import Placement, Rules
from tests.unit.routing.ladder import (
    NEIGHBOURS,
    NEXT_DOOR,
    OTHER_SECTION,
    OTHER_VILLAGE,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    rules,
)

CHANGE = date(2026, 4, 1)
BEFORE, AFTER = (datetime(2026, 3, 31, 15, 59, tzinfo=UTC), datetime(2026, 3, 31, 16, 0, tzinfo=UTC))
"""The last minute of March and the first of April in Shanghai."""


def versions(*, until: date | None = None, since: date = CHANGE) -> tuple[Version, ...]:
    """Drains start at the neighbourhood, and from April on at the village."""
    return (
        Version("7", {"drain.*": Capability(1, 3)}, Capability(1, 3), until=until),
        Version("8", {"drain.*": Capability(3, 3)}, Capability(1, 3), since=since),
    )


def changed(known: tuple[Version, ...]) -> Rules:
    """As the files of a site are read: what is said without a day is the last version's."""
    last = known[-1]
    return replace(rules(), versions=known, capability=last.rows, capability_version=last.version)


def placed(by: Rules, kind: str = "noise.street", at: str = NEIGHBOURS, *, urgent: bool = False) -> Placement:
    return by.place(kind, at, urgent=urgent)


def test_the_version_in_force_on_the_day_of_the_request_decides() -> None:
    known = changed(versions())
    assert placed(known.at(BEFORE), "drain.blocked").unit.id == NEIGHBOURS
    assert placed(known.at(AFTER), "drain.blocked").unit.id == VILLAGE
    assert placed(known.at(AFTER), "drain.blocked").reasons[0] == "capability:8"


def test_a_change_of_the_table_affects_new_cases_only() -> None:
    walk = Walk(changed(versions()), now=AFTER).submit()
    assert walk.case.unit_id == NEIGHBOURS, "it was asked for before, and came in after"
    assert walk.case.reasons[0] == "capability:7"
    walk.wait(timedelta(days=30))
    assert "capability:8" not in walk.case.reasons


@pytest.mark.parametrize(
    ("gap", "version"),
    [
        ({"until": date(2026, 3, 1)}, "7"),
        ({"until": date(2026, 3, 1), "since": date(2027, 1, 1)}, "7"),
    ],
)
def test_on_a_day_without_a_version_the_last_one_goes_on_and_says_so(
    gap: dict[str, date], version: str
) -> None:
    found = placed(changed(versions(**gap)).at(BEFORE), "drain.blocked")
    assert found.unit.id == NEIGHBOURS
    assert found.reasons[:2] == (f"capability:{version}", "no_version_in_force")


def test_a_unit_that_can_settle_a_kind_has_it_although_its_tier_as_such_cannot() -> None:
    known = replace(rules(), able=(Able("drain.*", NEIGHBOURS, able=True),))
    assert placed(known, "drain.other").unit.id == NEIGHBOURS
    assert f"unit_able:{NEIGHBOURS}" in placed(known, "drain.other").reasons
    assert placed(known, "drain.other", NEXT_DOOR).unit.id == SECTION


def test_a_unit_that_cannot_settle_a_kind_is_passed_over() -> None:
    known = replace(rules(), able=(Able("*", NEIGHBOURS, able=False),))
    found = placed(known)
    assert (found.unit.id, f"unit_unable:{NEIGHBOURS}" in found.reasons) == (SECTION, True)
    assert placed(known, at=NEXT_DOOR).unit.id == NEXT_DOOR


def test_what_is_said_of_a_unit_holds_below_it_and_the_nearest_word_wins() -> None:
    said = (
        Able("*", VILLAGE, able=False, below=True),
        Able("noise.*", SECTION, able=True, below=True),
        Able("noise.street", SECTION, able=False, below=True),
        Able("noise.*", SECTION, able=True),
    )
    assert able_row(said, "noise.street", OTHER_SECTION) == said[0]
    assert able_row(said, "noise.music", NEIGHBOURS) == said[1]
    assert able_row(said, "noise.street", NEIGHBOURS) == said[2], "the more particular kind"
    assert able_row(said, "noise.street", SECTION) == said[3], "the unit itself before those below one"
    assert able_row(said, "noise.street", OTHER_VILLAGE) is None
    assert placed(replace(rules(), able=said[:1])).unit.id == STREET


def test_an_urgent_case_skips_units_that_are_able_below_the_urgent_tier() -> None:
    known = replace(rules(), able=(Able("gas.*", NEIGHBOURS, able=True),))
    assert placed(known, "gas.leak").unit.id == VILLAGE


LISTED = (Listed("works", 3, ("drain.*",)), Listed("fire", 2, ("drain.blocked",)))


def test_listed_work_of_a_department_starts_at_its_tier_and_not_below_it() -> None:
    known = replace(rules(), listed=LISTED, able=(Able("drain.*", NEIGHBOURS, able=True),))
    found = placed(known, "drain.blocked")
    assert (found.unit.id, "department_list:works" in found.reasons) == (VILLAGE, True)
    assert placed(known).unit.id == NEIGHBOURS


@pytest.mark.parametrize("unit_id", [NEIGHBOURS, SECTION, OTHER_SECTION])
def test_listed_work_is_not_pushed_down_by_a_transfer(unit_id: str) -> None:
    walk = Walk(replace(rules(), listed=LISTED)).submit()
    with pytest.raises(Invalid) as refused:
        walk.order(domain.TransferCase(unit_id, ev.TRANSFER_REASON_WORKLOAD, "desk"))
    assert [(v.field, v.reason) for v in refused.value.violations] == [
        ("unit_id", "below_the_department_list")
    ]
    assert refused.value.details["rule"] == "list:works"
    assert walk.case.unit_id == VILLAGE
    walk.order(domain.TransferCase(OTHER_VILLAGE, ev.TRANSFER_REASON_WORKLOAD, "desk"))
    assert walk.case.unit_id == OTHER_VILLAGE


def test_listed_work_is_not_pushed_down_by_a_return_or_a_ruling() -> None:
    walk = Walk(replace(rules(), listed=LISTED)).submit()
    with pytest.raises(Invalid, match="proposed_unit_id: below_the_department_list"):
        walk.order(domain.ReturnCase("", ev.RETURN_REASON_OTHER_REMIT, OTHER_SECTION, "h-3"))
    walk.order(domain.ReturnCase("", ev.RETURN_REASON_OTHER_REMIT, OTHER_VILLAGE, "h-3"))
    with pytest.raises(Invalid, match="unit_id: below_the_department_list"):
        walk.order(domain.RuleOnReturn(ev.RULING_GOES, SECTION, "h-4"))
    assert walk.order(domain.RuleOnReturn(ev.RULING_GOES, OTHER_VILLAGE, "h-4")).case.unit_id == OTHER_VILLAGE


def test_a_case_from_before_the_list_may_still_be_moved_as_it_might_then() -> None:
    before, after = versions()
    known = changed((before, replace(after, listed=LISTED)))
    walk = Walk(known, now=AFTER).submit()
    moved = walk.order(domain.TransferCase(OTHER_SECTION, ev.TRANSFER_REASON_WORKLOAD, "desk"))
    assert moved.case.unit_id == OTHER_SECTION
    assert known.kept_up("drain.blocked", AFTER, 2) is not None


def flood(area: str, *, gone: bool = False) -> Emergency:
    """Drains are a risk that goes to the top, and one section can settle what else there is."""
    table = Version("1", {"drain.*": Capability(1, 4, urgent=True)}, None)
    return Emergency("flood@1", area, None if gone else table)


def test_an_emergency_swaps_the_rules_of_its_area_and_of_no_other() -> None:
    known = replace(rules(), standing=(flood(SECTION),))
    found = placed(known, "drain.blocked")
    assert (found.unit.id, found.risk) == (STREET, True)
    assert {"emergency:flood@1", "urgent_skip"} <= set(found.reasons)
    assert placed(known).unit.id == NEIGHBOURS, "what the profile does not name stays as it is"
    elsewhere = placed(known, "drain.blocked", VILLAGE)
    assert (elsewhere.unit.id, "emergency:flood@1" in elsewhere.reasons) == (VILLAGE, False)


def test_an_emergency_whose_profile_is_gone_leaves_nobody_without_an_owner_and_says_so() -> None:
    found = placed(replace(rules(), standing=(flood(SECTION, gone=True),)), "drain.blocked")
    assert (found.unit.id, "emergency_unknown:flood@1" in found.reasons) == (NEIGHBOURS, True)


def test_an_emergency_takes_no_petition_and_no_mediation_off_its_way() -> None:
    all_urgent = Emergency("flood@1", STREET, Version("1", {}, Capability(1, 1)))
    known = replace(rules(), standing=(all_urgent,))
    assert known.capable("petition.land", NEIGHBOURS) == rules().capable("petition.land")
    assert placed(known, "dispute.noise").unit.id == VILLAGE
    assert known.capable("drain.other", NEIGHBOURS).lowest_tier == 1


def test_an_emergency_leaves_a_departments_list_as_it_is() -> None:
    low = Emergency("flood@1", STREET, Version("1", {"drain.*": Capability(1, 1)}, None))
    assert placed(replace(rules(), listed=LISTED, standing=(low,)), "drain.blocked").unit.id == VILLAGE


def test_a_case_of_a_risk_kind_says_so_whatever_was_said_of_it() -> None:
    walk = Walk().submit(kind="gas.leak")
    [routed] = [entry for entry in walk.record.outbox if entry.type.endswith("CaseRouted")]
    event = ev.CaseRouted.FromString(routed.data)
    assert (event.risk, event.urgent) == (True, False)
    assert walk.case.unit_id == VILLAGE


def test_every_reason_has_words_in_chinese_and_in_english() -> None:
    known = replace(
        rules(vacant=frozenset({SECTION})),
        able=(Able("*", NEIGHBOURS, able=False), Able("drain.*", NEXT_DOOR, able=True)),
        listed=LISTED,
        standing=(flood(OTHER_VILLAGE), flood(OTHER_SECTION, gone=True)),
        lapsed=True,
    )
    kinds = ("noise.street", "drain.blocked", "gas.leak")
    places = (NEIGHBOURS, NEXT_DOOR, SECTION, OTHER_SECTION, OTHER_VILLAGE, "nowhere")
    codes = {code for kind in kinds for at in places for code in placed(known, kind, at).reasons}
    codes |= set(placed(replace(known, listed=()), "drain.other", NEXT_DOOR).reasons)
    assert {code.partition(":")[0] for code in codes} == WORDS.keys()
    for each in in_words(codes):
        assert each.code not in {each.zh, each.en}
        assert "{" not in each.zh + each.en
        assert each.zh != each.en
        assert (each.code.partition(":")[2] or each.zh) in each.zh


def test_a_reason_of_a_later_version_is_shown_as_it_is() -> None:
    [told] = in_words(["by_the_stars:7"])
    assert told.zh == told.en == told.code
