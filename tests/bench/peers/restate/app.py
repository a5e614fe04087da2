"""E4 on Restate: one virtual object per case, four durable timers one after another; its environment's
Python runs this.

Two ways. `Case` sleeps within one call that lasts as long as the case: the quickest, but the object takes
no other call meanwhile. `OpenCase` calls itself later for each clock, so that others can act on the case
between.
"""

from datetime import timedelta
from typing import Any

import restate
from telling import CLOCK_S, STEPS, closed

case = restate.VirtualObject("Case")


@case.handler()
async def submit(ctx: restate.ObjectContext, body: dict[str, Any]) -> None:
    """The case's whole life: Restate stores the call before it answers, then each timer and each state."""
    ctx.set("body", body)
    ctx.set("status", "neighbourhood")
    for step in STEPS:
        await ctx.sleep(timedelta(seconds=CLOCK_S))
        ctx.set("status", step)
    ctx.set("status", "closed")
    # On the wire to the log, perhaps not yet acknowledged: waiting for that would cost one more entry.
    closed(ctx.key())


open_case = restate.VirtualObject("OpenCase")


@open_case.handler("submit")
async def take_in(ctx: restate.ObjectContext, body: dict[str, Any]) -> None:
    """The state, and the first clock as a delayed call."""
    ctx.set("body", body)
    ctx.set("status", "neighbourhood")
    ctx.object_send(climb, ctx.key(), 0, send_delay=timedelta(seconds=CLOCK_S))


@open_case.handler()
async def climb(ctx: restate.ObjectContext, step: int) -> None:
    """The next state and the next clock, unless somebody ended the case meanwhile."""
    if await ctx.get("status") == "closed":
        return
    ctx.set("status", STEPS[step])
    if step + 1 < len(STEPS):
        ctx.object_send(climb, ctx.key(), step + 1, send_delay=timedelta(seconds=CLOCK_S))
    else:
        ctx.set("status", "closed")
        closed(ctx.key())


app = restate.app([case, open_case])
