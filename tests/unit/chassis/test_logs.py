"""What may stand in a log: a process of its own writes one, since logging is set up once per process."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parents[3]
PREPARE = """
import asyncio, gc, logging, threading
import structlog
from services.chassis import logs
from services.chassis.settings import Settings

logs.configure(Settings(service="toy", environment="development"))
log = structlog.get_logger()
"""


def written(script: str) -> list[dict[str, Any]]:
    """The lines that a script logs, after the set-up of every service."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + dedent(script)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_says_when_how_bad_and_which_service() -> None:
    [line] = written('log.info("case_committed", case_id="c-1", events=2)')
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "case_committed",
        "case_id": "c-1",
        "events": 2,
        "level": "info",
        "service": "toy",
    }


def test_personal_data_are_blanked_wherever_they_lie() -> None:
    lines = written(
        """
        log.info("flat", name="Wang Lihua", phone="13900000000", case_id="c-1")
        log.info("deep", request={"contact": {"email": "wang@example"}, "rows": [{"title": "Wang"}]})
        structlog.contextvars.bind_contextvars(address="Wang Street 1")
        log.info("bound")
        logging.getLogger("library").error("foreign", extra={"note": "Wang", "topic": "t"})
        """
    )
    assert "Wang" not in str(lines)
    assert "wang" not in str(lines)
    assert "139" not in str([{**line, "timestamp": ""} for line in lines])
    assert lines[0]["case_id"] == "c-1"
    assert lines[0]["name"] == lines[1]["request"]["contact"] == lines[2]["address"] == "(removed)"
    assert lines[3]["topic"] == "t"


def test_an_exception_is_logged_by_type_cause_and_places_never_by_its_message() -> None:
    lines = written(
        """
        def inner():
            raise KeyError("Wang Lihua")

        def outer():
            try:
                inner()
            except KeyError as error:
                raise RuntimeError("Wang said") from error

        try:
            outer()
        except RuntimeError as error:
            log.exception("here")
            log.error("given", exc_info=error)
            log.error("as_value", cause=error)
            logging.getLogger("library").exception("failed on %r", error)
        """
    )
    assert "Wang" not in str(lines)
    raised = lines[0]["raised"]
    assert raised == lines[1]["raised"] == lines[3]["raised"]
    assert [line for line in raised if ":" not in line] == ["RuntimeError", "KeyError"]
    assert [line.partition(" ")[2] for line in raised if ":" in line] == [
        "<module>",
        "outer",
        "outer",
        "inner",
    ]
    assert lines[2]["cause"] == "RuntimeError"


def test_an_exception_that_nobody_awaited_shows_no_message() -> None:
    lines = written(
        """
        async def fail():
            raise ValueError("Wang Lihua")

        async def main():
            task = asyncio.create_task(fail())
            await asyncio.sleep(0.01)
            del task
            gc.collect()

        asyncio.run(main())
        """
    )
    assert [line["raised"][0] for line in lines] == ["ValueError"]
    assert "Wang" not in str(lines)


def test_what_ends_the_process_or_a_thread_shows_no_message() -> None:
    lines = written(
        """
        def fail():
            raise ValueError("Wang Lihua")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        fail()
        """
    )
    assert [line["event"] for line in lines] == ["thread_crashed", "crashed"]
    assert all(line["raised"][0] == "ValueError" for line in lines)
    assert "Wang" not in str(lines)


def test_causes_that_run_in_a_circle_are_logged_once() -> None:
    [line] = written(
        """
        one, two = ValueError(), KeyError()
        one.__cause__, two.__cause__ = two, one
        log.error("circle", exc_info=one)
        """
    )
    assert line["raised"] == ["ValueError", "KeyError"]


def test_a_library_chatters_only_when_something_is_wrong() -> None:
    lines = written(
        """
        for name in ("faust", "aiokafka.consumer", "kafka.conn", "mode", "pymongo"):
            logging.getLogger(name).info("chatter")
            logging.getLogger(name).warning("trouble")
        """
    )
    assert [line["event"] for line in lines] == ["trouble"] * 5
