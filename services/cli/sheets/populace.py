"""Made-up departments, teams and volunteers of a sub-district: nobody who exists. Pure.

35 departments in the three ways of being there, 30 teams (黄帽子、红马甲 …), and volunteers with skills and
times, some of whom lead a neighbourhood, are Party members or mediate as well.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from services.cli.sheets.table import DEPARTMENTS, DUTIES, FORCES, PERSONS, Row

RESIDENT, ROTATING, ON_CALL = (
    "justice civil-affairs social-security housing health education market letters law clinic army".split(),  # noqa: SIM905 - names, read as such
    "planning land water taxes transport culture agriculture statistics youth unions women labour".split(),  # noqa: SIM905 - as above
    "police fire-rescue traffic gas power sewers drains roads rescue forests animals telecom".split(),  # noqa: SIM905 - as above
)
WEEK = ("1 6", "2 7", "3", "4", "5")
"""Turns of a rotating department; on make-up workdays somebody is there as well."""
TEAMS: Mapping[str, str] = {
    "huang-maozi": "traffic_help street_patrol",
    "hong-majia": "crowd_help first_aid",
    "chongfeng-hao": "rescue flood_defence",
    "lan-xiongzhang": "night_patrol street_patrol",
    "lv-sichou": "waste_sorting street_cleaning",
    "bai-yi": "first_aid comfort",
    "yin-ling": "mediation comfort",
    "jin-zhong": "fire_watch night_patrol",
    "qing-feng": "legal_advice mediation",
    "xiao-juren": "child_care tutoring",
    "da-shengao": "flood_defence rescue",
    "yue-guang": "night_patrol fire_watch",
    "chun-feng": "elder_care comfort",
    "qiao-shou": "repairs electrics",
    "guang-ming": "electrics repairs",
    "xiang-qin": "mediation elder_care",
    "shu-xiang": "tutoring child_care",
    "xi-shui": "river_watch waste_sorting",
    "shan-lin": "fire_watch rescue",
    "tie-niu": "repairs flood_defence",
    "wen-nuan": "elder_care child_care",
    "ping-an": "street_patrol crowd_help",
    "ma-shang": "traffic_help crowd_help",
    "jie-jing": "street_cleaning waste_sorting",
    "hui-lan": "child_care comfort",
    "lao-bing": "rescue first_aid",
    "zheng-dao": "legal_advice tutoring",
    "tian-yuan": "animal_help river_watch",
    "qian-li": "traffic_help first_aid",
    "tong-xin": "comfort mediation",
}
SKILLS = sorted({skill for skills in TEAMS.values() for skill in skills.split()})
HOURS = ("08:00-12:00", "09:00-17:00", "13:00-18:00", "18:00-22:00")
IN_TEAM, IN_TWO = 0.75, 0.05
LEADS, OF_PARTY, MEDIATES = 0.08, 0.15, 0.02
"""What share of the volunteers is that as well."""
SAYS_WHEN, SAYS_HOURS = 0.6, 0.5
CAPACITIES = ("mass", "mass", "mass", "part_time", "professional")
LEVEL_OF_NEIGHBOURHOOD = 3


@dataclass(slots=True)
class Populace:
    """Whoever is in a sub-district besides those who hold a post."""

    top: str
    led: Sequence[tuple[str, str]]
    """Units, and who leads them; nobody where the post is vacant."""
    since: date
    on: date
    chance: random.Random
    leaders: list[tuple[str, str]] = field(default_factory=list)
    """Those who may volunteer as well."""

    def rows(self, volunteers: int) -> Iterator[Row]:
        """Departments with their duties, teams, and so many volunteers."""
        yield from self._departments()
        for code, skills in TEAMS.items():
            cells = {"force": self._code(code), "kind": "team", "unit": self.top, "skills": skills}
            yield Row(FORCES, 0, {**cells, "speaker": self._person(), "since": self.since.isoformat()})
        homes = [unit for unit, _ in self.led if unit.count("/") == LEVEL_OF_NEIGHBOURHOOD]
        self.leaders = [each for each in self.led if each[1] and each[0] in set(homes)]
        self.chance.shuffle(self.leaders)
        for _ in range(volunteers):
            yield from self._volunteer(homes)

    def _departments(self) -> Iterator[Row]:
        desk = 0
        for mode, codes in (("resident", RESIDENT), ("rotating", ROTATING), ("on_call", ON_CALL)):
            for name in codes:
                cells = {"department": self._code(name), "mode": mode, "kinds": f"{name.replace('-', '_')}.*"}
                if mode == "resident":
                    desk += 1
                    cells["desk"] = f"{self.top}-w{desk:02d}"
                yield Row(DEPARTMENTS, 0, {**cells, "since": self.since.isoformat()})
                turns = {"resident": ("",), "rotating": WEEK, "on_call": ("", "", "")}[mode]
                for nth, weekdays in enumerate(turns, 1):
                    duty = {"department": self._code(name), "duty": f"d{nth}", "weekdays": weekdays}
                    yield Row(DUTIES, 0, {**duty, "person": self._person(), "since": self.since.isoformat()})

    def _volunteer(self, homes: Sequence[str]) -> Iterator[Row]:
        chance = self.chance
        unit, person = chance.choice(homes), self._person()
        if self.leaders and chance.random() < LEADS:
            unit, person = self.leaders.pop()
        since = (self.since + timedelta(days=chance.randint(0, (self.on - self.since).days))).isoformat()
        teams = chance.sample(list(TEAMS), self._how_many_teams())
        skills = dict.fromkeys(chance.choice(TEAMS[team].split()) for team in teams)
        skills |= dict.fromkeys(chance.sample(SKILLS, chance.randint(0 if teams else 1, 2)))
        weekdays, hours = self._times()
        cells = {
            "role": "volunteer",
            "unit": unit,
            "skills": " ".join(skills),
            "weekdays": weekdays,
            "hours": hours,
            "member_of": " ".join(self._code(team) for team in teams),
        }
        yield Row(PERSONS, 0, {"person": person, "since": since, **cells})
        community = "/".join(unit.split("/")[:2])
        if chance.random() < OF_PARTY:
            yield Row(
                PERSONS, 0, {"person": person, "since": since, "role": "party_member", "unit": community}
            )
        if chance.random() < MEDIATES:
            cells = {"role": "mediator", "capacity": chance.choice(CAPACITIES), "unit": community}
            yield Row(PERSONS, 0, {"person": person, "since": since, **cells})

    def _how_many_teams(self) -> int:
        drawn = self.chance.random()
        return 2 if drawn < IN_TWO else 1 if drawn < IN_TEAM + IN_TWO else 0

    def _times(self) -> tuple[str, str]:
        """Weekdays and hours; most say when, some say nothing."""
        if self.chance.random() >= SAYS_WHEN:
            return "", ""
        days = sorted(self.chance.sample("1234567", self.chance.randint(2, 5)))
        return " ".join(days), self.chance.choice(HOURS) if self.chance.random() < SAYS_HOURS else ""

    def _code(self, name: str) -> str:
        return f"{self.top}.{name}"

    def _person(self) -> str:
        return f"p-{self.chance.getrandbits(64):016x}"
