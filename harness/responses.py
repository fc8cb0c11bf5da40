"""Keeps the last responses that a test has received, to show them when it fails.

A server's error is in its response, which a failed assertion about something else does not show.
httpx has event hooks for a client; tests create clients in many places, so its `send` is replaced.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

RESPONSES: deque[str] = deque(maxlen=5)


@contextlib.contextmanager
def recorded_responses() -> Iterator[None]:
    """Record the responses of all clients of httpx in RESPONSES."""
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def record(response: httpx.Response) -> httpx.Response:
        if response.is_stream_consumed:
            request = response.request
            RESPONSES.append(
                f"{request.method} {request.url}: {response.status_code}\n{response.text[:2000]}"
            )
        return response

    def record_sync(self: httpx.Client, *arguments: Any, **options: Any) -> httpx.Response:
        return record(send(self, *arguments, **options))

    async def record_async(
        self: httpx.AsyncClient, *arguments: Any, **options: Any
    ) -> httpx.Response:
        return record(await send_async(self, *arguments, **options))

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
