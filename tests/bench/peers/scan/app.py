"""The application that takes cases in for `tasks`; its environment's Python runs this."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tasks import SCHEMA
from telling import CLOCK_S

DATABASE = os.environ["E4_DATABASE"]


async def submit(request: Request) -> JSONResponse:
    """Answers when the row is committed."""
    body = (await request.body()).decode()
    async with request.app.state.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO cases (id, body, status, step, due_at)"
            " VALUES (%s, %s::jsonb, 'neighbourhood', 0, now() + make_interval(secs => %s))",
            (request.path_params["case_id"], body, CLOCK_S),
        )
    return JSONResponse({}, 202)


async def ready(_request: Request) -> JSONResponse:
    """Answers when the application can."""
    return JSONResponse({})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """The table, and connections as long as the application."""
    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute(SCHEMA)
    async with AsyncConnectionPool(
        DATABASE, min_size=16, max_size=16, kwargs={"autocommit": True}, open=False
    ) as pool:
        app.state.pool = pool
        yield


app = Starlette(
    routes=[Route("/ready", ready), Route("/cases/{case_id}", submit, methods=["POST"])], lifespan=lifespan
)
