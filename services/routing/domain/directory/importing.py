"""What taking over a unit from another register comes to: whole or not at all, and all that is wrong with it.

An import may tell of days that are over, as nothing was known of the unit before. The rules are those of
orders: nominated, then vetted, then appointed; a household is of one neighbourhood, a leader has one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days, days_of
from services.routing.domain.directory.decisions import ONE_NEIGHBOURHOOD, PREFIX, misplaced
from services.routing.domain.directory.unit import LEADER, NEIGHBOURHOOD, TEMPORARY, Unit

CODE = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")
HOUSEHOLD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
Stay = tuple[Days, str]
"""Days, and the code of the unit on them."""
POST = re.compile(r"[a-z][a-z_]{1,31}")


@dataclass(frozen=True, slots=True)
class Around:
    """What one has to know of other units: the one above, whose the households are, who leads elsewhere."""

    above: Unit | None
    homes: Mapping[str, Sequence[Stay]] = field(default_factory=dict)
    leading: Mapping[str, Sequence[Stay]] = field(default_factory=dict)


def take_over(unit: ev.UnitImported, around: Around) -> None:
    """Look at a unit; it may be kept as it is told when this returns.

    Raises:
        Invalid: all that is wrong, each with its field.
    """
    wrong = list(_itself(unit))
    if not wrong:
        wrong = [*_place(unit, around), *_posts(unit, around), *_households(unit, around)]
    if wrong:
        raise Invalid(wrong, rule=ONE_NEIGHBOURHOOD if any(_taken(each) for each in wrong) else "")


def _itself(unit: ev.UnitImported) -> Iterator[Violation]:
    if not CODE.fullmatch(unit.unit.code):
        yield Violation("code", "no_code")
    if unit.kind not in ev.UnitKind.values()[1:]:
        yield Violation("kind", "required")
    yield from day_faults("since", unit.days.since, required=True)
    yield from day_faults("until", unit.days.until)
    for n, post in enumerate(unit.posts):
        for name in ("nominated_on", "vetted_on", "term_until", "leave_since", "leave_until"):
            yield from day_faults(f"posts[{n}].{name}", getattr(post, name))
        yield from day_faults(f"posts[{n}].appointed_on", post.appointed_on, required=bool(post.person_ref))
        if not POST.fullmatch(post.post_id):
            yield Violation(f"posts[{n}].post_id", "no_code")
    for n, households in enumerate(unit.households):
        yield from day_faults(f"households[{n}].since", households.since, required=True)
        yield from day_faults(f"households[{n}].until", households.until)


def _place(unit: ev.UnitImported, around: Around) -> Iterator[Violation]:
    days = days_of(unit.days.since, unit.days.until)
    is_temporary = kind_of(unit) == TEMPORARY
    if is_temporary and days.until is None:
        yield Violation("until", "required")
    if is_temporary != bool(unit.covers):
        yield Violation("covers", "required" if is_temporary else "not_for_this_kind")
    if days.until is not None and days.until <= days.since:
        yield Violation("until", "not_after_the_first_day")
    command = c.EstablishUnit(unit.unit.code, kind_of(unit), days.since, days.until)
    if wrong := misplaced(command, around.above):
        yield wrong


def _posts(unit: ev.UnitImported, around: Around) -> Iterator[Violation]:
    ids = [post.post_id for post in unit.posts]
    for n, post in enumerate(unit.posts):
        at = f"posts[{n}]"
        if post.post_id in ids[:n]:
            yield Violation(f"{at}.post_id", "named_twice")
        if not post.person_ref:
            if post.nominated_on or post.vetted_on or post.appointed_on or post.leave_since:
                yield Violation(f"{at}.person_ref", "required")
            continue
        yield from _away(post, at)
        leads = kind_of(unit) == NEIGHBOURHOOD and post.post_id == LEADER
        yield from _appointed(unit, post, at, leads=leads)
        if leads and (code := _elsewhere(unit, around.leading.get(post.person_ref, ()), held(unit, post))):
            yield Violation(f"{at}.person_ref", f"leads:{code}")


def _appointed(unit: ev.UnitImported, post: ev.ImportedPost, at: str, *, leads: bool) -> Iterator[Violation]:
    """Nominated by residents, vetted, appointed, in this order; written dates sort as they are."""
    if leads and (not post.nominated_on or post.nominators < 1):
        yield Violation(f"{at}.nominated_on", "not_nominated")
    elif leads and not post.vetted_on:
        yield Violation(f"{at}.vetted_on", "not_vetted")
    if post.vetted_on and post.vetted_on < post.nominated_on:
        yield Violation(f"{at}.vetted_on", "before_the_nomination")
    if post.appointed_on < max(post.nominated_on, post.vetted_on):
        yield Violation(f"{at}.appointed_on", "before_nomination_or_vetting")
    if post.appointed_on < unit.days.since:
        yield Violation(f"{at}.appointed_on", "before_the_unit")
    elif unit.days.until and post.appointed_on >= unit.days.until:
        yield Violation(f"{at}.appointed_on", "after_the_unit")
    if post.term_until and post.term_until <= post.appointed_on:
        yield Violation(f"{at}.term_until", "not_after_the_first_day")


def _away(post: ev.ImportedPost, at: str) -> Iterator[Violation]:
    """The holder's leave, within the time that they hold the post."""
    if not post.leave_since:
        if post.leave_until or post.substitute_ref:
            yield Violation(f"{at}.leave_since", "required")
        return
    if post.leave_since < post.appointed_on or (post.term_until and post.leave_since >= post.term_until):
        yield Violation(f"{at}.leave_since", "not_while_they_hold_it")
    if post.leave_until and post.leave_until <= post.leave_since:
        yield Violation(f"{at}.leave_until", "not_after_the_first_day")
    if post.substitute_ref == post.person_ref:
        yield Violation(f"{at}.substitute_ref", "is_the_holder")


def _households(unit: ev.UnitImported, around: Around) -> Iterator[Violation]:
    own: dict[str, list[Days]] = {}
    for n, group in enumerate(unit.households):
        at = f"households[{n}]"
        if kind_of(unit) != NEIGHBOURHOOD:
            yield Violation(at, "not_a_neighbourhood")
            return
        if group.since < unit.days.since:
            yield Violation(f"{at}.since", "before_the_unit")
        elif unit.days.until and group.since >= unit.days.until:
            yield Violation(f"{at}.since", "after_the_unit")
        if group.until and group.until <= group.since:
            yield Violation(f"{at}.until", "not_after_the_first_day")
            continue
        days = days_of(group.since, group.until)
        for m, key in enumerate(group.keys):
            if not HOUSEHOLD.fullmatch(key):
                yield Violation(f"{at}.keys[{m}]", "no_key")
            elif any(days.overlaps(other) for other in own.get(key, ())):
                yield Violation(f"{at}.keys[{m}]", "named_twice")
            elif code := _elsewhere(unit, around.homes.get(key, ()), days):
                yield Violation(f"{at}.keys[{m}]", f"belongs_to:{code}")
            own.setdefault(key, []).append(days)


def _elsewhere(unit: ev.UnitImported, theirs: Sequence[Stay], days: Days) -> str:
    others = (code for other, code in theirs if other.overlaps(days) and code != unit.unit.code)
    return next(others, "")


def _taken(violation: Violation) -> bool:
    return violation.reason.startswith("belongs_to:")


def day_faults(name: str, text: str, *, required: bool = False) -> Iterator[Violation]:
    """What is wrong with a day as it is written."""
    if not text:
        if required:
            yield Violation(name, "required")
        return
    try:
        same = date.fromisoformat(text).isoformat() == text
    except ValueError:
        same = False
    if not same:
        yield Violation(name, "no_such_day")


def kind_of(unit: ev.UnitImported) -> str:
    """What it is."""
    return ev.UnitKind.Name(unit.kind).removeprefix(PREFIX).lower()


def held(unit: ev.UnitImported, post: ev.ImportedPost) -> Days:
    """The days on which somebody holds a post."""
    return days_of(post.appointed_on or unit.days.since, post.term_until)
