"""Where several posts of a unit share its cases: by open load and absence."""

from datetime import timedelta

from fengqiao.routing.v1.events_pb2 import MOVE_REASON_LEAVE, CaseReassigned
from services.routing.domain import RecuseHandler
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.unit import LEADER, NEIGHBOURHOOD
from services.routing.domain.sharing import least_loaded
from services.routing.rules import Post
from tests.unit.routing.directory.cases import Followed, submitted
from tests.unit.routing.directory.register import OFFICE, RESIDENTS, Register, small
from tests.unit.routing.ladder import Walk

UNIT = "jili/hexi/s1/n9"
HOLDERS = {LEADER: "p-n9", "handler_a": "p-a", "handler_b": "p-b"}
DAY = timedelta(days=1)


def shared() -> Register:
    register = small()
    register.order(UNIT, c.EstablishUnit(UNIT, NEIGHBOURHOOD, register.today, posts=tuple(HOLDERS)))
    for post, person in HOLDERS.items():
        register.order(UNIT, c.NominateLeader(post, person, register.today, RESIDENTS, OFFICE))
        register.order(UNIT, c.VetLeader(post, person, register.today, approved=True, decided_by=OFFICE))
        register.order(UNIT, c.AppointLeader(post, person, register.today, OFFICE))
    return register


def weighed(register: Register, **loads: int) -> Followed:
    """A case that comes in while each has so much to do."""
    before = submitted(register, UNIT)
    before.ground.loads = {UNIT: {name.replace("_", "-"): load for name, load in loads.items()}}
    return Followed(register, before.ground, Walk(before.walk.rules).submit(unit_id=UNIT))


def away(register: Register, *posts: str) -> None:
    for post in posts:
        register.order(UNIT, c.GrantLeave(post, register.today, OFFICE, register.today + 5 * DAY))


def test_whoever_has_the_fewest_open_cases_takes_the_next_and_of_several_the_first_by_name() -> None:
    posts = [Post("b", "p-b"), Post("a", "p-a"), Post("c", "p-c")]
    assert least_loaded(posts, {"p-a": 2, "p-b": 1, "p-c": 3}).holder_ref == "p-b"
    assert least_loaded(posts, {"p-c": 1}).holder_ref == "p-a"
    assert least_loaded(posts, {}).holder_ref == "p-a"


def test_a_case_goes_to_the_holder_with_the_least_to_do() -> None:
    register = shared()
    assert weighed(register, p_n9=3, p_a=2, p_b=1).owner == (UNIT, "p-b")
    assert weighed(register, p_n9=0, p_a=2, p_b=1).owner == (UNIT, "p-n9")
    assert weighed(register, p_n9=1, p_a=1, p_b=1).owner == (UNIT, "p-a")


def test_who_is_away_takes_none() -> None:
    register = shared()
    away(register, "handler_b")
    assert weighed(register, p_n9=3, p_a=2, p_b=0).owner == (UNIT, "p-a")


def test_with_the_leader_away_the_handlers_go_on_and_with_everybody_away_the_section_has_it() -> None:
    register = shared()
    away(register, LEADER)
    assert weighed(register, p_a=2, p_b=1).owner == (UNIT, "p-b")
    away(register, "handler_a", "handler_b")
    assert submitted(register, UNIT).owner[0] == "jili/hexi/s1"


def test_a_case_stays_with_who_has_it_however_loads_change() -> None:
    followed = weighed(shared(), p_n9=3, p_a=2, p_b=1)
    followed.ground.loads = {UNIT: {"p-b": 9}}
    assert followed.sweep().owner == (UNIT, "p-b")


def test_who_goes_on_leave_hands_it_to_the_one_with_the_least_to_do() -> None:
    register = shared()
    followed = weighed(register, p_n9=3, p_a=2, p_b=1)
    away(register, "handler_b")
    assert followed.sweep().owner == (UNIT, "p-a")
    told = CaseReassigned.FromString(followed.walk.record.outbox[-1].data)
    assert told.reason == MOVE_REASON_LEAVE


def test_who_is_recused_hands_it_to_another_who_shares_the_units_cases() -> None:
    followed = weighed(shared(), p_n9=3, p_a=2, p_b=1)
    followed.walk.order(RecuseHandler("p-b"))
    assert followed.owner[0] == UNIT
    assert followed.owner[1] in {"p-n9", "p-a"}
    assert followed.sweep().owner[0] == UNIT
