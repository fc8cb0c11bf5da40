"""The servers that the benchmark of telemetry compares, each with or without a part of it.

The first of each group has no telemetry: the service without the option, and the usual recipe.
"""

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg

from benchmarks import wrk
from benchmarks.compared_servers import SEEDS, Lineup
from benchmarks.measured_server import Server
from benchmarks.postgresql import listening
from harness.processes import run
from harness.project import Project, set_up, uv_folder
from harness.servers import RunningService, free_port, serving
from harness.template import ROOT, choices, copy_of_working_tree, render

ALL_PARTS = max(choices("telemetry"), key=len)
# What the usual recipe is instrumented with.
INSTRUMENTORS = [
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-sqlalchemy",
    "opentelemetry-exporter-otlp-proto-http",
    "prometheus-fastapi-instrumentator",
]
# What a service is rendered with: no part of telemetry, or all of them.
WITHOUT, WITH = "without", "with"
# What switches FastAPI's own telemetry on.
BY_FASTAPI = {"FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
# Both the service and the instrumentator of the usual recipe have this metric.
REQUESTS = re.compile(r"(?m)^http_request_duration_seconds_count\{.*\} ([\d.e+]+)$")


class Variant(NamedTuple):
    """A server: its title, its code, and variables, with the fields {sink}, {port} and {name}."""

    title: str
    # WITHOUT or WITH parts, or a module of benchmarks/implementations.
    code: str
    variables: Mapping[str, str] = {}


def tracing(share: str) -> dict[str, str]:
    """Return the variables that send this share of traces to the sink, and nothing else."""
    return {
        "ORDERS_METRICS_PORT": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://{sink}/{name}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": share,
    }


SERVICE = {
    "off": Variant("this service, `telemetry=[]`", WITHOUT),
    "off_again": Variant("the same, in a second process", WITHOUT),
    "switched_off": Variant("all parts, switched off", WITH, {"ORDERS_METRICS_PORT": "0"}),
    "prometheus": Variant("Prometheus", WITH, {"ORDERS_METRICS_PORT": "{port}"}),
    "opentelemetry_10": Variant("OpenTelemetry, 10 % of traces", WITH, tracing("0.1")),
    "opentelemetry_100": Variant("OpenTelemetry, all traces", WITH, tracing("1")),
    "sentry": Variant(
        "Sentry",
        WITH,
        {"ORDERS_METRICS_PORT": "0", "SENTRY_DSN": "http://key@{sink}/{name}/1"},
    ),
}
USUAL = {
    "usual": Variant("the usual recipe", "usual_async"),
    "usual_prometheus": Variant("prometheus-fastapi-instrumentator", "usual_prometheus"),
    "usual_instrumentors_10": Variant(
        "instrumentors of OpenTelemetry, 10 % of traces", "usual_opentelemetry", tracing("0.1")
    ),
    "usual_instrumentors_100": Variant(
        "instrumentors of OpenTelemetry, all traces", "usual_opentelemetry", tracing("1")
    ),
    "usual_fastapi_10": Variant(
        "FastAPI's own traces, 10 %", "usual_fastapi_telemetry", tracing("0.1") | BY_FASTAPI
    ),
    "usual_fastapi_100": Variant(
        "FastAPI's own traces, all", "usual_fastapi_telemetry", tracing("1") | BY_FASTAPI
    ),
}


@dataclass
class TelemetryLineup:
    """Makes the servers of SERVICE and USUAL, and says what has arrived of their telemetry."""

    # Projects without parts and with all of them.
    without: Lineup
    with_all: Project
    # The Python of an environment with the instrumentors.
    python: Path
    # The process that receives telemetry.
    sink: RunningService

    def groups(self, left_out: set[str]) -> list[list[Server]]:
        """Return the servers of the service, and those of the usual recipe, without some."""
        groups = []
        for variants in (SERVICE, USUAL):
            names = [name for name in variants if name not in left_out]
            groups.append([self.server(name, variants[name]) for name in names])
        return groups

    def server(self, name: str, variant: Variant) -> Server:
        server = self.started_as(variant.code)
        names = {"sink": f"127.0.0.1:{self.sink.port}", "port": free_port(), "name": name}
        env = {**server.env}
        for variable, text in variant.variables.items():
            env[variable] = text.format(**names)
        return server.variant(name=name, title=variant.title, env=env, must_not_fail=True)

    def started_as(self, code: str) -> Server:
        """Return the server of a variant's code, without its variables."""
        if code == WITHOUT:
            return self.without.service("service", self.without.project.folder)
        if code == WITH:
            lineup = replace(self.without, project=self.with_all)
            return lineup.service("service", self.with_all.folder)
        server = self.without.implementation(code)
        return server.variant(command=[self.python, *server.command[1:]])

    def received(self) -> dict[str, dict[str, int]]:
        """Return what the sink has counted so far, by the names of servers."""
        counts: dict[str, dict[str, int]] = httpx.get(self.sink.address).json()
        return counts


def counted_requests(server: Server) -> int:
    """Return how many requests the metrics of a running server count."""
    port = server.env.get("ORDERS_METRICS_PORT")
    url = f"http://127.0.0.1:{port}" if port else server.url
    counts = REQUESTS.findall(httpx.get(f"{url}/metrics").text)
    return round(sum(map(float, counts)))


@contextlib.contextmanager
def set_up_telemetry(folder: Path) -> Iterator[TelemetryLineup]:
    """Render the service twice; yield the lineup with its PostgreSQL, and with a running sink."""
    source = copy_of_working_tree(folder / "template")
    answers = {"database": "postgresql"}
    # A short path, as PostgreSQL has a socket in it.
    without = render(source, folder / "orders", answers)
    with_all = render(source, folder / "all/orders", {**answers, "telemetry": ALL_PARTS})
    port = free_port()
    sink = ["taskset", "--cpu-list", str(wrk.CORE), sys.executable, "-m", "benchmarks.sink"]
    with (
        set_up(without, "postgresql") as project,
        listening(project, wrk.CORE) as url,
        serving(
            *sink, str(port), cwd=ROOT, env={}, log_file=folder / "sink.log", port=port
        ) as receiver,
    ):
        with psycopg.connect(url) as connection:
            connection.execute(SEEDS["postgresql"].encode())
        complete = Project(with_all, "postgresql")
        complete.make(".venv/.synced")
        python = install_instrumentors(project, folder / "instrumentors")
        yield TelemetryLineup(Lineup(project, url, folder), complete, python, receiver)


def install_instrumentors(project: Project, folder: Path) -> Path:
    """Install what the project has, in the same versions, and INSTRUMENTORS; return the Python."""
    uv, own = uv_folder() / "uv", project.folder / ".venv/bin/python"
    installed = run(uv, "pip", "freeze", "--python", own, cwd=project.folder).stdout
    requirements = folder.with_suffix(".txt")
    requirements.write_text("\n".join([installed, *INSTRUMENTORS]), "utf-8")
    run(uv, "venv", "--quiet", "--python", own, folder, cwd=project.folder)
    python = folder / "bin/python"
    install = [uv, "pip", "install", "--quiet", "--python", python, "--requirements", requirements]
    run(*install, cwd=project.folder)
    return python
