"""The metrics of jobs, such as migrations: they are pushed at the end, as the process ends then."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry, Gauge, pushadd_to_gateway
from prometheus_client.exposition import basic_auth_handler

from kit._internal.telemetry.interface import Attributes, Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import HttpUrl

    from kit.settings import Settings

logger = logging.getLogger(__name__)

# Longest time, in seconds, that a push delays the end of the process.
TIMEOUT = 5


class RecordedJob(Job):
    """A job with the numbers of its steps and of the rows that they changed."""

    def __init__(self) -> None:
        self.steps = 0
        self.rows = 0

    def step(self, name: str, attributes: Attributes, start: int, end: int) -> None:  # noqa: ARG002
        self.steps += 1
        self.rows += int(attributes.get("rows", 0))


@contextmanager
def record_job(settings: Settings, name: str) -> Iterator[RecordedJob]:
    """Record a job; push its metrics at the end, also if it fails."""
    job = RecordedJob()
    start = time.monotonic()
    failed = True
    try:
        yield job
        failed = False
    finally:
        registry = metrics_of(job, time.monotonic() - start, failed=failed)
        push(settings, name, registry)


def metrics_of(job: RecordedJob, duration: float, *, failed: bool) -> CollectorRegistry:
    """Return the metrics of a job that has ended."""
    now = time.time()
    values = [
        ("job_last_run_timestamp_seconds", "End of the last run.", now),
        ("job_duration_seconds", "Duration of the last run.", duration),
        ("job_failed", "Whether the last run failed.", failed),
        ("job_steps", "Revisions or passes of the last run.", job.steps),
        ("job_rows", "Rows that the last run changed.", job.rows),
    ]
    # A push replaces only the metrics that it contains.
    if not failed:
        values.append(("job_last_success_timestamp_seconds", "End of the last success.", now))
    registry = CollectorRegistry()
    for name, documentation, value in values:
        Gauge(name, documentation, registry=registry).set(value)
    return registry


def push(settings: Settings, name: str, registry: CollectorRegistry) -> None:
    """Push the metrics of a job; log a warning if that fails."""
    if settings.pushgateway_url is None:
        return
    thread = Push(
        settings.pushgateway_url.get_secret_value(), settings.service_name, name, registry
    )
    thread.start()
    thread.join(TIMEOUT)
    if thread.problem is not None:
        logger.warning("metrics of %s were not pushed: %s", name, thread.problem)


class Push(Thread):
    """Pushes metrics in a thread, as a timeout of a socket limits neither DNS nor a slow answer.

    `problem` is the reason if they were not pushed, without the URL, which may have a password.
    """

    def __init__(
        self, url: HttpUrl, service: str, command: str, registry: CollectorRegistry
    ) -> None:
        super().__init__(name="push", daemon=True)
        self.url = url
        self.service = service
        self.command = command
        self.registry = registry
        self.problem: str | None = f"the Pushgateway did not answer in {TIMEOUT} seconds"

    def run(self) -> None:
        try:
            self.push()
            self.problem = None
        except HTTPError as error:
            self.problem = f"the Pushgateway answered {error.code}"
        except URLError as error:
            self.problem = f"the Pushgateway cannot be reached: {error.reason}"
        except Exception as error:  # noqa: BLE001
            self.problem = type(error).__name__

    def push(self) -> None:
        """Push the metrics; raise URLError or another error if that fails."""
        parts = urlsplit(str(self.url))
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        handler = basic_auth_handler
        if parts.username is not None:
            handler = partial(
                basic_auth_handler,
                username=unquote(parts.username),
                password=unquote(parts.password or ""),
            )
        pushadd_to_gateway(
            address.geturl().rstrip("/"),
            job=self.service,
            registry=self.registry,
            grouping_key={"command": self.command},
            timeout=TIMEOUT,
            handler=handler,
        )
