"""Logging to standard error: JSON lines, or readable lines in a terminal."""

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

# Attributes of any record, the last one from uvicorn. Other attributes are `extra`.
USUAL_ATTRIBUTES = {*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"}
USUAL_ATTRIBUTES.add("color_message")

# Levels at LOG_LEVEL=DEBUG: these log SQL, but no values, rows or messages of clients, which may be
# personal data.
DEBUG_LEVELS = {"sqlalchemy.engine": "INFO", "websockets": "INFO"}

# Not collected for each record, as they are not logged.
logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False


def in_terminal() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()


class Formatter(logging.Formatter):
    """Formats records of any library, with the fields of the request that `context` returns."""

    def __init__(self, context: Callable[[], dict[str, Any]] = dict) -> None:
        super().__init__()
        self.context = context
        self.render: Callable[[dict[str, Any]], str] = json.JSONEncoder(default=repr).encode
        if in_terminal():
            # Imported here, as processes without a terminal do not need it.
            from structlog.dev import ConsoleRenderer, plain_traceback  # noqa: PLC0415

            console = ConsoleRenderer(exception_formatter=plain_traceback)
            self.render = lambda fields: console(None, "", fields)

    def format(self, record: logging.LogRecord) -> str:
        return self.render(self.fields(record))

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line, without values that a database error quotes."""
        # This is faster than strftime().
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        fields = {
            "event": conceal(record.getMessage()),
            **self.context(),
            "logger": record.name,
            "level": record.levelname.lower(),
        }
        for name, value in vars(record).items():
            if name not in USUAL_ATTRIBUTES:
                fields[name] = loggable(value)
        fields["timestamp"] = time.replace("+00:00", "Z")
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack_info"] = record.stack_info
        return fields

    def formatException(  # noqa: N802
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return the traceback, without rows that a database error quotes."""
        if ei[1] is None:
            return ""
        return dialect.ERRORS.format_error(ei[1])


def loggable(value: object) -> object:
    """Return a value without rows that an error may quote."""
    if not isinstance(value, BaseException):
        return value
    if dialect.ERRORS.is_database_error(value):
        return dialect.ERRORS.describe(value)
    return conceal(repr(value))


def logging_config(level: str, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
    """Return the argument of logging.config.dictConfig for this level."""
    levels = {
        # Hides its setup messages; kit.migrations enables the others.
        "alembic": "WARNING",
        # Alembic also prints these messages.
        "alembic.util.messaging": "CRITICAL",
    }
    if level == "DEBUG":
        levels.update(DEBUG_LEVELS)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": {"()": "kit.logging.Formatter", "context": context}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": logger_level} for name, logger_level in levels.items()},
    }
