"""Sends unexpected errors to Sentry: https://docs.sentry.io/platforms/python/.

| event                                                | no event                              |
| ---------------------------------------------------- | ------------------------------------- |
| an unexpected error of a request: a 500, a WebSocket | a problem that code raises, also 5xx  |
| an error in a background task, or in the lifespan    | a 503 while the database is down      |
| a log record of the level ERROR                      | a cancelled request                   |
| an exception that ends a migration or a backfill     | sys.exit(), Ctrl+C                    |

The SDK's integrations are off: they read headers, queries and bodies, and change other libraries.
Errors before the lifespan, as of settings, are only logged.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import sentry_sdk
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.transport import HttpTransport

from kit._internal.telemetry.interface import Job, Part
from kit._internal.telemetry.sentry.events import (
    ErrorHandler,
    EventCompleter,
    Tags,
    capture,
    current_scope,
)
from kit.project import read_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from pydantic import SecretStr
    from starlette.types import ASGIApp, Receive, Scope, Send

    from kit.application import Service

logger = logging.getLogger(__name__)

# Seconds to send what is left when the process ends.
FLUSH_TIMEOUT = 3


class LoggingTransport(HttpTransport):
    """Sends events in a thread; logs those that are lost, each of which is in the log, too.

    `on_dropped_event` is not documented; the SDK has no public equivalent. Checked with sentry-sdk
    2.75; tests/telemetry has a test without a receiver.
    """

    def on_dropped_event(self, reason: str) -> None:
        logger.warning("an error was not sent to Sentry: %s", reason)


class ScopeMiddleware:
    """Remembers the request of a task, for events."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not reset: uvicorn logs some errors afterwards, in the task of the same request.
        current_scope.set(scope)
        return self.app(scope, receive, send)


class SentryPart(Part):
    """Sends errors of the service and of jobs to a project in Sentry."""

    def __init__(self, dsn: SecretStr, environment: str, release: str | None) -> None:
        metadata = read_metadata()
        self.dsn = dsn
        self.environment = environment
        self.release = release or f"{metadata['name']}@{metadata['version']}"

    def wrap(self, app: ASGIApp) -> ASGIApp:
        return ScopeMiddleware(app)

    @asynccontextmanager
    async def serve(self, service: Service) -> AsyncIterator[None]:
        handler = self.start(lambda: revision_tags(service))
        try:
            yield
        except Exception as error:
            capture(error, handled=False)
            raise
        finally:
            logging.getLogger().removeHandler(handler)
            await asyncio.to_thread(stop)

    @contextmanager
    def run_job(self, name: str) -> Iterator[Job]:
        handler = self.start(lambda: {"command": name})
        try:
            yield Job()
        except Exception as error:
            capture(error, handled=False)
            raise
        finally:
            logging.getLogger().removeHandler(handler)
            stop()

    def start(self, find_tags: Callable[[], Tags]) -> ErrorHandler:
        """Set up the SDK for this process; return the handler of log records."""
        try:
            self.init(find_tags)
        except Exception:
            # As for an invalid proxy.
            logger.warning("errors are not sent to Sentry", exc_info=True)
        handler = ErrorHandler()
        logging.getLogger().addHandler(handler)
        return handler

    def init(self, find_tags: Callable[[], Tags]) -> None:
        """Set up the SDK, without what it does by default."""
        sentry_sdk.init(
            dsn=self.dsn.get_secret_value(),
            environment=self.environment,
            release=self.release,
            before_send=EventCompleter(find_tags),
            transport=LoggingTransport,
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[DedupeIntegration()],
            include_local_variables=False,
            max_breadcrumbs=0,
            auto_session_tracking=False,
            enable_backpressure_handling=False,
            # Not by variables of the SDK.
            debug=False,
            spotlight=False,
            traces_sample_rate=None,
        )


def stop() -> None:
    """Send what is left, for a few seconds at most, and stop the SDK."""
    sentry_sdk.get_client().close(timeout=FLUSH_TIMEOUT)
    sentry_sdk.get_global_scope().set_client(None)


def revision_tags(service: Service) -> Tags:
    """Return the revisions of the databases and of the code, as of the last check of readiness."""
    tags = {}
    for check in service.readiness_checks:
        suffix = ""
        if check.source.name != "database":
            suffix = f".{check.source.name}"
        if check.applied is not None:
            tags[f"revision.applied{suffix}"] = ", ".join(check.applied) or "none"
            tags[f"revision.expected{suffix}"] = ", ".join(check.expected)
    return tags
