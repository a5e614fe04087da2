"""The board: how many cases there are, and with --watch which of them want attention."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.cases import name_of
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session


class Attention(StrEnum):
    """Why a case wants attention."""

    OVERDUE = "overdue"
    DUE_SOON = "due-soon"
    UNASSIGNED = "unassigned"
    RETURNED_TWICE = "returned-twice"
    REOPENED = "reopened"
    PROVISIONAL = "provisional"


@client(Role.DESK)
async def board(
    to: Session,
    *,
    watch: Annotated[
        str, typer.Option(metavar="UNIT", help="Instead of counts: which cases of a unit want attention.")
    ] = "",
    below: Annotated[bool, typer.Option("--below", help="With --watch: of the units below it too.")] = False,
    only: Annotated[list[Attention] | None, typer.Option(help="With --watch: only these.")] = None,
    since: Annotated[
        str, typer.Option(metavar="TOKEN", help="With --watch: what has changed since this was printed.")
    ] = "",
    limit: Annotated[int, typer.Option(help="With --watch: at most so many, 0 for all.", min=0)] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Again at each change, until Ctrl-C.")
    ] = False,
) -> None:
    """Counts per tier and status; with --watch the cases that want attention, and why."""
    if not watch:
        if below or only or since or limit:
            raise Misuse("--below, --only, --since and --limit are for --watch UNIT")
        counts = rpc.WatchBoardRequest(site_id=to.site, follow=follow)
        async for answer in to.stream(to.routing.WatchBoard, counts):
            to.show(answer, text.board(answer))
        return
    request = rpc.WatchAttentionRequest(
        unit_id=watch,
        include_below=below,
        follow=follow,
        kinds=[rpc.AttentionKind.Value(name_of("ATTENTION_KIND", each)) for each in only or []],
        resume_token=since,
        max_cases=limit,
    )
    async for message in to.stream(to.routing.WatchAttention, request):
        to.show(message, attention(message))


def attention(told: rpc.WatchAttentionResponse) -> str:
    """Cases with why, a line each; then how many there are of each kind, and the token to resume by."""
    rows = [
        (
            each.case_id,
            each.request_no,
            ", ".join(_word(kind) for kind in each.kinds),
            each.unit_id or "not yet routed",
            text.at(each.due_at),
            each.kind,
        )
        for each in told.cases
    ]
    rows += [(gone, "", "no more", "", "", "") for gone in told.gone_case_ids]
    heads = ("case", "number", "why", "unit", "due", "kind")
    counts = ", ".join(f"{each.count} {_word(each.kind)}" for each in told.counts if each.count)
    foot = f"{text.at(told.now)}: {told.total} in all" + (f" ({counts})" if counts else "")
    resume = [f"resume: --since {told.resume_token}"] if told.resume_token else []
    table = [text.columns(rows, heads)] if rows else []
    begin = ["the list from the beginning:"] if told.snapshot and rows else []
    return "\n".join([*begin, *table, *([] if told.more else [foot]), *resume])


def _word(kind: rpc.AttentionKind.ValueType) -> str:
    return text.word(rpc.AttentionKind, kind, "ATTENTION_KIND_").replace("_", " ")
