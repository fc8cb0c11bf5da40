"""Logs on standard error: JSON lines for machines, readable in a terminal."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from kit._internal.database import dialect
from kit._internal.error_texts import conceal

__all__ = ["Formatter", "logging_config"]

# What any record may have, the last of them from uvicorn; all else it was given as `extra`.
USUAL = {*vars(logging.makeLogRecord({})), "asctime", "message", "taskName", "color_message"}


# SQL is part of all that there is to show, but neither its values, rows nor messages of clients:
# these are personal data.
VERBOSE = {"sqlalchemy.engine": "INFO", "websockets": "INFO"}

# No line shows these, so they need not be looked up for every record.
logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False


def in_terminal() -> bool:
    """Return whether a person reads the log, rather than a machine."""
    return sys.stderr.isatty()


class Formatter(logging.Formatter):
    """Formats a record of any library, with what `context` knows of the request at that moment."""

    def __init__(self, context: Callable[[], dict[str, Any]] = dict) -> None:
        super().__init__()
        self.context = context
        self.render: Callable[[dict[str, Any]], str] = json.JSONEncoder(default=repr).encode
        if in_terminal():
            # Where nobody reads along, migrations start without it.
            from structlog.dev import ConsoleRenderer, plain_traceback  # noqa: PLC0415

            console = ConsoleRenderer(exception_formatter=plain_traceback)
            self.render = lambda fields: console(None, "", fields)

    def format(self, record: logging.LogRecord) -> str:
        # This is faster than strftime().
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        fields = {
            "event": conceal(record.getMessage()),
            **self.context(),
            "logger": record.name,
            "level": record.levelname.lower(),
            **{name: show(value) for name, value in vars(record).items() if name not in USUAL},
            "timestamp": time.replace("+00:00", "Z"),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack_info"] = record.stack_info
        return self.render(fields)

    def formatException(  # noqa: N802
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return the traceback without rows that a database error quotes."""
        return dialect.ERRORS.format_error(ei[1]) if ei[1] else ""


def show(value: object) -> object:
    """Return a value as it may be logged, without the rows that an error may quote."""
    if not isinstance(value, BaseException):
        return value
    if dialect.ERRORS.is_database_error(value):
        return dialect.ERRORS.describe(value)
    return conceal(repr(value))


def logging_config(level: str, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
    """Return the argument of logging.config.dictConfig for this level and above."""
    verbose = VERBOSE if level == "DEBUG" else {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": {"()": "kit.logging.Formatter", "context": context}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # It tells what it has loaded; kit.migrations lets its other messages through.
            "alembic": {"level": "WARNING"},
            # It prints these as well.
            "alembic.util.messaging": {"level": "CRITICAL"},
            **{name: {"level": limit} for name, limit in verbose.items()},
        },
    }
