"""Which message is lawful in which status, and where it leads; total over the consumed events."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    ReopeningRequested,
    RequestSubmitted,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import MediationEnded
from fengqiao.petition.v1.events_pb2 import PetitionConcluded
from services.chassis.model import Consumed, Context, Decision, Table, Transition, transition
from services.chassis.record import Deadline
from services.routing.domain.assist import ASSISTANCE
from services.routing.domain.assistance import ending
from services.routing.domain.case import (
    ASSIGNED,
    ENDED,
    IN_PROGRESS,
    MEDIATION_OUTCOMES,
    OPEN,
    ORDER_CLOCK,
    PETITION_OUTCOMES,
    REFERRED,
    REQUESTS,
    RESOLVED,
    RULING_CLOCK,
    WITHDRAWN,
    Case,
)
from services.routing.domain.commands import (
    AcceptCase,
    AnswerAssistance,
    AnswerSupervision,
    AskForAssistance,
    AssistanceRanOut,
    ClockRanOut,
    EndAssistance,
    EscalateCase,
    JudgeAnswer,
    OrderSupervision,
    ReassignCase,
    RecuseHandler,
    ReferCase,
    ReportProgress,
    ResolveCase,
    ReturnCase,
    RuleOnReturn,
    RulingRanOut,
    SupervisionRanOut,
    TransferCase,
)
from services.routing.domain.decisions import Ladder, declined
from services.routing.domain.referrals import noted

BY_CLOCK: Mapping[str, type[RulingRanOut | SupervisionRanOut | AssistanceRanOut]] = {
    RULING_CLOCK: RulingRanOut,
    ORDER_CLOCK: SupervisionRanOut,
    ASSISTANCE: AssistanceRanOut,
}
"""What happens when a clock that is no tier's has passed, by its name, without its number if it has one."""


def table(ladder: Ladder) -> Table:
    """What is lawful when, and where it leads."""
    cells: dict[tuple[str, type[Any]], Transition[Case, Any]] = {}
    for status in OPEN:
        cells |= {
            (status, ReportProgress): Transition(ladder.progress, (status,)),
            (status, ResolveCase): Transition(ladder.resolve, (RESOLVED,)),
            (status, EscalateCase): Transition(ladder.escalate, (ASSIGNED, status)),
            (status, ReturnCase): Transition(ladder.give_back, (ASSIGNED, status)),
            (status, RuleOnReturn): Transition(ladder.returns.rule, (ASSIGNED, status)),
            (status, RulingRanOut): Transition(ladder.returns.ran_out, (ASSIGNED, status)),
            (status, OrderSupervision): Transition(ladder.orders.order, (status,)),
            (status, AnswerSupervision): Transition(ladder.orders.answer, (status,)),
            (status, JudgeAnswer): Transition(ladder.orders.judge, (status,)),
            (status, SupervisionRanOut): Transition(ladder.orders.ran_out, (status,)),
            (status, TransferCase): Transition(ladder.returns.transfer, (ASSIGNED,)),
            (status, ClockRanOut): Transition(ladder.ran_out, (ASSIGNED, status)),
            (status, ReassignCase): Transition(ladder.reassign, (ASSIGNED, status)),
            (status, EscalationRequested): Transition(ladder.resident_asks_up, (ASSIGNED, status)),
            (status, WithdrawalRequested): Transition(ladder.withdraw, (WITHDRAWN,)),
            (status, ReopeningRequested): Transition(declined("reopening"), (status,)),
            (status, ReferCase): Transition(ladder.referrals.refer, (REFERRED,)),
            (status, AskForAssistance): Transition(ladder.assistance.ask, (status,)),
            (status, AnswerAssistance): Transition(ladder.assistance.answer, (status,)),
            (status, EndAssistance): Transition(ladder.assistance.end, (status,)),
            (status, RecuseHandler): Transition(ladder.recusals.recuse, (ASSIGNED,)),
            (status, AssistanceRanOut): Transition(ladder.assistance.ran_out, (status,)),
        }
    cells[(ASSIGNED, AcceptCase)] = Transition(ladder.accept, (IN_PROGRESS,))
    for status in ENDED:
        cells |= {
            (status, EscalationRequested): Transition(declined("escalation"), (status,)),
            (status, WithdrawalRequested): Transition(declined("withdrawal"), (status,)),
        }
    cells[(RESOLVED, ReopeningRequested)] = Transition(ladder.reopen, (ASSIGNED, RESOLVED))
    referrals = ladder.referrals
    for status in (*OPEN, *ENDED):
        cells |= {
            (status, MediationEnded): Transition(noted, (status,)),
            (status, PetitionConcluded): Transition(noted, (status,)),
        }
    cells |= {
        (REFERRED, WithdrawalRequested): Transition(referrals.resident_withdraws, (REFERRED,)),
        (REFERRED, EscalationRequested): Transition(referrals.resident_asks_up, (REFERRED,)),
        (REFERRED, ReopeningRequested): Transition(declined("reopening"), (REFERRED,)),
        (REFERRED, MediationEnded): Transition(
            referrals.mediation_ended, (RESOLVED, WITHDRAWN, ASSIGNED, REFERRED)
        ),
        (REFERRED, PetitionConcluded): Transition(
            referrals.petition_concluded, (RESOLVED, WITHDRAWN, REFERRED)
        ),
    }
    cells[(WITHDRAWN, ReopeningRequested)] = Transition(declined("reopening"), (WITHDRAWN,))
    for key, cell in cells.items():
        cells[key] = Transition(ending(cell.decide), cell.to)
    return cells


def consumed(ladder: Ladder, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event that routing obeys is decided on, by topic and type."""

    def obey(case: Case, event: Message, context: Context) -> Decision:
        return transition(cells, case.status, case, event, context)

    wishes = (EscalationRequested, WithdrawalRequested, ReopeningRequested)
    return {
        (REQUESTS, RequestSubmitted.DESCRIPTOR.full_name): Consumed(ladder.open, opens=True),
        **{(REQUESTS, wish.DESCRIPTOR.full_name): Consumed(obey) for wish in wishes},
        (MEDIATION_OUTCOMES, MediationEnded.DESCRIPTOR.full_name): Consumed(obey),
        (PETITION_OUTCOMES, PetitionConcluded.DESCRIPTOR.full_name): Consumed(obey),
    }


def firing(cells: Table) -> Callable[[Case, Deadline, Context], Decision]:
    """What happens when a deadline passes."""

    def fire(case: Case, deadline: Deadline, context: Context) -> Decision:
        name = deadline.name
        ran_out = BY_CLOCK.get(name) or BY_CLOCK.get(name.partition("-")[0]) or ClockRanOut
        return transition(cells, case.status, case, ran_out(deadline.name, deadline.epoch), context)

    return fire
