"""What the sheets are called, which columns they have, and how a row that is wrong is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

UNITS, POSTS, HOUSEHOLDS = "units", "posts", "households"
SHEET = "sheet"
"""The column that says of which sheet a row is, where one file has them all."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    UNITS: ("code", "kind", "since", "parent"),
    POSTS: (
        "unit",
        "post",
        "person",
        "nominated_on",
        "nominators",
        "vetted_on",
        "appointed_on",
        "term_until",
    ),
    HOUSEHOLDS: ("unit", "household", "since", "until"),
}
REQUIRED: Mapping[str, frozenset[str]] = {
    UNITS: frozenset({"code", "kind", "since"}),
    POSTS: frozenset({"unit"}),
    HOUSEHOLDS: frozenset({"unit", "household"}),
}
ALL_COLUMNS = (
    SHEET,
    *dict.fromkeys(column for columns in COLUMNS.values() for column in columns),
)

CHINESE: Mapping[str, str] = {
    "表": SHEET,
    "单位": UNITS,
    "岗位": POSTS,
    "住户": HOUSEHOLDS,
    "单位代码": "code",
    "类型": "kind",
    "起始日期": "since",
    "终止日期": "until",
    "上级代码": "parent",
    "所属单位": "unit",
    "岗位代码": "post",
    "人员": "person",
    "推荐日期": "nominated_on",
    "推荐人数": "nominators",
    "把关日期": "vetted_on",
    "任命日期": "appointed_on",
    "任期至": "term_until",
    "住户代码": "household",
}
"""Names of sheets and columns as Chinese templates have them."""

KINDS: Mapping[str, str] = {
    "街道": "sub_district",
    "社区": "community",
    "村": "village",
    "片组": "section",
    "邻里": "neighbourhood",
}


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


def column_of(name: str) -> str:
    """The column of a heading, in English or in Chinese."""
    name = name.strip().lstrip("\ufeff")
    return CHINESE.get(name, name.lower())
