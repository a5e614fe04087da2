"""E4 on Temporal: one workflow per case, four durable timers one after another; its environment's Python runs
this, worker and intake in one process.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from telling import CLOCK_S, STEPS, closed
from temporalio import workflow
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

NAMESPACE, QUEUE = "e4", "cases"


@workflow.defn
class Case:
    """The case's whole life: its input is stored before the answer, then each timer."""

    def __init__(self) -> None:
        """As submitted."""
        self._status = "neighbourhood"

    @workflow.run
    async def run(self, _body: dict[str, Any]) -> str:
        """Four timers; the status is what the stored history makes of it."""
        for step in STEPS:
            await asyncio.sleep(CLOCK_S)
            self._status = step
        self._status = "closed"
        if not workflow.unsafe.is_replaying():
            # On its way to the server, perhaps not yet stored: waiting for that would cost one more task.
            closed(workflow.info().workflow_id)
        return self._status

    @workflow.query
    def status(self) -> str:
        """Where the case stands."""
        return self._status


async def submit(request: Request) -> JSONResponse:
    """Answers when the server has stored the start."""
    client: Client = request.app.state.client
    await client.start_workflow(
        Case.run, await request.json(), id=request.path_params["case_id"], task_queue=QUEUE
    )
    return JSONResponse({}, 202)


async def ready(_request: Request) -> JSONResponse:
    """Answers when the application can."""
    return JSONResponse({})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """The namespace, and a worker as long as the application."""
    client = await Client.connect(os.environ["E4_TEMPORAL"], namespace=NAMESPACE)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=NAMESPACE,
            workflow_execution_retention_period=_duration(timedelta(days=1)),
        )
    )
    await _until_known(client)
    app.state.client = client
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=QUEUE, workflows=[Case], workflow_runner=runner):
        yield


def _duration(length: timedelta) -> Any:
    from google.protobuf.duration_pb2 import Duration  # noqa: PLC0415 - after the SDK has chosen its protobuf

    duration = Duration()
    duration.FromTimedelta(length)
    return duration


async def _until_known(client: Client) -> None:
    """Every part of the server learns of a new namespace some seconds later."""
    while True:
        try:
            await client.count_workflows()
        except RPCError:
            await asyncio.sleep(0.5)
        else:
            return


app = Starlette(
    routes=[Route("/ready", ready), Route("/cases/{case_id}", submit, methods=["POST"])], lifespan=lifespan
)
