"""Which message is lawful in which status, and where it leads; total over the consumed events."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    OutcomeRated,
    ReferralRequested,
    ReopeningRequested,
    RequestSubmitted,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import MediationEnded
from fengqiao.petition.v1.events_pb2 import PetitionConcluded
from services.chassis.model import Consumed, Context, Decision, Table, Transition, transition
from services.chassis.record import Deadline
from services.routing.clocking import CONTACT_CLOCK
from services.routing.domain.assist import ASSISTANCE
from services.routing.domain.assistance import ending
from services.routing.domain.case import (
    ASSIGNED,
    DELEGATION_CLOCK,
    END_CLOCK,
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
    WARNING,
    WITHDRAWN,
    Case,
)
from services.routing.domain.commands import (
    AcceptCase,
    AnswerAssistance,
    AnswerSupervision,
    AskForAssistance,
    AssistanceRanOut,
    CallBackRanOut,
    ClockRanOut,
    ContactRanOut,
    DelegateCase,
    DelegationRanOut,
    EndAssistance,
    EndDelegation,
    EndRanOut,
    EscalateCase,
    JudgeAnswer,
    OrderSupervision,
    ReassignCase,
    RecomputeDeadlines,
    RecordCallBack,
    RecordEnd,
    RecordReview,
    RecuseHandler,
    ReferCase,
    ReportProgress,
    ResolveCase,
    ReturnCase,
    ReviewRanOut,
    RuleOnReturn,
    RulingRanOut,
    SplitOff,
    SupervisionRanOut,
    TransferCase,
    WarningCame,
)
from services.routing.domain.decisions import Ladder, declined
from services.routing.domain.followup import CALL_BACK_CLOCK, REVIEW_CLOCK
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

RanOut = (
    RulingRanOut
    | SupervisionRanOut
    | AssistanceRanOut
    | CallBackRanOut
    | ReviewRanOut
    | ContactRanOut
    | PauseRanOut
    | EndRanOut
    | DelegationRanOut
)
BY_CLOCK: Mapping[str, type[RanOut]] = {
    RULING_CLOCK: RulingRanOut,
    ORDER_CLOCK: SupervisionRanOut,
    ASSISTANCE: AssistanceRanOut,
    DELEGATION_CLOCK: DelegationRanOut,
    CALL_BACK_CLOCK: CallBackRanOut,
    REVIEW_CLOCK: ReviewRanOut,
    CONTACT_CLOCK: ContactRanOut,
    PAUSE_CLOCK: PauseRanOut,
    END_CLOCK: EndRanOut,
}
"""What happens when a clock that is no tier's has passed, by its name, without its number if it has one."""
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
            (status, AskForAssistance): Transition(ladder.assistance.ask, (status,)),
            (status, AnswerAssistance): Transition(ladder.assistance.answer, (status,)),
            (status, EndAssistance): Transition(ladder.assistance.end, (status,)),
            (status, RecuseHandler): Transition(ladder.recusals.recuse, (ASSIGNED,)),
            (status, SplitOff): Transition(ladder.splitting.split_off, (status,)),
            (status, DelegateCase): Transition(ladder.delegations.delegate, (ASSIGNED,)),
            (status, EndDelegation): Transition(ladder.delegations.end, (ASSIGNED, status)),
            (status, DelegationRanOut): Transition(ladder.delegations.ran_out, (ASSIGNED, status)),
            (status, AssistanceRanOut): Transition(ladder.assistance.ran_out, (status,)),
            (status, ContactRanOut): Transition(ladder.watch.contact_ran_out, (status,)),
            (status, WarningCame): Transition(ladder.watch.warning_came, (status,)),
            (status, RecomputeDeadlines): Transition(ladder.recomputing.recompute, (status,)),
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
        (JOINED, EscalationRequested): joins.wishing(up),
        (JOINED, WithdrawalRequested): Transition(ladder.withdraw, (WITHDRAWN,)),
        (JOINED, ReopeningRequested): Transition(declined("reopening"), (JOINED,)),
        (JOINED, MediationEnded): Transition(noted, (JOINED,)),
        (JOINED, PetitionConcluded): Transition(noted, (JOINED,)),
    }
    cells[(WITHDRAWN, ReopeningRequested)] = Transition(declined("reopening"), (WITHDRAWN,))
    cells[(RESOLVED, RecordEnd)] = Transition(ladder.endings.record, (ASSIGNED, RESOLVED))
    cells[(RESOLVED, EndRanOut)] = Transition(ladder.endings.ran_out, (RESOLVED,))
    noticed = {**ladder.endings.following(cells)}
    whole = ladder.call_backs.following(_with_what_follows(noticed, ladder))
    ended = {key: Transition(ending(cell.decide), cell.to) for key, cell in whole.items()}
    return ladder.watch.over(ended)


def _with_what_follows(cells: dict[tuple[str, type[Any]], Transition[Case, Any]], ladder: Ladder) -> Table:
    """With what a settlement is followed by, and the resident's wish for another track in every status."""
    after, reviews, wished = ladder.call_backs, ladder.reviews, ladder.tracks.asked
    for status in {status for status, _message in cells}:
        to = (REFERRED, status) if status in OPEN else (status,)
        cells |= {
            (status, OutcomeRated): Transition(noted, (status,)),
            (status, ReferralRequested): resuming(Transition(wished, to)),
        }
    return cells | {
        (RESOLVED, RecordCallBack): Transition(after.record, (ASSIGNED, RESOLVED)),
        (RESOLVED, CallBackRanOut): Transition(after.ran_out, (RESOLVED,)),
        (RESOLVED, OutcomeRated): Transition(after.rated, (RESOLVED,)),
        (RESOLVED, EscalationRequested): Transition(after.asks_up, (ASSIGNED, RESOLVED)),
        (RESOLVED, WithdrawalRequested): Transition(after.withdraws, (RESOLVED, WITHDRAWN)),
        (RESOLVED, ReferralRequested): Transition(wished, (REFERRED, RESOLVED)),
        (JOINED, ReferralRequested): ladder.joins.wishing(
            Transition(ladder.tracks.asked, (REFERRED, JOINED))
        ),
        (RESOLVED, RecordReview): Transition(reviews.record, (ASSIGNED, RESOLVED)),
        (RESOLVED, ReviewRanOut): Transition(reviews.ran_out, (RESOLVED,)),
    }


def consumed(ladder: Ladder, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event that routing obeys is decided on, by topic and type."""

    def obey(case: Case, event: Message, context: Context) -> Decision:
        return transition(cells, case.status, case, event, context)

    wishes = (EscalationRequested, WithdrawalRequested, ReopeningRequested, ReferralRequested, OutcomeRated)
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
        otherwise = WarningCame if WARNING in name else ClockRanOut
        ran_out = BY_CLOCK.get(name) or BY_CLOCK.get(name.partition("-")[0]) or otherwise
        return transition(cells, case.status, case, ran_out(deadline.name, deadline.epoch), context)

    return fire
