"""The benchmark of authentication: its tables, and its smallest size."""

from pathlib import Path

import pytest

from benchmarks import auth
from benchmarks.auth_servers import VARIANTS
from benchmarks.auth_tables import limits_table, noise_note, verification_table
from benchmarks.measured_server import Load, RequestCost, Server
from benchmarks.report import write

pytestmark = pytest.mark.seconds(30)

LOAD = Load("by_id", 10)


def server(name: str, *costs: float) -> Server:
    """Return a server with these microseconds of CPU a request."""
    measured = Server(name, VARIANTS[name].title, [], Path(), {})
    measured.costs[LOAD] = [RequestCost(cost, 0, 0, 0) for cost in costs]
    return measured


@pytest.mark.parametrize(("added", "result"), [(59, "met"), (61, "**not met**")])
def test_limit_of_tokens(added: float, result: str) -> None:
    servers = [
        server("none", 500, 400, 600),
        server("none_again", 490, 420, 600),
        server("oidc", 500 + added, 400, 700),
    ]
    row = [VARIANTS["oidc"].title, "GET by id", f"{added} µs more", "at most 60", result]
    assert limits_table(servers, [LOAD]).rows == [row]
    assert noise_note(servers, [LOAD]).endswith("differ by -10 to 20 µs in a round.")


def test_verification() -> None:
    times = {"RS256": {"new": 99.6, "known": 2.34}, "ES256": {"new": 200, "known": 2}}
    rows = [["RS256", "100", "2.3"], ["ES256", "200", "2.0"]]
    assert verification_table(times).rows == rows


@pytest.mark.slow
def test_authentication(tmp_path: Path) -> None:
    report = auth.measure(tmp_path, quick=True)
    write("auth", report, tmp_path / "pages")
    text = (tmp_path / "pages/auth.md").read_text("utf-8")
    assert "Not measured." not in text
    titles = [VARIANTS[name].title for name in VARIANTS if name not in auth.NOT_QUICK]
    for name in ("cpu", "ratio", "spread", "added", "start"):
        assert [row[0] for row in report.tables[name].rows] == titles
    for row in report.tables["cpu"].rows:
        assert float(row[1].replace(",", "")) > 0
    for _, new, known in report.tables["verification"].rows:
        assert float(new) > float(known) > 0
