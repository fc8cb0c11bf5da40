"""What telemetry costs: CPU of a request with each part, beside the same service without it.

The usual recipe with the usual instrumentors is measured in the same way, beside the recipe without
them. The servers take turns, and each round compares servers that ran in the same seconds.
"""

from pathlib import Path

from benchmarks.measured_server import Load, Server
from benchmarks.report import Report, versions
from benchmarks.service import import_log, running, take_turns
from benchmarks.service_tables import start_table
from benchmarks.telemetry_servers import (
    INSTRUMENTORS,
    USUAL,
    TelemetryLineup,
    counted_requests,
    set_up_telemetry,
)
from benchmarks.telemetry_tables import (
    added_cell,
    cpu_cell,
    imported_for_parts,
    limits_table,
    named,
    ratio_cell,
    received_table,
    spread_cell,
    table,
)

LOADS = [Load("by_id", 10), Load("list", 10), Load("post", 10)]
# Two starts, as a process may be faster than another of the same code as long as it runs.
STARTS, ROUNDS = 2, 4
PACKAGES = ["fastapi", "sqlalchemy", "asyncpg", "uvicorn"]
OF_PARTS = ["opentelemetry-sdk", "prometheus-client", "sentry-sdk"]
WITH_METRICS = {"prometheus", "usual_prometheus"}
# Not measured in the quick form, as each differs from another variant in the share of traces only.
NOT_QUICK = {"opentelemetry_100", "usual_instrumentors_10", "usual_fastapi_10"}
WITH_TRACES = {"opentelemetry_10", "opentelemetry_100", *list(USUAL)[2:]}


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL; quick: fewer variants, one load, one cold round."""
    loads, starts, rounds, left_out = LOADS, STARTS, ROUNDS, set[str]()
    if quick:
        loads, starts, rounds, left_out = LOADS[:1], 1, 1, NOT_QUICK
    report = Report()
    with set_up_telemetry(folder) as lineup:
        groups = lineup.groups(left_out)
        servers = [server for group in groups for server in group]
        for _ in range(starts):
            with running(servers):
                take_turns(servers, loads, rounds, warm_up=not quick)
                check_metrics(servers)
        report.tables["received"] = received_table(servers, check_traces(lineup, servers))
        service, _ = groups
        logs = [import_log(named(service, name)) for name in ("switched_off", "off")]
        imported = imported_for_parts(*logs)
        report.versions = measured_versions(lineup)
    report.tables["limits"] = limits_table(service, loads, imported)
    cells = {"ratio": ratio_cell, "spread": spread_cell, "cpu": cpu_cell, "added": added_cell}
    for name, cell in cells.items():
        report.tables[name] = table(groups, loads, cell)
    report.tables["start"] = start_table(servers)
    return report


def check_metrics(servers: list[Server]) -> None:
    """Raise AssertionError if a running server with metrics has not counted its requests."""
    for server in servers:
        if server.name in WITH_METRICS:
            assert counted_requests(server), f"{server.name} counts no requests"


def check_traces(lineup: TelemetryLineup, servers: list[Server]) -> dict[str, dict[str, int]]:
    """Return what has arrived; raise AssertionError if that is no trace of a server with traces."""
    received = lineup.received()
    for name in WITH_TRACES & {server.name for server in servers}:
        assert received.get(name, {}).get("traces"), f"{name} has sent no traces"
    return received


def measured_versions(lineup: TelemetryLineup) -> dict[str, str]:
    packages = versions(lineup.with_all.folder / ".venv/bin/python", *PACKAGES, *OF_PARTS)
    return packages | versions(lineup.python, *INSTRUMENTORS)
