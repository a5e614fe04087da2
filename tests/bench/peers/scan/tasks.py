"""E4 as it is mostly done today: a table of cases, a task every second that looks for overdue ones, a task
for each of them; its environment's Python runs this.
"""

import os

import psycopg
from celery import Celery
from celery.signals import worker_process_init
from telling import CLOCK_S, STEPS, closed

DATABASE = os.environ["E4_DATABASE"]
SCHEMA = """
CREATE TABLE cases (
    id text PRIMARY KEY, body jsonb NOT NULL, status text NOT NULL, step int NOT NULL, due_at timestamptz,
    queued_at timestamptz
);
CREATE INDEX ON cases (due_at) WHERE due_at IS NOT NULL;
"""
AGAIN_S = 60
"""A case whose task was lost is queued again after this."""
BATCH = 2_000

app = Celery("tasks", broker=os.environ["E4_REDIS"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=16,
    beat_schedule={"scan": {"task": "tasks.scan", "schedule": 1.0, "options": {"expires": 5}}},
)
_connections: list[psycopg.Connection] = []


@worker_process_init.connect
def connect(**_: object) -> None:
    """A connection for each worker process."""
    _connections.append(psycopg.connect(DATABASE, autocommit=True))


@app.task
def scan() -> None:
    """Queue a task for every case whose clock has run out and that is not queued already."""
    with _connections[0].cursor() as cursor:
        cursor.execute(
            "UPDATE cases SET queued_at = now() WHERE id IN (SELECT id FROM cases WHERE due_at <= now()"
            " AND (queued_at IS NULL OR queued_at < now() - make_interval(secs => %s))"
            " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, step",
            (AGAIN_S, BATCH),
        )
        found = cursor.fetchall()
    with app.producer_pool.acquire() as producer:
        for case_id, step in found:
            climb.apply_async((case_id, step), producer=producer)


@app.task
def climb(case_id: str, step: int) -> None:
    """The next status and the next clock in one guarded update; after the last clock the case is closed."""
    last = step + 1 == len(STEPS)
    with _connections[0].cursor() as cursor:
        cursor.execute(
            "UPDATE cases SET status = %s, step = step + 1, queued_at = NULL, due_at = CASE WHEN %s THEN NULL"
            " ELSE now() + make_interval(secs => %s) END WHERE id = %s AND step = %s AND due_at <= now()",
            (STEPS[step], last, CLOCK_S, case_id, step),
        )
        if last and cursor.rowcount:
            cursor.execute("UPDATE cases SET status = 'closed' WHERE id = %s", (case_id,))
            closed(case_id)
