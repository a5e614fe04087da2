"""The plan of a case's clocks: one per tier, from where it starts to the top."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.chassis.terms import Clock, start_term
from services.routing.clocking import RESOLUTION, Profile
from services.routing.domain.case import tier_clock
from services.routing.rules import TOP_TIER, Rules


def make_plan(
    rules: Rules,
    tiers: Sequence[int],
    start: datetime,
    promised: datetime | None,
    *,
    epoch: int,
    kind: str = "",
) -> tuple[datetime, tuple[Clock, ...]]:
    """Due time of the matter, and one clock for each tier from the first to the top.

    With n tiers the j-th clock ends at start + j·(due - start)/n, whole seconds rounded down; the n-th is the
    due time itself. The due time is the promised one, else the default rule's. Where the default rule is a
    tier's, or the site's profile has resolution clocks for the kind, each clock without promise has its whole
    length, one after the other.
    """
    if promised is None and rules.clocks and all(rules.clocks.says(kind, t).resolution for t in tiers):
        return _by_profile(rules, rules.clocks, kind, tiers, start, epoch=epoch)
    if promised is None and rules.term_per_tier:
        return _one_after_the_other(rules, tiers, start, epoch=epoch)
    if promised is not None:
        due_at, rolled, rule, version, provisional = promised, promised, "promised@1", "", False
        explanation = [("promised", promised.isoformat(), 0)]
    else:
        whole = start_term("matter", rules.term_rule, rules.default_term, start, rules)
        due_at, rolled, rule = whole.due_at, whole.rolled_due_at, whole.rule
        version, provisional = whole.calendar_version, whole.provisional
        explanation = list(whole.explanation[1:])
    total = due_at - start
    clocks = []
    began = start
    for number, tier in enumerate(tiers, 1):
        last = number == len(tiers)
        share = total * number // len(tiers)
        ends = due_at if last else start + timedelta(seconds=share // timedelta(seconds=1))
        steps = (("start", start.isoformat(), 0), *explanation, ("share_of_term", ends.isoformat(), number))
        clocks.append(
            Clock(
                tier_clock(tier),
                epoch,
                began,
                ends,
                rolled if last else ends,
                rule,
                version,
                provisional,
                steps,
            )
        )
        began = ends
    return due_at, tuple(clocks)


def _one_after_the_other(
    rules: Rules, tiers: Sequence[int], start: datetime, *, epoch: int
) -> tuple[datetime, tuple[Clock, ...]]:
    clocks: list[Clock] = []
    began = start
    for tier in tiers:
        clock = start_term(tier_clock(tier), rules.term_rule, rules.default_term, began, rules, epoch=epoch)
        clocks.append(clock)
        began = clock.due_at
    return began, tuple(clocks)


def _by_profile(
    rules: Rules, profile: Profile, kind: str, tiers: Sequence[int], start: datetime, *, epoch: int
) -> tuple[datetime, tuple[Clock, ...]]:
    clocks: list[Clock] = []
    began = start
    for tier in tiers:
        term = profile.says(kind, tier).resolution or rules.default_term
        working = profile.working(tier, rules.zone, rules.calendar)
        rule = profile.rule(RESOLUTION)
        clock = start_term(tier_clock(tier), rule, term, began, rules, epoch=epoch, working=working)
        clocks.append(clock)
        began = clock.due_at
    return began, tuple(clocks)


def shifted(plan: tuple[Clock, ...], ran_out: Clock, start: datetime) -> tuple[Clock, ...]:
    """The plan after a clock ended: the next begins at `start`; after an outage later ends move along."""
    by = start - ran_out.due_at
    if not by:
        return plan
    return tuple(
        replace(
            c,
            started_at=c.started_at + by,
            due_at=c.due_at + by,
            rolled_due_at=c.rolled_due_at + by,
            explanation=(*c.explanation, ("outage", start.isoformat(), by // timedelta(seconds=1))),
        )
        if c.due_at > ran_out.due_at
        else c
        for c in plan
    )


def moved(
    plan: tuple[Clock, ...], since: datetime, seconds: int, step: str, *, provisional: bool = False
) -> tuple[Clock, ...]:
    """The plan with the clocks that are not over at a time ending later, and a step that says since when and
    by how much. Whoever's clock had begun by then keeps its start.
    """
    said = (step, since.isoformat(), seconds)
    return tuple(
        replace(
            _later(c, c.started_at >= since, seconds),
            provisional=c.provisional or provisional,
            explanation=(*c.explanation, said),
        )
        if c.due_at > since
        else c
        for c in plan
    )


def corrected(
    plan: tuple[Clock, ...], since: datetime, planned: int, seconds: int, step: str
) -> tuple[Clock, ...]:
    """As if `moved` had moved it by so many seconds and not by those planned."""
    was, said = (step, since.isoformat(), planned), (step, since.isoformat(), seconds)
    return tuple(
        replace(
            _later(c, c.started_at > since, seconds - planned),
            explanation=tuple(said if each == was else each for each in c.explanation),
        )
        if was in c.explanation
        else c
        for c in plan
    )


def _later(clock: Clock, begins: bool, seconds: int) -> Clock:  # noqa: FBT001 - whether its start moves too
    by = timedelta(seconds=seconds)
    return replace(
        clock,
        started_at=clock.started_at + by if begins else clock.started_at,
        due_at=clock.due_at + by,
        rolled_due_at=clock.rolled_due_at + by,
    )


def clock_of(plan: tuple[Clock, ...], tier: int, since: datetime | None = None) -> int:
    """The tier whose clock is for an owner of a tier: its own, or the next one up that the plan has.

    With `since`, of those that are not over by then; 0 where there is none.
    """
    ends = {c.name: c.due_at for c in plan if since is None or c.due_at >= since}
    return next((t for t in range(tier, TOP_TIER + 1) if tier_clock(t) in ends), 0)
