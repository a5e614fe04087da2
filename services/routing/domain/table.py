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
from services.routing.domain.case import (
    ASSIGNED,
    ENDED,
    IN_PROGRESS,
    JOINED,
    MEDIATION_OUTCOMES,
    OPEN,
    ORDER_CLOCK,
    PAUSE_CLOCK,
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
    AnswerSupervision,
    ClockRanOut,
    EscalateCase,
    JudgeAnswer,
    OrderSupervision,
    ReassignCase,
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
from services.routing.domain.join_commands import (
    FollowLead,
    JoinCase,
    PartCase,
)
from services.routing.domain.pause_commands import (
    PauseRanOut,
)
from services.routing.domain.pauses import ASKS
from services.routing.domain.referrals import noted
from services.routing.domain.resuming import resuming

BY_CLOCK: Mapping[str, type[RulingRanOut | SupervisionRanOut | PauseRanOut]] = {
    RULING_CLOCK: RulingRanOut,
    ORDER_CLOCK: SupervisionRanOut,
    PAUSE_CLOCK: PauseRanOut,
}
"""What happens when a clock that is no tier's has passed, by its name."""
END_A_PAUSE = (
    ResolveCase,
    EscalateCase,
    ReturnCase,
    TransferCase,
    ReferCase,
    JoinCase,
    EscalationRequested,
    WithdrawalRequested,
)
"""What may come while the clocks are paused, and makes them run again first."""


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
        }
        cells[status, JoinCase] = Transition(ladder.joins.join, (JOINED,))
        cells |= {(status, each): Transition(of(ladder.pauses), (status,)) for each, of in ASKS.items()}
        cells |= {(status, each): resuming(cells[status, each]) for each in END_A_PAUSE}
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
    joins, up = ladder.joins, Transition(ladder.resident_asks_up, OPEN)
    cells |= {
        (JOINED, PartCase): Transition(joins.part, OPEN),
        (JOINED, FollowLead): Transition(joins.follow, (RESOLVED, *OPEN)),
        (JOINED, EscalationRequested): joins.asking_up(up),
        (JOINED, WithdrawalRequested): Transition(ladder.withdraw, (WITHDRAWN,)),
        (JOINED, ReopeningRequested): Transition(declined("reopening"), (JOINED,)),
        (JOINED, MediationEnded): Transition(noted, (JOINED,)),
        (JOINED, PetitionConcluded): Transition(noted, (JOINED,)),
    }
    cells[(WITHDRAWN, ReopeningRequested)] = Transition(declined("reopening"), (WITHDRAWN,))
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
        ran_out = BY_CLOCK.get(deadline.name, ClockRanOut)
        return transition(cells, case.status, case, ran_out(deadline.name, deadline.epoch), context)

    return fire
