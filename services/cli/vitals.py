"""How the services of a runtime or a deployment do: the table of `fengqiao doctor --live`, and its JSON."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fengqiao.common.v1 import operations_service_pb2 as rpc
from services.chassis.client import bearer
from services.cli.client.session import Session

PERIOD_S = 1.0
PATIENCE_S = 5.0
WIDE = 100
RESTING_S = 5.0
"""An outbox that has been acknowledged is emptied within this time: no sign of trouble."""


@dataclass(frozen=True, slots=True)
class Row:
    """One service's answer, or why there is none."""

    service: str
    address: str
    status: rpc.GetStatusResponse = field(default_factory=rpc.GetStatusResponse)
    error: str = ""

    @property
    def ready(self) -> bool:
        """It answers, and says so."""
        return not self.error and self.status.ready

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Code and detail of what it waits for, what it can't tell, and why it doesn't answer."""
        if self.error:
            return [("unreachable", self.error)]
        silent = [("unknown", f"{part} gave no figures in time") for part in self.status.unanswered]
        return [(reason.code, reason.detail) for reason in self.status.reasons] + silent

    def plain(self) -> dict[str, Any]:
        """For scripts: figures as numbers; null where they aren't known."""
        status = self.status
        silent = {"store", "broker"} if self.error else set(status.unanswered)
        store, broker = "store" not in silent, "broker" not in silent
        return {
            "service": self.service,
            "address": self.address,
            "build": status.build,
            "ready": self.ready,
            "reasons": [{"code": code, "detail": detail} for code, detail in self.reasons],
            "lag": sum(status.lag.values()) if broker else None,
            "lag_by_topic": dict(sorted(status.lag.items())) if broker else None,
            "outbox_waiting": status.outbox_waiting if store else None,
            "outbox_age_seconds": round(status.outbox_age_seconds, 3) if store else None,
            "lateness_seconds": round(status.lateness_seconds, 3) if store else None,
            "due_unfired": status.due_unfired if store else None,
            "behind": status.behind if store else None,
            "dead_letters": status.dead_letters if broker else None,
            "clock_skew_seconds": None if self.error else round(status.clock_skew_seconds, 3),
            "aggregates": status.aggregates if store else None,
            "figures": dict(sorted(status.figures.items())),
        }


async def ask(session: Session) -> list[Row]:
    """Every service whose address is known, all at once, each for a few seconds at most."""
    return list(await asyncio.gather(*(_ask(session, *known) for known in session.known.items())))


async def _ask(session: Session, service: str, address: str) -> Row:
    try:
        status = await session.operations(service).GetStatus(
            rpc.GetStatusRequest(), metadata=bearer(session.token()), timeout=PATIENCE_S
        )
    except grpc.aio.AioRpcError as error:
        return Row(service or address, address, error=error.code().name)
    return Row(service or status.service, address, status)


def table(rows: Sequence[Row], *, wide: bool = True) -> Group:
    """One line per service, then one per reason that any of them gives; addresses where there is room."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    made.add_column("service", no_wrap=True)
    made.add_column("state", no_wrap=True)
    for heading in ("lag", "outbox", "lateness", "due", "behind", "dead", "cases"):
        made.add_column(heading, justify="right", no_wrap=True)
    if wide:
        made.add_column("address", style="dim", no_wrap=True)
    for row in rows:
        plain = row.plain()
        blocked = not row.ready
        made.add_row(
            row.service,
            Text("not ready" if blocked else "ready", style="red" if blocked else "green"),
            _count(plain["lag"], alarming=False),
            _seconds(plain["outbox_age_seconds"], RESTING_S),
            _seconds(plain["lateness_seconds"], RESTING_S),
            _count(plain["due_unfired"], alarming=False),
            _count(plain["behind"]),
            _count(plain["dead_letters"], alarming=False),
            _count(plain["aggregates"], alarming=False),
            *([row.address] if wide else []),
        )
    why = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        for code, detail in row.reasons:
            why.add_row(Text(row.service), Text(code, style="yellow"), Text(detail))
    return Group(made, Text(), why) if why.row_count else Group(made)


def _count(number: int | None, *, alarming: bool = True) -> Text:
    return Text("?" if number is None else str(number), style="yellow" if number and alarming else "")


def _seconds(seconds: float | None, good: float) -> Text:
    if seconds is None:
        return Text("?")
    return Text(f"{seconds:.1f} s", style="yellow" if seconds > good else "")


async def once(session: Session, console: Console) -> bool:
    """Print the table, or with --json a line per service; whether all are ready."""
    rows = await ask(session)
    if session.options.as_json:
        for row in rows:
            typer.echo(json.dumps(row.plain(), ensure_ascii=False))
    else:
        console.print(table(rows, wide=console.width >= WIDE))
    return all(row.ready for row in rows)


async def live(session: Session, console: Console) -> None:
    """Show the table until Ctrl-C; without a terminal, print it again and again."""
    if not console.is_terminal:
        while True:
            await once(session, console)
            await asyncio.sleep(PERIOD_S)
    with Live(console=console, auto_refresh=False) as screen:
        while True:
            screen.update(table(await ask(session), wide=console.width >= WIDE), refresh=True)
            await asyncio.sleep(PERIOD_S)
