"""Duties and their times: strict and rolled, on China's calendar."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.chassis.terms import Clock
from services.petition import domain
from tests.unit.petition.office import OPENED, OPINION, Walk, day, end, rules

DAY = timedelta(days=1)
MS = timedelta(milliseconds=1)
DELIVER = domain.DeliverOpinion("post")


def extend(days: int, approver: str = "head-1") -> domain.ExtendDeadline:
    return domain.ExtendDeadline(days, "complex", approver)


def running(walk: Walk) -> Clock:
    clock = walk.petition.clock
    assert clock is not None
    return clock


def at_p1(walk: Walk) -> Walk:
    return walk.refer()


def at_p2(walk: Walk) -> Walk:
    return walk.refer().register().route()


def at_p4(walk: Walk) -> Walk:
    return walk.refer().accepted()


def at_p6(walk: Walk) -> Walk:
    return walk.refer().accepted().order(OPINION).order(DELIVER)


@pytest.mark.parametrize(
    ("begin", "name", "start", "strict", "rolled"),
    [
        (at_p1, "p1", "2026-02-03", "2026-02-18", "2026-02-24"),
        (at_p1, "p1", "2026-09-17", "2026-10-02", "2026-10-08"),
        (at_p2, "p2", "2026-02-03", "2026-02-18", "2026-02-24"),
        (at_p2, "p2", "2026-09-17", "2026-10-02", "2026-10-08"),
        (at_p4, "p4", "2026-08-03", "2026-10-02", "2026-10-08"),
        (at_p6, "p6", "2026-04-01", "2026-05-01", "2026-05-06"),
    ],
)
def test_each_clock_ends_on_the_days_that_the_calendar_gives(
    begin: Callable[[Walk], Walk], name: str, start: str, strict: str, rolled: str
) -> None:
    clock = running(begin(Walk(now=day(start))))
    assert (clock.name, clock.due_at, clock.rolled_due_at) == (name, end(strict), end(rolled))
    assert not clock.provisional
    assert clock.explanation[0][0] == "start"


def test_a_time_that_ends_in_next_year_is_provisional() -> None:
    assert running(Walk(now=day("2026-12-20")).refer()).provisional
    assert running(Walk(now=day("2026-11-30")).refer().accepted()).provisional


def test_the_clocks_cite_their_rules() -> None:
    walk = Walk().refer().accepted().order(extend(10)).order(OPINION).order(DELIVER)
    assert [(clock.name, clock.epoch, clock.rule) for clock in walk.petition.clocks] == [
        ("p1", 1, "petition.register@1"),
        ("p2", 1, "petition.notice@1"),
        ("p4", 1, "petition.opinion@1"),
        ("p4", 2, "petition.extension@1"),
        ("p6", 1, "petition.review@1"),
    ]


def test_a_site_may_set_another_length_with_a_version_of_its_own() -> None:
    raw = {"id": "petition.register", "version": 2, "length": 5, "unit": "working_days"}
    clock = running(Walk(rules(rules=[raw]), now=day("2026-03-02")).refer())
    assert (clock.rule, clock.due_at) == ("petition.register@2", end("2026-03-09"))


def test_a_duty_warns_at_the_strict_date_and_is_overdue_at_the_rolled_one_once_each() -> None:
    walk = Walk(now=day("2026-02-03")).refer().until(end("2026-02-18"))
    assert walk.events == ["PetitionReceived"]
    walk.wait(MS)
    assert (walk.events[-1], walk.petition.warned, walk.petition.overdue) == ("DutyWarned", True, ())
    walk.until(end("2026-02-24"))
    assert walk.events.count("DutyWarned") == 1
    assert "DutyOverdue" not in walk.events
    walk.wait(MS)
    assert (walk.events[-1], walk.petition.overdue) == ("DutyOverdue", ("p1",))
    assert walk.record.next_due_at is None
    walk.wait(100 * DAY)
    assert walk.events == ["PetitionReceived", "DutyWarned", "DutyOverdue"]
    assert walk.petition.status == domain.RECEIVED
    [(warned, warned_at)] = walk.told("DutyWarned")
    [(overdue, overdue_at)] = walk.told("DutyOverdue")
    assert (warned.clock, warned.epoch, warned_at) == ("p1", 1, end("2026-02-18"))
    assert (overdue.clock, overdue.epoch, overdue.rule, overdue_at) == (
        "p1",
        1,
        "petition.register@1",
        end("2026-02-24"),
    )


def test_without_a_holiday_in_the_way_there_is_no_warning() -> None:
    walk = Walk(now=day("2026-03-02")).refer().wait(60 * DAY)
    assert walk.events == ["PetitionReceived", "DutyOverdue"]


def test_a_duty_can_be_done_after_its_time_and_stays_on_record_as_overdue() -> None:
    walk = Walk().refer().register().wait(60 * DAY).route()
    assert (walk.petition.status, walk.petition.overdue) == (domain.ROUTED, ("p1",))
    assert running(walk).name == "p2"


def test_a_duty_done_in_time_and_entered_late_was_done_in_time() -> None:
    walk = Walk().refer().register(petitioners=1).wait(60 * DAY)
    assert list(walk.petition.overdue) == ["p1"]
    walk.order(domain.RoutePetition(1), at=OPENED + DAY)
    assert walk.petition.overdue == ()
    assert "DutyOverdue" in walk.events


def test_at_the_very_instant_of_the_due_time_the_duty_is_done_in_time() -> None:
    walk = Walk(now=day("2026-03-02")).refer().register()
    walk.now = end("2026-03-17")
    assert walk.route().petition.overdue == ()
    assert "DutyOverdue" not in walk.events


def test_registering_does_not_stop_the_time_to_register_and_route() -> None:
    walk = Walk().refer()
    due = walk.record.next_due_at
    assert walk.register().record.next_due_at == due


def test_an_opinion_says_whether_it_was_late() -> None:
    in_time = Walk().refer().accepted().wait(59 * DAY).order(OPINION)
    late = Walk().refer().accepted().wait(90 * DAY).order(OPINION)
    assert [walk.told("OpinionIssued")[0][0].overdue for walk in (in_time, late)] == [False, True]
    assert late.petition.overdue == ("p4",)


# -- more time -----------------------------------------------------------------------------------------------


def test_the_head_gives_at_most_thirty_days_more_from_the_strict_end() -> None:
    walk = Walk(now=day("2026-08-03")).refer().accepted().order(extend(30))
    clock = running(walk)
    assert (clock.name, clock.epoch) == ("p4", 2)
    assert (clock.started_at, clock.due_at) == (end("2026-10-02"), end("2026-11-01"))
    assert clock.rolled_due_at == end("2026-11-02")
    [(extended, _)] = walk.told("DeadlineExtended")
    assert (extended.days, extended.reason, extended.approver_ref) == (30, "complex", "head-1")


def refused(walk: Walk, command: object) -> Any:
    with pytest.raises(CommandError) as error:
        walk.order(command)
    return error.value


@pytest.mark.parametrize("days", [31, 0, -1])
def test_more_than_the_law_allows_is_refused(days: int) -> None:
    error = refused(Walk().refer().accepted(), extend(days))
    assert isinstance(error, Invalid)
    assert [(v.field, v.reason) for v in error.violations] == [("days", "not_in_1_to_30")]
    assert error.details["rule"] == "petition.extension@1"


def test_nobody_extends_a_time_but_the_head() -> None:
    error = refused(Walk().refer().accepted(), extend(5, " "))
    assert isinstance(error, Invalid)
    assert [v.field for v in error.violations] == ["approver_ref"]


def test_a_time_is_extended_once() -> None:
    error = refused(Walk().refer().accepted().order(extend(5)), extend(5))
    assert isinstance(error, IllegalTransition)
    assert (error.reason, error.details["rule"]) == ("extended_before", "petition.extension@1")


def test_a_time_that_has_run_out_is_not_extended() -> None:
    error = refused(Walk().refer().accepted().wait(90 * DAY), extend(5))
    assert (error.reason, error.details["state"]) == ("run_out", domain.ACCEPTED)


def test_where_no_opinion_is_due_there_is_no_time_to_extend() -> None:
    error = refused(Walk().refer().accepted(branch=2), extend(5))
    assert (error.reason, error.details["rule"]) == ("no_clock", "petition.extension@1")


def test_an_extended_time_that_runs_out_is_overdue_by_the_rule_that_extended_it() -> None:
    walk = Walk(now=day("2026-08-03")).refer().accepted().order(extend(30)).until(day("2026-12-01"))
    assert walk.events[-2:] == ["DutyWarned", "DutyOverdue"]
    [(overdue, _)] = walk.told("DutyOverdue")
    assert (overdue.clock, overdue.epoch, overdue.rule) == ("p4", 2, "petition.extension@1")


def test_approved_in_time_and_entered_late_the_extension_counts() -> None:
    walk = Walk().refer().accepted().wait(90 * DAY)
    assert list(walk.petition.overdue) == ["p4"]
    walk.order(extend(30), at=OPENED + 50 * DAY)
    assert walk.petition.overdue == ()
    assert running(walk).epoch == 2


def test_the_time_for_a_review_ends_on_the_rolled_day_alone() -> None:
    walk = Walk(now=day("2026-04-01")).refer().accepted().order(OPINION).order(DELIVER)
    assert walk.record.next_due_at == end("2026-05-06")
    walk.until(end("2026-05-06") + MS)
    assert walk.petition.status == domain.FINAL
    assert "DutyWarned" not in walk.events
    [(final, at)] = walk.told("OpinionBecameFinal")
    assert (final.clock, final.epoch, at) == ("p6", 1, end("2026-05-06"))


def test_what_is_listed_first_is_due_first_and_what_has_no_term_is_due_at_once() -> None:
    walk = Walk(now=day("2026-02-03")).refer()
    assert walk.petition.due_at == end("2026-02-24")
    walk.wait(DAY).register().route().notify()
    assert walk.petition.due_at == day("2026-02-04")
