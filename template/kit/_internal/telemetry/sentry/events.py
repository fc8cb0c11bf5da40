"""Events for Sentry: what they have, and the log records that become events.

An event has the exception without values, the request's id, method and route, the release, and the
revisions of the database. It has no body, header, query, path, address of a client, user, parameter
of a log record, nor the name of the machine.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import sentry_sdk

from kit._internal.middleware import SHUTDOWN_MESSAGE
from kit._internal.routing import path_of_route
from kit._internal.telemetry.sentry.exceptions import conceal_values, describe_exceptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentry_sdk.types import Event, Hint
    from starlette.types import Scope

logger = logging.getLogger(__name__)

# The request that this task handles.
current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)

# What remains of an event: not the user, breadcrumbs, contexts and others that code may have set.
KEPT = (
    "dist",
    "environment",
    "event_id",
    "fingerprint",
    "level",
    "logger",
    "platform",
    "release",
    "sdk",
    "tags",
    "timestamp",
)
# Records about tasks, in the context of any request.
CONTEXTLESS_LOGGERS = {"asyncio"}
# Sentry drops a tag with a longer value.
MAX_TAG = 200

Tags = dict[str, str]
NO_EXCEPTION = (None, None, None)


class EventCompleter:
    """Completes events, and removes what must not leave the service: Sentry's `before_send`.

    `find_tags` returns tags of all events.
    """

    def __init__(self, find_tags: Callable[[], Tags]) -> None:
        self.find_tags = find_tags

    def __call__(self, event: Event, hint: Hint) -> Event:
        content = cast("dict[str, Any]", event)
        complete = {name: content[name] for name in KEPT if name in content}
        tags = self.find_tags()
        if content.get("logger") not in CONTEXTLESS_LOGGERS:
            tags.update(request_tags())
        transaction = tags.get("command") or tags.get("route")
        if transaction is not None:
            complete["transaction"] = transaction
        for name, value in tags.items():
            complete.setdefault("tags", {})[name] = value[:MAX_TAG]
        message = content.get("logentry", content).get("message")
        if isinstance(message, str):
            complete["logentry"] = {"message": conceal_values(message)}
        error = hint.get("exc_info", NO_EXCEPTION)[1]
        if error is not None:
            values = describe_exceptions(error, handled=hint.get("handled", True))
            complete["exception"] = {"values": values}
        return cast("Event", complete)


def request_tags() -> Tags:
    """Return the id, method and route of the request that this task handles."""
    scope = current_scope.get()
    if scope is None or scope["type"] not in {"http", "websocket"}:
        return {}
    tags = {"method": scope.get("method", "WEBSOCKET")}
    request_id, route = scope.get("request_id"), path_of_route(scope)
    if request_id is not None:
        tags["request_id"] = request_id
    if route is not None:
        tags["route"] = route
    return tags


class ErrorHandler(logging.Handler):
    """Sends log records of the level ERROR, with or without an exception."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        message, error = record.msg, (record.exc_info or NO_EXCEPTION)[1]
        if isinstance(message, BaseException):
            error = error or message
        if not isinstance(message, str):
            message = type(message).__name__
        # Not the arguments, which may be values; nor lines with objects, as asyncio adds them.
        text = message.strip().partition("\n")[0]
        if is_cancelled(error) or SHUTDOWN_MESSAGE in text:
            return
        event: dict[str, Any] = {"level": record.levelname.lower(), "logger": record.name}
        event["logentry"] = {"message": text}
        # OpenTelemetry adds it to records.
        trace_id = getattr(record, "trace_id", None)
        if isinstance(trace_id, str):
            event["tags"] = {"trace_id": trace_id}
        capture(error, event)


def is_cancelled(error: BaseException | None) -> bool:
    """Return whether a request, a task or the process was stopped on purpose."""
    return error is not None and not isinstance(error, Exception)


def capture(
    error: BaseException | None, event: dict[str, Any] | None = None, *, handled: bool = True
) -> None:
    """Send an event about an exception, or without it; never raise."""
    hint: Hint = {"handled": handled}
    if error is not None:
        hint["exc_info"] = (type(error), error, error.__traceback__)
    try:
        sentry_sdk.capture_event(cast("Event", {"level": "error", **(event or {})}), hint)
    except Exception:
        logger.warning("an error was not sent to Sentry", exc_info=True)
