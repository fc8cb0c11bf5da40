"""/metrics of a served project: requests, workers and their ports."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.measured_service import measured
from harness.output import lines_with
from harness.processes import only, wait_for
from harness.project import Project
from harness.prometheus import (
    check_metrics,
    free_ports,
    prometheus,
    samples,
    scrape,
    serves_metrics,
    serving_metrics,
)
from harness.raw_http import connect
from harness.releases import edit
from harness.servers import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.seconds(45)]

COUNT = "http_request_duration_seconds_count"
OPEN_WEBSOCKET = (
    b"GET /reports/1/socket HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def service(light_project: Project, tmp_path: Path) -> Project:
    return measured(light_project, tmp_path)


@pytest.fixture(scope="module")
def served(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningService, int]]:
    """Yield a running service and the port of its metrics; tests wait until theirs are counted."""
    folder = tmp_path_factory.mktemp("served")
    with serving_metrics(measured(light_project, folder), folder) as server_and_port:
        yield server_and_port


def requests_of(port: int) -> dict[str, float]:
    """Return the numbers of requests, by "method route status"."""
    numbers = {}
    for name, value in samples(port).items():
        match = re.fullmatch(COUNT + r'\{method="(.*)",route="(.*)",status="(.*)"\}', name)
        if match:
            numbers[" ".join(match.groups())] = value
    return numbers


def new_requests(port: int, before: dict[str, float]) -> dict[str, float]:
    """Return the numbers of requests since then."""
    numbers = {}
    for name, value in requests_of(port).items():
        if value != before.get(name, 0):
            numbers[name] = value - before.get(name, 0)
    return numbers


def test_prometheus_scrapes_both_workers(service: Project, tmp_path: Path) -> None:
    with serving_metrics(service, tmp_path, ORDERS_WORKERS="2") as (server, port):
        ports = [port, port + 1]
        wait_for(lambda: all(map(serves_metrics, ports)), "both workers serve metrics")
        for _ in range(20):
            httpx.get(f"{server.address}/reports/1")
        with prometheus(ports, tmp_path) as database:
            wait_for(lambda: database.value("sum(up)") == 2, "both workers are scraped")
            series = f'{COUNT}{{route="/reports/{{number}}",method="GET",status="2xx"}}'
            wait_for(lambda: database.value(f"sum({series})") == 20, "all have ended")
            assert database.value('min(service_info{service="orders",version="0.1.0"})') == 1
            assert database.value("min(process_resident_memory_bytes)") > 1e7
            assert database.value("min(database_at_head)") == 1
            own = database.value("sum(reports_total)")
    assert own == 20, "metrics of the default registry"


def test_metrics_are_named_as_promtool_recommends(served: tuple[RunningService, int]) -> None:
    server, port = served
    before = requests_of(port)
    httpx.get(f"{server.address}/reports/1")
    wait_for(lambda: new_requests(port, before), "it has ended")
    check_metrics(scrape(port))


def test_port_of_metrics_has_only_metrics(served: tuple[RunningService, int]) -> None:
    """A load balancer with the wrong port must not take it for the service."""
    _, port = served
    assert httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 404
    assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 405


def test_requests_count_as_their_clients_see_them(served: tuple[RunningService, int]) -> None:
    paths = ["/reports/1", "/reports/2", "/reports/99", "/reports/1/error", "/reports/1/task"]
    server, port = served
    before = requests_of(port)
    for path in [*paths, "/health/live", "/health/ready"]:
        httpx.get(f"{server.address}{path}")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.address}/reports/1/parts")
    httpx.head(f"{server.address}/reports/1")
    httpx.put(f"{server.address}/reports/1")
    wait_for(lambda: sum(new_requests(port, before).values()) == 8, "all have ended")
    assert new_requests(port, before) == {
        "GET /reports/{number} 2xx": 2,
        "GET /reports/{number} 4xx": 1,
        "GET /reports/{number}/error 5xx": 1,
        "GET /reports/{number}/task 2xx": 1,
        "GET /reports/{number}/parts 5xx": 1,
        "HEAD /reports/{number} 2xx": 1,
        "PUT /reports/{number} 4xx": 1,
    }


def test_clients_cannot_add_series(served: tuple[RunningService, int]) -> None:
    server, port = served
    before = requests_of(port)
    with httpx.Client() as client:
        for number in range(20):
            for method in ("GET", "PURGE", "PROPFIND", "MKCOL"):
                client.request(method, f"{server.address}/nothing/{number}?secret={number}")
        client.request("PURGE", f"{server.address}/reports/1")
    wait_for(lambda: sum(new_requests(port, before).values()) == 81, "all have ended")
    assert new_requests(port, before) == {
        "GET unmatched 4xx": 20,
        "other unmatched 4xx": 60,
        "other /reports/{number} 4xx": 1,
    }
    assert "secret" not in scrape(port)


def test_requests_and_websockets_in_progress(service: Project, tmp_path: Path) -> None:
    with serving_metrics(service, tmp_path, ORDERS_SHUTDOWN_TIMEOUT="1") as (server, port):
        wait_for(lambda: samples(port)["http_requests_in_progress"] == 0, "the first have ended")
        with connect(server, OPEN_WEBSOCKET) as connection:
            assert connection.recv(1024).startswith(b"HTTP/1.1 101 ")
            wait_for(lambda: samples(port)["websocket_connections"] == 1, "it is counted")
        wait_for(lambda: samples(port)["websocket_connections"] == 0, "the WebSocket has ended")
        with connect(server, b"GET /reports/60/connection HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            wait_for(lambda: samples(port)["http_requests_in_progress"] == 1, "it has begun")


def test_service_without_a_free_port_serves(service: Project, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with serving_metrics(service, tmp_path, ORDERS_METRICS_PORT=port) as (server, _):
            assert server.answers()
        line = only(lines_with(server.log, "metrics are not served"))
    record = json.loads(line)
    assert record["level"] == "error"
    assert record["event"] == (
        f"metrics are not served: cannot listen on 127.0.0.1:{port}: Address already in use;"
        " set ORDERS_METRICS_PORT"
    )


def test_port_of_the_service_is_not_used(service: Project, tmp_path: Path) -> None:
    command = ["sh", "-c", "ORDERS_METRICS_PORT=$PORT exec python -m app"]
    env = {"ORDERS_METRICS_HOST": "localhost"}
    with service.serve(*command, env=env, log=tmp_path / "log") as server:
        assert f"http://localhost:{server.port + 1}/metrics" in server.log
        assert serves_metrics(server.port + 1)


def test_worker_that_is_replaced_has_the_same_port(service: Project, tmp_path: Path) -> None:
    with serving_metrics(service, tmp_path, ORDERS_WORKERS="2") as (server, port):
        ports = [port, port + 1]
        wait_for(lambda: all(map(serves_metrics, ports)), "both workers serve metrics")
        pids = re.findall(r"Started server process \[(\d+)\]", server.log)
        os.kill(int(pids[0]), signal.SIGKILL)
        wait_for(lambda: server.log.count("Started server process") == 3, "it is replaced")
        wait_for(lambda: all(map(serves_metrics, ports)), "both workers serve metrics again")
        assert "metrics are not served" not in server.log


def test_reload_keeps_the_port(service: Project, tmp_path: Path) -> None:
    with serving_metrics(service, tmp_path, "make", "dev") as (server, port):
        assert serves_metrics(port)
        (service.folder / "app/users/__init__.py").write_text("# changed\n", "utf-8")
        wait_for(lambda: server.log.count("Started server process") == 2, "the code is reloaded")
        wait_for(lambda: serves_metrics(port), "metrics are served again")
        assert "metrics are not served" not in server.log


def test_shutdown_does_not_wait_for_a_scraper(service: Project, tmp_path: Path) -> None:
    """Even while a scraper is connected that sends nothing."""
    with serving_metrics(service, tmp_path) as (server, port):
        with socket.create_connection(("127.0.0.1", port)):
            assert serves_metrics(port), "another connection is answered meanwhile"
            server.process.terminate()
            assert server.wait(25) == 0
        assert "Traceback" not in server.log
        assert "CountingPool" not in server.log


def test_metric_that_cannot_be_collected_is_logged(service: Project, tmp_path: Path) -> None:
    edit(
        service.folder / "app/reports.py",
        'reports = Counter("reports", "Reports that were read.")',
        'reports = Counter("reports", "Reports that were read.")\n'
        'Gauge("broken", "Fails.").set_function(lambda: 1 / 0)\n',
    )
    edit(service.folder / "app/reports.py", "import Counter", "import Counter, Gauge")
    with serving_metrics(service, tmp_path) as (server, port):
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 500
        line = only(lines_with(server.log, "a metric cannot be collected"))
        assert "ZeroDivisionError" in json.loads(line)["exception"]


SWITCHED_OFF = """
import asyncio, sys
from app.main import create_app

async def serve():
    app = create_app()
    async with app.router.lifespan_context(app):
        app.build_middleware_stack()
        pool = type(app.state.database.read_engine.pool)
        print("prometheus_client" in sys.modules, pool.__name__)

asyncio.run(serve())
"""


@pytest.mark.parametrize(
    ("port", "output"), [("0", "False AsyncAdaptedQueuePool"), (None, "True CountingPool")]
)
def test_metrics_that_are_off_are_not_imported(
    light_project: Project, port: str | None, output: str
) -> None:
    port = port or str(free_ports(1))
    done = light_project.run("python", "-c", SWITCHED_OFF, env={"ORDERS_METRICS_PORT": port})
    assert done.stdout.strip() == output
