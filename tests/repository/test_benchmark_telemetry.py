"""The benchmark of telemetry: what its receiver counts, its tables, and its smallest size."""

import gzip
import sys
from pathlib import Path

import httpx
import pytest

from benchmarks import telemetry
from benchmarks.measured_server import Load, RequestCost, Server
from benchmarks.report import write
from benchmarks.sink import count_spans
from benchmarks.telemetry_servers import SERVICE, USUAL
from benchmarks.telemetry_tables import (
    added_cell,
    cpu_cell,
    imported_for_parts,
    limits_table,
    ratio_cell,
    received_table,
    spread_cell,
    table,
)
from harness.servers import free_port, serving
from harness.template import ROOT

pytestmark = pytest.mark.seconds(90)

LOAD = Load("by_id", 10)


def field(number: int, content: bytes) -> bytes:
    """Return a field of Protocol Buffers with fewer than 2 ** 14 bytes."""
    size = len(content)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content


def span(parent: bytes) -> bytes:
    times = bytes([7 << 3 | 1]) + bytes(8)
    kind = bytes([6 << 3, 2])
    name = field(5, b"GET /users/{user_id}" * 20)
    return field(2, field(1, b"trace") + field(2, b"span") + parent + name + kind + times)


def traces(*spans: bytes) -> bytes:
    """Return an ExportTraceServiceRequest with a resource and a scope."""
    resource, scope = field(1, b"service"), field(1, b"library")
    return field(1, resource + field(2, scope + b"".join(spans)))


# Two spans, the first with an empty parent.
TRACE = traces(span(field(4, b"")), span(field(4, b"parent")))


def server(name: str, *costs: float) -> Server:
    """Return a server that was measured in rounds with these microseconds a request."""
    measured = [RequestCost(cost, 1, 1, 1) for cost in costs]
    title = {**SERVICE, **USUAL}[name].title
    return Server(name, title, [], Path(), {}, costs={LOAD: measured})


def test_spans_are_counted() -> None:
    assert count_spans(TRACE) == {"spans": 2, "traces": 1}
    assert count_spans(TRACE + traces(span(b""))) == {"spans": 3, "traces": 2}
    assert not count_spans(b"")


def test_receiver_counts_by_sender(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.sink", str(port)]
    with (
        serving(*command, cwd=ROOT, env={}, log_file=tmp_path / "log", port=port) as sink,
        httpx.Client(base_url=sink.address) as client,
    ):
        client.post("/first/v1/traces", content=TRACE)
        headers = {"Content-Encoding": "gzip"}
        client.post("/first/v1/traces", content=gzip.compress(TRACE), headers=headers)
        client.post("/second/api/1/envelope/", content=b"{}").raise_for_status()
        counts = client.get("/").json()
    assert counts == {
        "first": {"bytes": 2 * len(TRACE), "spans": 4, "traces": 2},
        "second": {"bytes": 2},
    }


def test_figures_are_compared_within_a_round() -> None:
    """The second round was twice as slow for all."""
    group = [server("off", 100, 200, 100), server("prometheus", 110, 210, 104)]
    rows = {}
    for cell in (cpu_cell, ratio_cell, spread_cell, added_cell):
        rows[cell] = table([group], [LOAD], cell).rows[1][1]
    assert rows == {
        cpu_cell: "110",
        ratio_cell: "1.05",
        spread_cell: "1.04 to 1.10",
        added_cell: "10",
    }


def test_limits() -> None:
    group = [
        server("off", 100, 100, 100),
        server("off_again", 97, 101, 102),
        server("switched_off", 90, 104, 104),
        server("prometheus", 105, 105, 105),
        server("opentelemetry_10", 110, 116, 117),
    ]
    rows = limits_table(group, [LOAD], {"sentry_sdk"}).rows
    assert [row[2:] for row in rows] == [
        ["1.050", "at most 1.05", "met"],
        ["1.160", "at most 1.15", "**not met**"],
        ["1.040", "0.970 to 1.031, noise", "**not met**"],
        ["sentry_sdk", "none", "**not met**"],
    ]
    assert limits_table(group, [], set()).rows[0][2:] == ["none", "none", "met"]


def test_imports_for_parts() -> None:
    """Settings are imported always, and the interface of OpenTelemetry by FastAPI."""
    names = [
        "fastapi",
        "opentelemetry.trace",
        "kit._internal.telemetry.sentry",
        "kit._internal.telemetry.sentry.settings",
    ]
    more = ["opentelemetry.sdk.trace", "kit._internal.telemetry.sentry.part", "prometheus_client"]
    assert imported_for_parts(import_log(names), import_log(["opentelemetry.trace"])) == set()
    assert imported_for_parts(import_log(names + more), import_log(names)) == {*more}


def import_log(modules: list[str]) -> str:
    return "".join(f"import time:      1500 |       1500 |   {name}\n" for name in modules)


def test_arrived_telemetry() -> None:
    servers = [server("off"), server("opentelemetry_10"), server("sentry")]
    for sender in servers:
        sender.requests = 2000
    counts = {
        "opentelemetry_10": {"traces": 200, "spans": 800, "bytes": 400_000},
        "sentry": {"bytes": 1000},
    }
    assert received_table(servers, counts).rows == [
        ["OpenTelemetry, 10 % of traces", "2,000", "10.0", "4.0", "200"],
        ["Sentry", "2,000", "–", "–", "0"],
    ]


@pytest.mark.slow
def test_telemetry(tmp_path: Path) -> None:
    report = telemetry.measure(tmp_path, quick=True)
    write("telemetry", report, tmp_path / "pages")
    text = (tmp_path / "pages/telemetry.md").read_text("utf-8")
    assert "Not measured." not in text
    variants = {**SERVICE, **USUAL}
    titles = [variants[name].title for name in variants if name not in telemetry.NOT_QUICK]
    for name in ("cpu", "ratio", "spread", "added", "start"):
        assert [row[0] for row in report.tables[name].rows] == titles
    for row in report.tables["cpu"].rows:
        assert float(row[1].replace(",", "")) > 0
    *_, imports = report.tables["limits"].rows
    assert imports[2:] == ["none", "none", "met"]
    received = {row[0]: row for row in report.tables["received"].rows}
    for name in telemetry.WITH_TRACES - telemetry.NOT_QUICK:
        title = variants[name].title
        share, spans = map(float, received[title][2:4])
        assert share > 0
        assert spans >= 2
