"""What the sheets are called, which columns they have, and how a row that is wrong is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

UNITS, POSTS, HOUSEHOLDS = "units", "posts", "households"
DEPARTMENTS, DUTIES = "departments", "duties"
FORCES, PERSONS = "forces", "persons"
TERRITORY = (UNITS, POSTS, HOUSEHOLDS)
ROSTERS = (DEPARTMENTS, DUTIES)
SHEET = "sheet"
"""The column that says of which sheet a row is, where one file has them all."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    UNITS: ("code", "kind", "since", "until", "parent", "covers", "as_of"),
    POSTS: (
        "unit",
        "post",
        "person",
        "nominated_on",
        "nominators",
        "vetted_on",
        "appointed_on",
        "term_until",
        "leave_since",
        "leave_until",
        "substitute",
        "name",
        "phone",
    ),
    HOUSEHOLDS: ("unit", "household", "since", "until"),
    DEPARTMENTS: (
        "department",
        "mode",
        "kinds",
        "since",
        "until",
        "hours",
        "desk",
        "answer_within_s",
        "as_of",
    ),
    DUTIES: ("department", "duty", "person", "since", "until", "weekdays", "hours"),
    FORCES: ("force", "kind", "unit", "skills", "speaker", "since", "until", "as_of"),
    PERSONS: (
        "person",
        "role",
        "capacity",
        "unit",
        "since",
        "until",
        "skills",
        "weekdays",
        "hours",
        "member_of",
        "as_of",
        "entry",
        "name",
        "phone",
    ),
}
REQUIRED: Mapping[str, frozenset[str]] = {
    UNITS: frozenset({"code", "kind", "since"}),
    POSTS: frozenset({"unit"}),
    HOUSEHOLDS: frozenset({"unit", "household"}),
    DEPARTMENTS: frozenset({"department", "mode", "kinds", "since"}),
    DUTIES: frozenset({"department", "duty", "person", "since"}),
    FORCES: frozenset({"force", "kind", "unit", "speaker", "since"}),
    PERSONS: frozenset({"role", "unit", "since"}),
}
PERSONAL = frozenset({"name", "phone"})
"""What goes to the vault and nowhere else: read, never written or told."""
NOT_WRITTEN = PERSONAL | {"entry"}
WRITTEN: Mapping[str, tuple[str, ...]] = {
    sheet: tuple(column for column in columns if column not in NOT_WRITTEN)
    for sheet, columns in COLUMNS.items()
}

CHINESE: Mapping[str, str] = {
    "表": SHEET,
    "单位": UNITS,
    "岗位": POSTS,
    "住户": HOUSEHOLDS,
    "部门": DEPARTMENTS,
    "值班": DUTIES,
    "队伍": FORCES,
    "人员名册": PERSONS,
    "单位代码": "code",
    "类型": "kind",
    "起始日期": "since",
    "终止日期": "until",
    "上级代码": "parent",
    "覆盖单位": "covers",
    "截至日期": "as_of",
    "所属单位": "unit",
    "岗位代码": "post",
    "人员": "person",
    "推荐日期": "nominated_on",
    "推荐人数": "nominators",
    "把关日期": "vetted_on",
    "任命日期": "appointed_on",
    "任期至": "term_until",
    "请假自": "leave_since",
    "请假至": "leave_until",
    "代理人": "substitute",
    "姓名": "name",
    "电话": "phone",
    "住户代码": "household",
    "部门代码": "department",
    "入驻方式": "mode",
    "事项": "kinds",
    "时段": "hours",
    "窗口": "desk",
    "应答时限秒": "answer_within_s",
    "值班代码": "duty",
    "星期": "weekdays",
    "队伍代码": "force",
    "技能": "skills",
    "负责人": "speaker",
    "身份": "role",
    "调解员类别": "capacity",
    "所属队伍": "member_of",
    "登记号": "entry",
}
"""Names of sheets and columns as Chinese templates have them."""

KINDS: Mapping[str, str] = {
    "街道": "sub_district",
    "社区": "community",
    "村": "village",
    "片组": "section",
    "邻里": "neighbourhood",
    "临时": "temporary",
}

MODES: Mapping[str, str] = {
    "常驻": "resident",
    "轮驻": "rotating",
    "按需入驻": "on_call",
}

BODIES: Mapping[str, str] = {
    "专业队伍": "team",
    "协会": "association",
}

ROLES: Mapping[str, str] = {
    "志愿者": "volunteer",
    "党员": "party_member",
    "调解员": "mediator",
}

CAPACITIES: Mapping[str, str] = {
    "专职": "professional",
    "兼职": "part_time",
    "群众": "mass",
}

CHINESE_WORDS: Mapping[str, str] = {
    word: name for said in (CHINESE, KINDS, MODES, BODIES, ROLES, CAPACITIES) for name, word in said.items()
}
"""What a Chinese sheet says for the name of a sheet or a column, or for a word in a cell."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its number in its sheet, as a spreadsheet shows it, and its cells by column."""

    sheet: str
    number: int
    cells: Mapping[str, str]

    def get(self, column: str) -> str:
        """A cell without the spaces around it; empty where there is none."""
        return self.cells.get(column, "").strip()


@dataclass(frozen=True, slots=True, order=True)
class Wrong:
    """What is wrong, and where; the reason is a code."""

    sheet: str
    row: int
    column: str
    reason: str


Read = Iterator[Row | Wrong]


def table_of(sheets: Sequence[str]) -> tuple[str, ...]:
    """The columns of one table that has all these sheets, as it is written."""
    return (SHEET, *dict.fromkeys(column for sheet in sheets for column in WRITTEN[sheet]))


def column_of(name: str) -> str:
    """The column of a heading, in English or in Chinese."""
    name = name.strip().lstrip("\ufeff")
    return CHINESE.get(name, name.lower())
