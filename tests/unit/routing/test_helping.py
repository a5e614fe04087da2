"""What an assisting unit may see and do; what was written is for those whom it concerns."""

from datetime import timedelta

from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.auth import Principal, Role
from services.routing import domain
from services.routing.handlers import may_see
from services.routing.helping import least, team
from services.routing.ordering import may_order
from services.routing.telling import told
from tests.unit.routing.ladder import NEIGHBOURS, NEXT_DOOR, OPENED, OTHER_SECTION, OTHER_VILLAGE, Walk


def handler(unit_id: str, subject: str = "h") -> Principal:
    return Principal(subject, Role.HANDLER, "jili", (unit_id,))


def asked() -> Walk:
    walk = Walk().submit(due_in=timedelta(days=400)).order(domain.EscalateCase("太难"))
    walk.order(domain.AskForAssistance(OTHER_SECTION, "", "inspect", "h-1", "请看电线"))
    return walk.order(domain.AskForAssistance(OTHER_VILLAGE, "", "lend_pump", "h-1", "借泵"))


def seen(walk: Walk, who: Principal) -> tuple[bool, int, str]:
    message = least(who, walk.case, told("id", 1, walk.case, OPENED))
    return may_see(who, walk.case), len(message.steps), message.assignment.unit_id


def test_who_assists_sees_the_case_as_long_as_they_are_asked_and_no_more_of_it_than_they_need() -> None:
    walk = asked()
    lead, helper = handler(NEIGHBOURS), handler(OTHER_SECTION)
    assert seen(walk, lead) == (True, 1, walk.case.unit_id)
    assert seen(walk, helper) == (True, 0, walk.case.unit_id)
    assert not may_see(handler(NEXT_DOOR), walk.case)
    walk.order(domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_DECLINED, "busy", "h-2"))
    assert not may_see(helper, walk.case)


def test_what_was_written_is_read_by_the_lead_and_of_their_own_by_those_who_assist() -> None:
    walk = asked()
    private = walk.record.private

    def written(who: Principal) -> list[str]:
        return [each.asked for each in team(who, walk.case, private)]

    assert written(handler(NEIGHBOURS)) == ["请看电线", "借泵"]
    assert written(handler(OTHER_SECTION)) == ["请看电线", ""]
    assert written(handler(OTHER_VILLAGE)) == ["", "借泵"]


def test_who_is_recused_reads_nothing_more_of_what_was_written() -> None:
    walk = asked()
    recused = walk.case.holder_ref
    walk.order(domain.RecuseHandler("desk"))

    def written(subject: str) -> list[str]:
        return [each.asked for each in team(handler(NEIGHBOURS, subject), walk.case, walk.record.private)]

    assert (written("somebody"), written(recused)) == (["请看电线", "借泵"], ["", ""])


def test_only_who_was_asked_answers_and_only_the_owner_asks() -> None:
    case = asked().case
    answer = domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_ACCEPTED, "", "h")
    ask = domain.AskForAssistance(NEXT_DOOR, "", "inspect", "h")
    may = {
        unit: (may_order(handler(unit), answer, case, OPENED), may_order(handler(unit), ask, case, OPENED))
        for unit in (case.unit_id, OTHER_SECTION, OTHER_VILLAGE)
    }
    assert may == {
        case.unit_id: (False, True),
        OTHER_SECTION: (True, False),
        OTHER_VILLAGE: (False, False),
    }


def test_whoever_was_on_duty_in_a_department_and_the_desk_answer_for_it() -> None:
    command = domain.AskForAssistance("", "fire", "look", "h-1", stands=True, person_ref="p-fire")
    case = Walk().submit(due_in=timedelta(days=400)).order(command).case
    answer = domain.AnswerAssistance(1, hv.ASSISTANCE_ANSWER_ACCEPTED, "", "p-fire")
    on_duty, desk = handler("elsewhere", "p-fire"), Principal("d", Role.DESK, "jili", ("jili",))
    assert may_order(on_duty, answer, case, OPENED)
    assert may_order(desk, answer, case, OPENED)
    assert not may_order(handler("elsewhere", "p-other"), answer, case, OPENED)
    assert may_see(on_duty, case)
