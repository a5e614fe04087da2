"""How likely two requests are about one matter, by parts that have names. Pure.

A score orders what a person looks at; it decides nothing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Any

from services.intake.duplicates.places import group_of, nearness
from services.intake.duplicates.wording import agreement, features, likeness, numbers

THRESHOLD, THRESHOLD_WITHOUT_TEXT = 0.55, 0.9
"""What scores less is not suggested. Chosen on half of a labelled set and a city's record, see the README."""
HALF_LIFE_DAYS = 7.0
REFERENCE, PLACE, KIND, TIME, TEXT, DETAILS = "reference", "place", "kind", "time", "text", "details"
WITH_TEXT: Mapping[str, float] = {TEXT: 0.4, PLACE: 0.3, KIND: 0.1, TIME: 0.2}
WITHOUT_TEXT: Mapping[str, float] = {PLACE: 0.5, KIND: 0.25, TIME: 0.25}
SAME_NUMBERS, OTHER_NUMBERS = 0.1, 0.5
"""Numbers in common are added to the score; where both name others, so much of it is left."""
ADDRESSES = ("address", "location", "地址", "地点", "point")
QUOTED = ("reference", "source_reference", "order_no", "case_no", "工单号", "工单编号", "案件编号", "编号")
"""Attributes that say where it is, and that quote another agency's number."""
SHORTEST_REFERENCE = 4


@dataclass(frozen=True, slots=True)
class Matter:
    """A request as it is compared: of its text the features alone.

    `reference` is the number of the agency that sent it, `quoted` are others' numbers.
    """

    case_id: str
    kind: str
    unit_id: str
    submitted_at: datetime
    text: InitVar[str] = ""
    address: str = ""
    reference: str = ""
    quoted: frozenset[str] = frozenset()
    words: frozenset[str] = field(init=False)
    counts: Mapping[str, frozenset[int]] = field(init=False)

    def __post_init__(self, text: str) -> None:
        """Take the features of the text."""
        object.__setattr__(self, "words", features(text))
        object.__setattr__(self, "counts", numbers(text))


@dataclass(frozen=True, slots=True)
class Part:
    """What one thing in common is worth, from 0 to 1, and why as a code."""

    name: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two requests have in common."""

    case_id: str
    score: float
    parts: tuple[Part, ...]


def suggest(matter: Matter, others: Collection[Matter]) -> list[Comparison]:
    """Those that may be about the same matter, the likeliest first."""
    compared = [compare(matter, other) for other in others]
    return sorted(filter(likely, compared), key=lambda each: (-each.score, each.case_id))


def likely(comparison: Comparison) -> bool:
    """Whether it is worth a person's look; where no word is known, place, kind and time must agree well."""
    wordy = any(part.name in {TEXT, REFERENCE} for part in comparison.parts)
    return comparison.score >= (THRESHOLD if wordy else THRESHOLD_WITHOUT_TEXT)


def compare(one: Matter, other: Matter) -> Comparison:
    """The parts of their likeness, and what they come to."""
    parts = [_place(one, other), _kind(one, other), _time(one, other)]
    alike = likeness(one.words, other.words)
    if alike is not None:
        parts.append(Part(TEXT, alike, "words_in_common" if alike else "no_word_in_common"))
    weights = WITHOUT_TEXT if alike is None else WITH_TEXT
    score = sum(weights[part.name] * part.score for part in parts)
    if told := agreement(one.counts, other.counts):
        parts.append(Part(DETAILS, *told))
        score = score + SAME_NUMBERS if told[0] else score * OTHER_NUMBERS
    if same_reference(one, other):
        parts.insert(0, Part(REFERENCE, 1.0, "same_reference"))
        score = 1.0
    return Comparison(other.case_id, round(min(max(score, 0.0), 1.0), 4), tuple(parts))


def same_reference(one: Matter, other: Matter) -> bool:
    """Whether one quotes the other's number, or both quote the same; two agencies may number alike."""
    return bool(
        one.quoted & other.quoted
        or one.reference in other.quoted - {""}
        or other.reference in one.quoted - {""}
    )


def _place(one: Matter, other: Matter) -> Part:
    score, reason = nearness(one.unit_id, other.unit_id)
    if one.address and one.address == other.address:
        return Part(PLACE, 1.0, "same_address")
    if one.address and other.address:
        return Part(PLACE, score / 2, "other_address")
    return Part(PLACE, score, reason)


def _kind(one: Matter, other: Matter) -> Part:
    if one.kind == other.kind:
        return Part(KIND, 1.0, "same_kind")
    return (
        Part(KIND, 0.5, "same_group")
        if group_of(one.kind) == group_of(other.kind)
        else Part(KIND, 0.0, "other_kind")
    )


def _time(one: Matter, other: Matter) -> Part:
    days = abs((one.submitted_at - other.submitted_at).total_seconds()) / 86_400
    return Part(TIME, round(0.5 ** (days / HALF_LIFE_DAYS), 4), f"days_apart_{int(days)}")


def matter_of(case_id: str, kind: str, unit_id: str, at: datetime, private: Mapping[str, Any]) -> Matter:
    """A request as it is compared, from what is kept of it; what was erased is not there."""
    attributes = {pair["name"].casefold(): pair["value"] for pair in private.get("attributes") or ()}
    return Matter(
        case_id,
        kind,
        unit_id,
        at,
        text=text_of(kind, private.get("title") or "", private.get("description") or ""),
        address=next((_tidy(attributes[name]) for name in ADDRESSES if attributes.get(name)), ""),
        reference=_tidy(private.get("reference") or ""),
        quoted=quoted(attributes),
    )


def text_of(kind: str, title: str, description: str) -> str:
    """What somebody said; a title that only repeats the kind says nothing."""
    said = re.sub(r"[^\w]+", "_", title.casefold()).strip("_")
    named = {kind, kind.rpartition(".")[2], kind.replace(".", "_")}
    return description if said in named else f"{title}\n{description}".strip()


def quoted(attributes: Mapping[str, str]) -> frozenset[str]:
    """Other agencies' numbers that attributes name."""
    found = {_tidy(attributes[name]) for name in QUOTED if attributes.get(name)}
    return frozenset(each for each in found if len(each) >= SHORTEST_REFERENCE)


def references(reference: str, attributes: Mapping[str, str]) -> Sequence[str]:
    """Every number that a request is found under: its agency's and those that it quotes."""
    return sorted(
        quoted({name.casefold(): value for name, value in attributes.items()}) | ({_tidy(reference)} - {""})
    )


def _tidy(value: str) -> str:
    return " ".join(value.casefold().split())
