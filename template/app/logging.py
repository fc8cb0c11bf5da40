"""Logs on standard error: JSON lines for machines, readable in a terminal."""

import sys
from typing import Any

from structlog import contextvars, dev, processors, stdlib
from structlog.typing import EventDict, Processor


class Formatter(stdlib.ProcessorFormatter):
    """Formats a record of any library, with the id of the request during which it was made."""

    def __init__(self) -> None:
        renderer: list[Processor] = (
            [dev.ConsoleRenderer(exception_formatter=dev.plain_traceback)]
            if sys.stderr.isatty()
            else [processors.format_exc_info, processors.JSONRenderer()]
        )
        super().__init__(
            foreign_pre_chain=[
                contextvars.merge_contextvars,
                stdlib.add_logger_name,
                stdlib.add_log_level,
                stdlib.ExtraAdder(),
                drop_colors,
                processors.TimeStamper(fmt="iso"),
            ],
            processors=[self.remove_processors_meta, *renderer],
        )


def drop_colors(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop the second, coloured copy of uvicorn's messages."""
    event.pop("color_message", None)
    return event


def logging_config(level: str) -> dict[str, Any]:
    """Return the argument of logging.config.dictConfig for this level and above."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": {"()": "app.logging.Formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # It tells what it has loaded; migrations/env.py lets its other messages through.
            "alembic": {"level": "WARNING"},
            # It prints these as well.
            "alembic.util.messaging": {"level": "CRITICAL"},
        },
    }
