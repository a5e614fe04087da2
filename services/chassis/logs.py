"""Structured logs without personal data: JSON for machines, a readable form on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from services.chassis.settings import Settings

# What could hold a person's words or name; a log line has ids, codes, counts and durations.
PERSONAL = frozenset(
    {
        "name",
        "phone",
        "email",
        "address",
        "title",
        "description",
        "note",
        "text",
        "value",
        "body",
        "comment",
        "contact",
        "subject_line",
        "attributes",
        "token",
    }
)
NOISY = ("aiokafka", "faust", "mode", "pymongo")


def without_personal_data(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank what must not be logged, and say that it was."""
    for key in PERSONAL & event.keys():
        event[key] = "(removed)"
    return event


def configure(settings: Settings) -> None:
    """Route structlog and the standard library's logs, Faust's too, into one stream on stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_personal_data,
    ]
    machine = not sys.stderr.isatty()
    renderer: Any = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of every reader outside a group, and of every slow moment of its own loop.
    logging.getLogger("kafka").setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=settings.service)
