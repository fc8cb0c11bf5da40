"""The service that kit is tested with, and what its tests read in the log and in responses."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from httpx import AsyncClient, Response
from hypothesis import HealthCheck, settings

from app.main import create_app
from app.settings import Settings
from kit._internal.testing.clients import all_permissions
from kit.application import Service
from kit.settings import prefix_of
from kit.testing import Log, TestedService, client_of, only

SERVICE = TestedService(create_app, Settings)
PREFIX = prefix_of(Settings)

# For tests with @given: on a busy machine an example, or creating it, takes longer than the limits.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

serve = SERVICE.serve
settings_for = SERVICE.settings_for


def allowed_client(app: Service) -> AsyncClient:
    """Return a client that may call each route, also if the service authenticates its clients."""
    return client_of(app, all_permissions(app))


def events(log: Log) -> list[str]:
    """Return the messages that have been logged."""
    return [record["event"] for record in log()]


def record_of_level(log: Log, level: str) -> dict[str, Any]:
    """Return the only record of a level."""
    record: dict[str, Any] = only(record for record in log() if record["level"] == level)
    return record


def error_locations(problem: dict[str, Any]) -> list[list[str | int]]:
    """Return which parts of a request a problem has errors of."""
    return [error["location"] for error in problem["errors"]]


async def concurrent_statuses(*requests: Coroutine[Any, Any, Response]) -> list[int]:
    """Send requests at the same time; return the statuses of their responses."""
    return [response.status_code for response in await asyncio.gather(*requests)]
