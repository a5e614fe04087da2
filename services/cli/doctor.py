"""`fengqiao doctor`: the parts this machine has, what each lacks, and how the runtimes that are up do."""

from collections.abc import Iterator, Mapping

import grpc
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.health import Serving
from deploy.local.parts import Choice, Part, brokers, stores, wanted
from deploy.local.runtime import Running, find_running
from fengqiao.common.v1 import operations_service_pb2, operations_service_pb2_grpc
from services.chassis.client import bearer


def doctor() -> None:
    """Say which parts this machine has, what each lacks, and how running services do. Exit 1 if something is
    wrong.
    """
    console = Console()
    healthy = all([_parts(console, "broker", brokers()), _parts(console, "store", stores())])
    running = find_running()
    if not running:
        console.print("no runtime is up (fengqiao up, fengqiao demo)", style="dim")
    for runtime in running:
        healthy = _runtime(console, runtime) and healthy
    raise typer.Exit(0 if healthy else 1)


def _parts(console: Console, title: str, parts: Mapping[str, Part]) -> bool:
    """Print what there is; whether the default can be had."""
    lacking = {word: part.lacks() for word, part in parts.items()}
    chosen = {
        choice: next((part for part in wanted(choice, parts) if lacking[_word(parts, part)] is None), None)
        for choice in Choice
    }
    rows = Table(
        box=None, pad_edge=False, header_style="dim", title=title, title_justify="left", title_style="bold"
    )
    for heading in ("part", "state", "taken by --parts"):
        rows.add_column(heading)
    for word, part in parts.items():
        missing = lacking[word]
        state = Text(f"lacks {missing}", style="yellow") if missing else Text("here", style="green")
        rows.add_row(part.name, state, " ".join(choice for choice, taken in chosen.items() if taken is part))
    console.print(rows)
    console.print()
    return chosen[Choice.WHEELS] is not None


def _word(parts: Mapping[str, Part], part: Part) -> str:
    return next(word for word, known in parts.items() if known is part)


def _runtime(console: Console, running: Running) -> bool:
    """Print how a runtime's services do; whether all are ready."""
    console.print(
        f"[bold]{running.name}[/bold] since {running.started_at} in {running.data_dir}", highlight=False
    )
    console.print(f"{running.broker} · {running.store}", style="dim", highlight=False)
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("service", "address", "state", "figures"):
        rows.add_column(heading)
    healthy = True
    for service, address in running.rpc.items():
        probe = Serving(int(address.rpartition(":")[2]))
        try:
            lacking = probe()
        finally:
            probe.close()
        healthy = healthy and lacking is None
        state = Text(f"not ready: {lacking}", style="red") if lacking else Text("ready", style="green")
        rows.add_row(service, address, state, "; ".join(_operations(running, address)))
    console.print(rows)
    return healthy


def _operations(running: Running, address: str) -> Iterator[str]:
    """What the service's OperationsService tells, nothing where it doesn't answer."""
    token = running.issuer.mint("operator", "operator/doctor", "*")
    with grpc.insecure_channel(address) as channel:
        stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
        try:
            status = stub.GetStatus(
                operations_service_pb2.GetStatusRequest(), metadata=bearer(token), timeout=2
            )
        except grpc.RpcError as error:
            yield f"no figures ({error.code().name})"
            return
    yield from (f"{reason.code} {reason.detail}".rstrip() for reason in status.reasons)
    yield f"{status.aggregates} cases, {status.behind} behind, {status.outbox_waiting} waiting in the outbox"
    yield f"{status.due_unfired} due and not fired, lag {sum(status.lag.values())}"
