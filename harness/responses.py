"""Keeps the last responses that a test has received, to show them when it fails.

Clients without a time limit of their own wait for a busy machine, not only for the five seconds
of httpx.

A server's error is in its response, which a failed assertion about something else does not show.
httpx has event hooks for a client; tests create clients in many places, so its `send` is replaced.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.processes import DEADLINE

RESPONSES: deque[str] = deque(maxlen=5)
# Seconds: the default of httpx, and what replaces it.
USUAL, PATIENT = httpx.Timeout(5).as_dict(), httpx.Timeout(DEADLINE).as_dict()


@contextlib.contextmanager
def recorded_responses() -> Iterator[None]:
    """Record the responses of all clients of httpx in RESPONSES, and have them wait for longer."""
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def allow_time(request: httpx.Request) -> httpx.Request:
        if request.extensions.get("timeout") == USUAL:
            request.extensions = {**request.extensions, "timeout": PATIENT}
        return request

    def record(response: httpx.Response) -> httpx.Response:
        if response.is_stream_consumed:
            request = response.request
            RESPONSES.append(
                f"{request.method} {request.url}: {response.status_code}\n{response.text[:2000]}"
            )
        return response

    def record_sync(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        return record(send(self, allow_time(request), **options))

    async def record_async(
        self: httpx.AsyncClient, request: httpx.Request, **options: Any
    ) -> httpx.Response:
        return record(await send_async(self, allow_time(request), **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", record_sync)
        patch.setattr(httpx.AsyncClient, "send", record_async)
        yield


def add_responses(report: pytest.TestReport) -> None:
    """Add a section with the recorded responses to the report of a failed test."""
    if report.failed and RESPONSES:
        report.sections.append(("Last responses", "\n\n".join(RESPONSES)))
    if report.when == "teardown":
        RESPONSES.clear()
