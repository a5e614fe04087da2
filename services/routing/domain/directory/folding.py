"""How our own events change a unit: its state is what they say, and nothing else (chassis rule 21)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.model import Context
from services.routing.domain.directory.boundaries import Boundary, cells
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import PREFIX
from services.routing.domain.directory.shared import from_days, from_rings
from services.routing.domain.directory.unit import (
    Candidacy,
    Household,
    Leave,
    Post,
    Selection,
    Tenure,
    Unit,
)


def evolve(unit: Unit | None, event: Message, _context: Context) -> Unit:
    """Fold one of our own events into the unit."""
    return FOLDS[type(event)](unit, event)


def _established(_unit: Unit | None, event: ev.UnitEstablished) -> Unit:
    return Unit(
        code=event.unit.code,
        site_id=event.unit.site_id,
        kind=ev.UnitKind.Name(event.kind).removeprefix(PREFIX).lower(),
        days=from_days(event.days),
        posts=tuple(Post(post_id) for post_id in event.posts),
        succeeds=tuple(event.succeeds),
        covers=tuple(event.covers),
    )


def taken_over(event: ev.UnitImported) -> Unit:
    """The unit that an import makes; nothing of it lasts longer than itself."""
    unit = Unit(
        code=event.unit.code,
        site_id=event.unit.site_id,
        kind=ev.UnitKind.Name(event.kind).removeprefix(PREFIX).lower(),
        days=from_days(event.days),
        posts=(),
        covers=tuple(event.covers),
    )
    posts = tuple(Post(post.post_id, tenures=_tenures(unit, post)) for post in event.posts)
    households = tuple(
        Household(key, Days(_day(group.since), unit.until_at_most(_day_or_none(group.until))))
        for group in event.households
        for key in group.keys
    )
    return replace(unit, posts=posts, households=households)


def _tenures(unit: Unit, post: ev.ImportedPost) -> tuple[Tenure, ...]:
    if not post.person_ref:
        return ()
    term_until = _day_or_none(post.term_until)
    off = [Days(_day(post.leave_since), _day_or_none(post.leave_until))] if post.leave_since else []
    tenure = Tenure(
        post.person_ref,
        Days(_day(post.appointed_on), unit.until_at_most(term_until)),
        term_until,
        leaves=tuple(Leave(days, post.substitute_ref) for days in off),
        selection=_selection(post),
    )
    return (tenure,)


def _closed(unit: Unit, event: ev.UnitClosed) -> Unit:
    on = _day(event.on)
    return replace(
        unit,
        days=unit.days.ended(on),
        successors=tuple(event.successors),
        households=tuple(replace(each, days=each.days.ended(on)) for each in unit.households),
        boundaries=tuple(replace(each, days=each.days.ended(on)) for each in unit.boundaries),
    )


def _settled(unit: Unit, event: ev.HouseholdsSettled) -> Unit:
    days = from_days(event.days)
    return replace(unit, households=(*unit.households, *(Household(key, days) for key in event.households)))


def _released(unit: Unit, event: ev.HouseholdsReleased) -> Unit:
    on, keys = _day(event.on), frozenset(event.households)
    households = tuple(
        replace(each, days=each.days.ended(on)) if each.key in keys and on in each.days else each
        for each in unit.households
    )
    return replace(unit, households=households)


def _drawn(unit: Unit, event: ev.BoundaryDrawn) -> Unit:
    on, rings = _day(event.on), from_rings(event.rings)
    kept = tuple(replace(each, days=each.days.ended(on)) for each in unit.boundaries if each.days.since < on)
    if not rings:
        return replace(unit, boundaries=kept)
    days = Days(on, unit.days.until)
    return replace(unit, boundaries=(*kept, Boundary(days, rings, tuple(cells(rings)))))


def _nominated(post: Post, event: ev.LeaderNominated) -> Post:
    candidacy = Candidacy(event.person_ref, _day(event.on), event.nominators)
    return replace(post, candidates=(*_others(post, event.person_ref), candidacy))


def _vetted(post: Post, event: ev.LeaderVetted) -> Post:
    candidates = tuple(
        replace(each, vetted_on=_day(event.on), approved=event.approved)
        if each.person_ref == event.person_ref
        else each
        for each in post.candidates
    )
    return replace(post, candidates=candidates)


def _appointed(unit: Unit, event: ev.LeaderAppointed) -> Unit:
    post = _post(unit, event.post_id)
    term_until = _day_or_none(event.term_until)
    days = Days(_day(event.on), unit.until_at_most(term_until))
    tenure = Tenure(event.person_ref, days, term_until, selection=_selection(event))
    tenures = sorted((*post.tenures, tenure), key=lambda each: each.days.since)
    return unit.with_post(replace(post, candidates=_others(post, event.person_ref), tenures=tuple(tenures)))


def _left(post: Post, event: ev.LeaveGranted) -> Post:
    days = from_days(event.days)
    return _with_tenure(
        post,
        days.since,
        lambda tenure: replace(tenure, leaves=(*tenure.leaves, Leave(days, event.substitute_ref))),
    )


def _back(post: Post, event: ev.LeaveEnded) -> Post:
    on = _day(event.on)

    def end(tenure: Tenure) -> Tenure:
        leaves = tuple(
            replace(leave, days=leave.days.ended(on)) if on in leave.days else leave
            for leave in tenure.leaves
        )
        return replace(tenure, leaves=leaves)

    return _with_tenure(post, on, end)


def _vacated(post: Post, event: ev.PostVacated) -> Post:
    on = _day(event.on)
    reason = ev.VacancyReason.Name(event.reason).removeprefix("VACANCY_REASON_").lower()
    return _with_tenure(post, on, lambda tenure: replace(tenure, days=tenure.days.ended(on), reason=reason))


def _with_tenure(post: Post, on: date, change: Callable[[Tenure], Tenure]) -> Post:
    tenures = tuple(change(tenure) if on in tenure.days else tenure for tenure in post.tenures)
    return replace(post, tenures=tenures)


def _of_post(fold: Callable[[Post, Any], Post]) -> Callable[[Unit, Any], Unit]:
    return lambda unit, event: unit.with_post(fold(_post(unit, event.post_id), event))


def _post(unit: Unit, post_id: str) -> Post:
    return unit.post(post_id) or Post(post_id)


def _others(post: Post, person_ref: str) -> tuple[Candidacy, ...]:
    return tuple(each for each in post.candidates if each.person_ref != person_ref)


def _selection(event: ev.LeaderAppointed | ev.ImportedPost) -> Selection:
    return Selection(_day_or_none(event.nominated_on), event.nominators, _day_or_none(event.vetted_on))


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _day_or_none(text: str) -> date | None:
    return _day(text) if text else None


FOLDS: Mapping[type[Message], Callable[[Any, Any], Unit]] = {
    ev.UnitEstablished: _established,
    ev.UnitImported: lambda _unit, event: taken_over(event),
    ev.UnitClosed: _closed,
    ev.BoundaryDrawn: _drawn,
    ev.HouseholdsSettled: _settled,
    ev.HouseholdsReleased: _released,
    ev.LeaderNominated: _of_post(_nominated),
    ev.LeaderVetted: _of_post(_vetted),
    ev.LeaderAppointed: _appointed,
    ev.LeaveGranted: _of_post(_left),
    ev.LeaveEnded: _of_post(_back),
    ev.PostVacated: _of_post(_vacated),
}
