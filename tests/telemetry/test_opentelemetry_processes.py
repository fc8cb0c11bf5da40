"""What the service sends when it starts, ends, and when the receiver does not answer."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.otlp import Receiver
from harness.output import lines_with
from harness.processes import only, wait_for
from harness.project import Project
from harness.servers import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

Serve = Callable[..., contextlib.AbstractContextManager[RunningService]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture
def local(light_project: Project, tmp_path: Path) -> Project:
    """Return a copy with a migrated database of its own."""
    url = f"sqlite:///{tmp_path}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    return light_project.copy(tmp_path / "orders", url)


@pytest.fixture
def serve(local: Project, tmp_path: Path) -> Serve:
    """Return a function that runs the service with these variables."""

    def run(**variables: str) -> contextlib.AbstractContextManager[RunningService]:
        return local.serve("python", "-m", "app", env=variables, log=tmp_path / "log")

    return run


def list_users(server: RunningService, times: int = 1) -> None:
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for _ in range(times):
            assert client.get("/users").is_success


def stop(server: RunningService) -> None:
    """End the service by SIGTERM."""
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0, server.log


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Pause a worker, so that the other one accepts connections."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_sigterm_loses_no_finished_span(serve: Serve, receiver: Receiver) -> None:
    """With two workers, and nothing sent before the end; by default only traces are sent."""
    variables = {**receiver.environment, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with serve(**variables, ORDERS_WORKERS="2") as server:
        wait_for(lambda: server.log.count("Application startup complete") == 2, "both serve")
        for pid in re.findall(r"Started server process \[(\d+)\]", server.log):
            with paused(int(pid)):
                list_users(server, 5)
        for _ in range(20):
            # A connection each, which either worker may accept.
            list_users(server, 1)
        assert not receiver.exports
        stop(server)
    spans = receiver.named("GET /users")
    assert len(spans) == 30
    assert len({span.resource["service.instance.id"] for span in spans}) == 2
    assert len(receiver.named("SELECT users")) == 30
    assert {export.path for export in receiver.exports} == {"/v1/traces"}


def test_receiver_that_is_down_costs_dropped_spans_only(serve: Serve, receiver: Receiver) -> None:
    """They are counted in one line; when it is back on its port, spans arrive."""
    receiver.stop()
    variables = {**receiver.environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "4"}
    with serve(**variables) as server:
        list_users(server, 5)
        wait_for(lambda: "spans dropped" in server.log, "the loss is logged")
        list_users(server, 5)
        time.sleep(5)
        receiver.start()
        list_users(server)
        wait_for(lambda: receiver.named("GET /users"), "spans arrive again")
        lines = lines_with(server.log, "spans dropped")
        assert len(lines) == 1, lines
        assert f"127.0.0.1:{receiver.port} does not take them" in lines[0]
        stop(server)
    assert "Traceback" not in server.log
    assert "v1/traces" not in server.log
    count = re.search(r"(\d+) since the start", lines_with(server.log, "spans dropped")[-1])
    assert count is not None
    # Each request has a span for itself and for its statement.
    assert len(receiver.spans) + int(count[1]) == 22


def test_receiver_that_hangs_delays_neither_requests_nor_the_end(
    serve: Serve, receiver: Receiver
) -> None:
    receiver.answers.clear()
    # What waits for it, waits for longer than the test.
    variables = {**receiver.environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
    limits = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    with serve(**variables, **limits) as server:
        list_users(server)
        wait_for(lambda: receiver.exports, "the receiver has a request")
        list_users(server, 30)
        stop(server)
    line = only(lines_with(server.log, "spans dropped"))
    assert "62 spans dropped, 62 since the start" in line


def test_receiver_that_refuses_is_logged_in_one_line(serve: Serve, receiver: Receiver) -> None:
    receiver.status = 401
    with serve(**receiver.environment) as server:
        list_users(server)
        wait_for(lambda: "2 spans dropped" in server.log, "the refusal is logged")
        stop(server)
    assert len(lines_with(server.log, "dropped")) == 1
    assert "Traceback" not in server.log


WITHOUT_SIGNALS = """
import sys

from app.main import create_app
from app.settings import Settings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
create_app(Settings())
create_app(Settings(**ENDPOINT, OTEL_SDK_DISABLED="TRUE"))
create_app(Settings(**ENDPOINT, OTEL_TRACES_EXPORTER="none"))
names = ("opentelemetry.sdk", "opentelemetry.exporter", "requests", "google.protobuf")
assert not [name for name in sys.modules if name.startswith(names)]
create_app(Settings(**ENDPOINT))
assert [name for name in sys.modules if name.startswith(names)]
"""


def test_nothing_is_imported_unless_there_is_something_to_send(local: Project) -> None:
    local.run("python", "-c", WITHOUT_SIGNALS)


def test_variables_may_be_in_the_environment_file(
    local: Project, serve: Serve, receiver: Receiver
) -> None:
    """Also those that are not settings; the environment overrides them."""
    file = local.folder / ".env"
    lines = [
        f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={receiver.endpoint}/own/v1/traces",
        "OTEL_EXPORTER_OTLP_HEADERS=x-key=secret",
        "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=staging,service.version=overridden",
        "OTEL_SERVICE_NAME=overridden",
        "OTEL_BSP_SCHEDULE_DELAY=100",
        "OTEL_PROPAGATORS=none",
    ]
    file.write_text(file.read_text("utf-8") + "\n".join(lines) + "\n", "utf-8")
    parent = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    with serve(OTEL_SERVICE_NAME="shop") as server:
        assert httpx.get(f"{server.address}/users", headers=parent).is_success
        export = wait_for(lambda: receiver.exports and receiver.exports[0], "spans arrive")
    assert (export.path, export.headers["x-key"]) == ("/own/v1/traces", "secret")
    assert b"staging" in export.body
    assert b"shop" in export.body
    assert b"1111" not in export.body.hex().encode()


def test_sampling_follows_the_standard_variables(serve: Serve, receiver: Receiver) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    with serve(**receiver.environment, **sampler) as server:
        list_users(server, 100)
        stop(server)
    count = len(receiver.named("GET /users"))
    assert 10 < count < 90
    assert len(receiver.named("SELECT users")) == count


def test_invalid_variable_is_logged_and_the_service_starts(
    serve: Serve, receiver: Receiver
) -> None:
    with serve(**receiver.environment, OTEL_BSP_MAX_QUEUE_SIZE="-1") as server:
        list_users(server)
    line = only(lines_with(server.log, "telemetry is off"))
    assert "max_queue_size must be a positive integer" in line


def test_metrics_and_logs_are_sent_when_their_variables_ask(
    serve: Serve, receiver: Receiver
) -> None:
    signals = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "600000",
    }
    with serve(**receiver.environment, **signals, ORDERS_LOG_LEVEL="DEBUG") as server:
        body = {"email": "planted@example.com", "name": "planted"}
        for _ in range(2):
            httpx.post(f"{server.address}/users?planted", json=body)
        httpx.get(f"{server.address}/planted/path")
        assert httpx.get(f"{server.address}/health/ready").is_success
        stop(server)
    span = receiver.named("POST /users")[0]
    record = next(item for item in receiver.log_records if item["span_id"] == span.span_id)
    assert record["trace_id"] == span.trace_id
    request = next(item for item in receiver.log_records if item.get("route") == "/users")
    assert (request["body"], request["severity"], request["status"]) == ("request", "INFO", 201)
    assert request["request_id"]
    points = receiver.metrics["http.server.request.duration"]
    assert {(point.get("http.route"), point["http.response.status_code"]) for point in points} == {
        ("/users", 201),
        ("/users", 409),
        (None, 404),
    }
    states = receiver.metrics["db.client.connection.count"]
    assert {point["db.client.connection.state"] for point in states} == {"idle", "used"}
    assert not receiver.leaks(["planted"])
