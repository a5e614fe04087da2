"""E4 on DBOS: one workflow per case, four durable sleeps one after another, its state as the workflow's
event; its environment's Python runs this.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbos import DBOS, SetWorkflowID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from telling import CLOCK_S, STEPS, closed

DBOS(
    config={
        "name": "e4-bench",
        "system_database_url": os.environ["E4_DATABASE"],
        "sys_db_pool_size": 40,
        "log_level": "WARNING",
    }
)


@DBOS.workflow()
async def case(case_id: str, _body: dict[str, Any]) -> str:
    """The case's whole life: its input is stored before the answer, then each sleep and each state."""
    for step in STEPS:
        await DBOS.sleep_async(CLOCK_S)
        await DBOS.set_event_async("status", step)
    await DBOS.set_event_async("status", "closed")
    closed(case_id)
    return "closed"


async def submit(request: Request) -> JSONResponse:
    """Answers when the workflow's row is committed."""
    case_id = request.path_params["case_id"]
    with SetWorkflowID(case_id):
        handle = await DBOS.start_workflow_async(case, case_id, await request.json())
    return JSONResponse({"workflow": handle.workflow_id}, 202)


async def ready(_request: Request) -> JSONResponse:
    """Answers when the application can."""
    return JSONResponse({})


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """DBOS runs as long as the application."""
    DBOS.launch()
    yield
    DBOS.destroy()


app = Starlette(
    routes=[Route("/ready", ready), Route("/cases/{case_id}", submit, methods=["POST"])], lifespan=lifespan
)
