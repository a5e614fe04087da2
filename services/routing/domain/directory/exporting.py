"""What a unit is told as on a day, as an import takes it; and whether an import tells what is there. Pure.

Told is what holds on the day, with all days on which it does: not what is over, nor what begins later.
"""

from collections import defaultdict
from datetime import date

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import PREFIX
from services.routing.domain.directory.shared import reference, to_days, written
from services.routing.domain.directory.unit import Post, Selection, Tenure, Unit


def tell(unit: Unit, day: date) -> ev.UnitImported:
    """A unit that stands on a day, the same however it came to be so."""
    stays: dict[Days, list[str]] = defaultdict(list)
    for household in unit.households:
        if day in household.days:
            stays[household.days].append(household.key)
    groups = [(written(days.since), written(days.until), sorted(keys)) for days, keys in stays.items()]
    return ev.UnitImported(
        unit=reference(unit),
        kind=ev.UnitKind.Value(f"{PREFIX}{unit.kind.upper()}"),
        days=to_days(unit.days),
        posts=[_post(post, day) for post in unit.posts],
        households=[
            ev.ImportedHouseholds(keys=keys, since=since, until=until)
            for since, until, keys in sorted(groups)
        ],
        covers=unit.covers,
    )


def _post(post: Post, day: date) -> ev.ImportedPost:
    tenure = post.tenure_on(day)
    if tenure is None:
        return ev.ImportedPost(post_id=post.id)
    told = ev.ImportedPost(
        post_id=post.id,
        person_ref=tenure.person_ref,
        nominated_on=written(tenure.selection.nominated_on),
        nominators=tenure.selection.nominators,
        vetted_on=written(tenure.selection.vetted_on),
        appointed_on=written(tenure.days.since),
        term_until=written(tenure.days.until),
    )
    if leave := tenure.leave_on(day):
        told.leave_since, told.leave_until = written(leave.days.since), written(leave.days.until)
        told.substitute_ref = leave.substitute_ref
    return told


def agrees(told: Unit, there: Unit, day: date) -> bool:
    """Whether all that an import tells holds, and all that holds on a day is told.

    So what was over before the day, and what an import can't tell, makes no difference.
    """
    if (told.kind, told.days, told.covers) != (there.kind, there.days, there.covers):
        return False
    homes = set(there.households)
    if not {home for home in homes if day in home.days} <= set(told.households) <= homes:
        return False
    posts = {post.id: post for post in there.posts}
    return {post.id for post in told.posts} == posts.keys() and all(
        _same_holder(post, posts[post.id], day) for post in told.posts
    )


def _same_holder(told: Post, there: Post, day: date) -> bool:
    held = there.tenure_on(day)
    if not told.tenures:
        return held is None
    [mine] = told.tenures
    theirs = next((each for each in there.tenures if (each.person_ref, each.days) == _of(mine)), None)
    if theirs is None or (held is not None and held != theirs):
        return False
    off = theirs.leave_on(day)
    return (
        _may_be(mine.selection, theirs.selection)
        and set(mine.leaves) <= set(theirs.leaves)
        and (off is None or off in mine.leaves)
    )


def _of(tenure: Tenure) -> tuple[str, Days]:
    return tenure.person_ref, tenure.days


def _may_be(told: Selection, there: Selection) -> bool:
    """What is not known there is not contradicted: it was not kept in the beginning."""
    return all(
        not known or known == said
        for said, known in (
            (told.nominated_on, there.nominated_on),
            (told.nominators, there.nominators),
            (told.vetted_on, there.vetted_on),
        )
    )
