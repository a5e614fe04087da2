"""Things whose id follows from their name: the first one has it."""

from typing import TypeVar

from services.chassis.commands import Creation
from services.chassis.errors import Invalid, KeyReused, Violation
from services.chassis.kinds import Kind
from services.chassis.record import Record

S = TypeVar("S")


async def begin_named(kind: Kind[S], creation: Creation[S], field: str = "code") -> Record[S]:
    """Begin a thing; the same order again is answered with what it began. `field` names it in the request.

    Raises:
        Invalid: another order began it: the name is taken.
        CommandError: refused.
    """
    try:
        return await kind.commands.create(creation)
    except KeyReused:
        there = await kind.committer.get_one(creation.id)
        if there is None or any(answered.key == creation.order.key for answered in there.answered):
            raise
        raise Invalid([Violation(field, "taken")]) from None
