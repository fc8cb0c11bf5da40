"""Serves /metrics on a port of its own, in a thread: it answers while the event loop is busy."""

from __future__ import annotations

import asyncio
import logging
import socket
import socketserver
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, make_wsgi_app

from kit._internal.telemetry.prometheus.database_metrics import (
    MonitoredDatabase,
    PoolCollector,
    RevisionCollector,
    monitor,
)
from kit.project import read_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kit._internal.telemetry.prometheus.request_metrics import RequestMetrics
    from kit.application import Service
    from kit.settings import Settings

logger = logging.getLogger(__name__)

PATH = "/metrics"
LAST_PORT = 65535
# How often, in seconds, the server checks whether it has to stop.
POLL_INTERVAL = 0.2

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class RequestHandler(WSGIRequestHandler):
    """Answers a scrape; logs nothing."""

    # Longest time, in seconds, for a client to send its request or to receive the answer.
    timeout = 5

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


class MetricsServer(socketserver.ThreadingMixIn, WSGIServer):
    """A server of metrics, with a thread for each request."""

    daemon_threads = True

    def __init__(self, host: str, port: int, app: WsgiApp) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), RequestHandler)
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind the socket; HTTPServer would also look up the name of the host, which may hang."""
        socketserver.TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing when a client disconnects."""


@asynccontextmanager
async def serve_metrics(
    service: Service, settings: Settings, requests: RequestMetrics
) -> AsyncIterator[None]:
    """Serve the metrics of a service while its databases are open."""
    databases = [
        MonitoredDatabase(check, getattr(service.state, check.source.name))
        for check in service.database_checks
    ]
    server = start_server(settings, create_registry(settings, requests, databases))
    task = asyncio.create_task(monitor(databases))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if server is not None:
            await asyncio.to_thread(server.shutdown)
            server.server_close()


def create_registry(
    settings: Settings, requests: RequestMetrics, databases: list[MonitoredDatabase]
) -> CollectorRegistry:
    """Return a registry with the metrics of the service and those of the default registry.

    The default one has the metrics of the process, and those that the service's own code declares.
    It is not used for the others, as a process may create several services.
    """
    registry = CollectorRegistry(support_collectors_without_names=True)
    information = Gauge(
        "service_info",
        "Name and version of the service.",
        ["service", "version"],
        registry=registry,
    )
    information.labels(settings.service_name, read_metadata()["version"]).set(1)
    for collector in [
        *requests.collectors(),
        PoolCollector(databases),
        RevisionCollector(databases),
        REGISTRY,
    ]:
        registry.register(collector)
    return registry


def start_server(settings: Settings, registry: CollectorRegistry) -> MetricsServer | None:
    """Return a server on the first free port; without any, log an error and return None."""
    host = settings.metrics_host or settings.host
    app = guard(make_wsgi_app(registry))
    reason = None
    for port in ports_of(settings):
        try:
            server = MetricsServer(host, port, app)
        except OSError as error:
            reason = error.strerror
            continue
        arguments = {"poll_interval": POLL_INTERVAL}
        Thread(target=server.serve_forever, kwargs=arguments, name="metrics", daemon=True).start()
        logger.info("metrics are served on http://%s:%s/metrics", host, port)
        return server
    logger.error(
        "metrics are not served: cannot listen on %s:%s: %s; set %sMETRICS_PORT",
        host,
        settings.metrics_port,
        reason,
        settings.model_config.get("env_prefix", ""),
    )
    return None


def ports_of(settings: Settings) -> Iterator[int]:
    """Yield a port for each worker, without that of the service."""
    count = 0
    for port in range(settings.metrics_port, LAST_PORT + 1):
        if port != settings.port:
            yield port
            count += 1
        if count == settings.workers:
            return


def guard(app: WsgiApp) -> WsgiApp:
    """Return an application that serves one path, and logs the error of a metric.

    Otherwise this port would answer health checks of a wrong address, and wsgiref would print a
    traceback.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            start_response("404 Not Found", [])
            return [b""]
        try:
            return app(environ, start_response)
        except Exception:
            logger.exception("a metric cannot be collected")
            start_response("500 Internal Server Error", [])
            return [b""]

    return answer
