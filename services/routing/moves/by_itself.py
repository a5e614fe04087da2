"""What a round of the house finds to be done about a case, without anybody's order."""

from datetime import datetime
from uuid import uuid4

from services.chassis.commands import Order
from services.chassis.errors import CommandError
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, Table, transition
from services.routing.domain import Case


async def done(
    base: Foundation[Case], cells: Table, case_id: str, command: object, by: str, at: datetime | None = None
) -> CommandError | None:
    """Do it, `by` the round of that name and `at` a business time if not now.

    Returns why not, where it was settled meanwhile or others kept changing it: the next round looks again.
    """

    def decide(case: Case, context: Context) -> Decision:
        return transition(cells, case.status, case, command, context)

    order = Order(f"{by}/{uuid4()}", b"", occurred_at=at)
    try:
        await base.commands.execute(case_id, order, decide, authorize=lambda _case, _at: None)
    except CommandError as refused:
        return refused
    return None
