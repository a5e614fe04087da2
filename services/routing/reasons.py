"""Why a case is where it is, in words: the one place that knows what each code of a reason says."""

from collections.abc import Iterable, Mapping

from fengqiao.routing.v1 import routing_service_pb2 as rpc

WORDS: Mapping[str, tuple[str, str]] = {
    "capability": ("按事项分级表第 {} 版", "by version {} of the capability table"),
    "no_version_in_force": (
        "当日没有生效的分级表，沿用最近一版",
        "no version of the table is in force that day: the last one goes on",
    ),
    "place_known_to": ("地点只能确定到 {}", "the place is known as far as {}"),
    "emergency": ("该区域正在执行应急预案 {}", "the emergency profile {} is in force there"),
    "emergency_unknown": (
        "已启动应急预案 {}，但规则文件中没有该版本，按平时规则分派",
        "the emergency profile {} was declared, but the site's files lack it: the usual rules decide",
    ),
    "urgent_skip": ("紧急或风险事项，越级受理", "urgent or a risk kind: lower tiers are skipped"),
    "department_list": (
        "属 {} 清单事项，不得下推",
        "on the list of {}, which may not push it down",
    ),
    "unit_able": ("{} 有能力办理此类事项", "{} can settle this kind, although its tier as such can't"),
    "unit_unable": (
        "{} 无力办理此类事项",
        "{} can't settle this kind, although its tier as such can",
    ),
    "lowest_capable_tier": ("能办理此事项的最低层级", "the lowest tier of the place that can settle it"),
    "vacant": ("{} 岗位空缺，上移一级", "the post of {} is vacant: one tier up"),
}
"""Chinese and English by code; `{}` is what the code names."""


def in_words(codes: Iterable[str]) -> list[rpc.WhyHere]:
    """Each reason with its words; a code of a version that knew more stays as it is."""
    return [_words(code) for code in codes]


def _words(code: str) -> rpc.WhyHere:
    name, _, what = code.partition(":")
    zh, en = WORDS.get(name, (code, code))
    return rpc.WhyHere(code=code, zh=zh.format(what), en=en.format(what))
