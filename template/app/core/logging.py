"""Structured logs on standard output: JSON lines, or coloured text in development."""

import json
import logging
import re
import sys
from typing import Final

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from app.core.config.app import AppSettings

SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
DETAIL: Final = re.compile(r"DETAIL:.*?(?=\n\[SQL|\n\nThe above|\Z)", re.DOTALL)


def without_rows(trace: str) -> str:
    """Hide the row that PostgreSQL quotes when it refuses one, with a password's hash in it."""
    return DETAIL.sub("DETAIL: hidden", trace)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger whose lines carry its name; it may be made before logging is configured."""
    logger: FilteringBoundLogger = structlog.get_logger(source=name)
    return logger


def configure_logging(settings: AppSettings) -> None:
    """Send the application's log and that of every library to standard output."""
    level = logging.DEBUG if settings.debug else logging.getLevelNamesMapping()[settings.log_level]
    wrapper = structlog.make_filtering_bound_logger(level)
    if settings.is_development:
        # The default shows local variables, and with them passwords.
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(exception_formatter=plain)
        structlog.configure(
            processors=[*SHARED, _add_trace, console],
            logger_factory=structlog.PrintLoggerFactory(),
            wrapper_class=wrapper,
        )
        _configure_libraries([_add_trace, console], level)
    else:
        # Bytes from structlog's own renderer cost a third of what a `logging` formatter takes.
        structlog.configure(
            processors=[*SHARED, _add_trace, _to_json],
            logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
            wrapper_class=wrapper,
        )
        _configure_libraries([_add_trace, _to_json_text], level)


def _configure_libraries(render: list[Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *SHARED],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries tell little of use below a warning, and some of them print what they send.
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("uvicorn.error").setLevel(level)


def _add_trace(logger: object, method: str, event: EventDict) -> EventDict:
    event = dict(structlog.processors.format_exc_info(logger, method, event))
    if "exception" in event:
        event["exception"] = without_rows(event["exception"])
    return event


def _to_json(_: object, __: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except orjson.JSONEncodeError:  # half a surrogate pair in a message, for one
        return json.dumps(event, default=str).encode()


def _to_json_text(logger: object, method: str, event: EventDict) -> str:
    return _to_json(logger, method, event).decode()
