"""Things by name: the first order begins one, and who may not know of one learns nothing from an error."""

from typing import TypeVar

from services.chassis.auth import Principal
from services.chassis.commands import Creation
from services.chassis.errors import CommandError, Forbidden, Invalid, KeyReused, NotFound, Violation
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


def hidden(principal: Principal, missing: str, out_of_reach: str) -> CommandError:
    """What is said of a thing that is not there or not the caller's: the same, so that neither tells.

    Only who covers everything is told that it is missing.
    """
    return NotFound(missing) if principal.covers_all else Forbidden(out_of_reach)
