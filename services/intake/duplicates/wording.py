"""How alike two texts are, in Chinese and English: by words, pairs of characters, and numbers. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from math import sqrt

LONGEST = 2_000
"""So much of a text counts: what a matter is about stands at its beginning."""

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_WORD = re.compile(r"[a-z]+|\d+")
# What every request says, whatever it is about.
_EMPTY_HAN = re.compile(
    "您好|你好|请问|请求|希望|麻烦|尽快|有关部门|相关部门|处理|解决|反映|投诉|来电人|市民|居民|我们|我家|他们|这个|那个|一直|已经|现在|目前|"
    "怎么办|能不能|可不可以|谢谢|[的了是在有我你他她它们这那就都也和与及请吧呢啊很还被把给对从到着过说个]"
)
_SAID_ANYWHERE = (
    "a an and are as at be been but by can could do does for from had has have he her his i in is it its me "
    "my no not of on or our please she so that the their them there they this to us very was we were will "
    "with would you your"
)
_EMPTY_WORDS = frozenset(_SAID_ANYWHERE.split())
_SHORTEST_STEM = 3
_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_COUNTED = re.compile(
    r"(\d+|[零〇一二两三四五六七八九十百]+)\s*(号楼|号院|号|栋|幢|座|单元|室|楼|层|弄|巷|组|路公交)"
)
_NUMBERED = re.compile(
    r"(?:\bno\.?|\bnumber|#)\s*(\d+)|\b(\d+)\s+(?=[a-z]+\s+(?:st|street|ave|avenue|rd|road|lane|ln)\b)"
)
# 3月5号 and 本月5号 are days, not houses.
_DAYS = re.compile(r"(\d+月|[本上下这]个?月)\s*\d+[号日]")
_SAME_MEASURE = {"号楼": "栋", "幢": "栋", "座": "栋", "号院": "号", "层": "楼"}


def features(text: str) -> frozenset[str]:
    """What a text is compared by: pairs of Chinese characters, English words; not what anybody says."""
    plain = _plain(text)
    words = {_stem(word) for word in _WORD.findall(plain) if word not in _EMPTY_WORDS}
    pairs: set[str] = set()
    for run in _HAN.findall(_EMPTY_HAN.sub(" ", plain)):
        pairs |= {run[at : at + 2] for at in range(len(run) - 1)} or {run}
    return frozenset(words | pairs)


def likeness(one: frozenset[str], other: frozenset[str]) -> float | None:
    """How alike two texts are by their features, from 0 to 1; None where one of them says nothing."""
    if not one or not other:
        return None
    return len(one & other) / sqrt(len(one) * len(other))


def numbers(text: str) -> Mapping[str, frozenset[int]]:
    """The numbers that a text names, by what they count: houses, blocks, flats …"""
    found: dict[str, set[int]] = {}
    plain = _DAYS.sub(" ", _plain(text))
    for count, measure in _COUNTED.findall(plain):
        found.setdefault(_SAME_MEASURE.get(measure, measure), set()).add(_value(count))
    for first, second in _NUMBERED.findall(plain):
        found.setdefault("号", set()).add(int(first or second))
    return {measure: frozenset(values) for measure, values in found.items()}


def agreement(
    one: Mapping[str, frozenset[int]], other: Mapping[str, frozenset[int]]
) -> tuple[float, str] | None:
    """Whether two texts name the same numbers, and why as a code; None where they count nothing alike.

    A number of a kind that only one text names says nothing; of a kind that both name, one in common will do.
    """
    both = one.keys() & other.keys()
    if not both:
        return None
    if all(one[measure] & other[measure] for measure in both):
        return 1.0, "same_numbers"
    return 0.0, "other_numbers"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:LONGEST]).casefold()


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def _value(count: str) -> int:
    if count.isdecimal():
        return int(count)
    total, digit = 0, 0
    for sign in count:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        else:
            total, digit = total + (digit or 1) * (10 if sign == "十" else 100), 0
    return total + digit
