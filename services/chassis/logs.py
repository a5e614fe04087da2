"""Structured logs without personal data: JSON for machines, a readable form on a developer's terminal.

Ids, codes, counts and durations are logged. An exception is logged by its type and the places it passed: its
message could hold what somebody wrote, and so could what a library says of a value.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog

from services.chassis.settings import Settings

# What could hold a person's words or name.
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
REMOVED = "(removed)"
NOISY = ("aiokafka", "faust", "kafka", "mode", "pymongo")
Event = MutableMapping[str, Any]


def without_personal_data(_logger: Any, _method: str, event: Event) -> Event:
    """Blank what must not be logged, however deep it lies, and say that it was."""
    return {key: REMOVED if key in PERSONAL else _blanked(item) for key, item in event.items()}


def _blanked(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: REMOVED if key in PERSONAL else _blanked(inner) for key, inner in item.items()}
    if isinstance(item, list | tuple):
        return [_blanked(inner) for inner in item]
    return type(item).__name__ if isinstance(item, BaseException) else item


def without_messages(_logger: Any, _method: str, event: Event) -> Event:
    """Put in the place of an exception its type and its causes' types, each with the places it passed."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["raised"] = [line for each in _chain(error) for line in _places(each)]
    return event


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _places(error: BaseException) -> Iterator[str]:
    yield type(error).__name__
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_qualname}"


def _tamed(record: logging.LogRecord) -> bool:
    """Keep the first line of what a library says, and of exceptions in it their types; always true."""
    if isinstance(record.args, tuple):
        record.args = tuple(type(a).__name__ if isinstance(a, BaseException) else a for a in record.args)
    if isinstance(record.msg, str):
        record.msg = record.msg.partition("\n")[0]
    return True


def _crashed(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    structlog.get_logger().critical("crashed", exc_info=error)


def _thread_crashed(given: threading.ExceptHookArgs) -> None:
    structlog.get_logger().critical("thread_crashed", exc_info=given.exc_value)


def configure(settings: Settings) -> None:
    """Route structlog and the standard library's logs, Faust's too, into one stream on stderr, with what ends
    the process or a thread.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    machine = settings.production or not sys.stderr.isatty()
    renderer: Any = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.addFilter(_tamed)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_messages,
                without_personal_data,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed
    structlog.contextvars.bind_contextvars(service=settings.service)
