"""Every part of the benchmarks runs, in its smallest size. No speed is asserted."""

import itertools
import re
import sys
from pathlib import Path

import pytest

from benchmarks import start
from harness.processes import run
from harness.template import ROOT
from tools.reference import rows_of

pytestmark = pytest.mark.seconds(120)

NUMBER = re.compile(r"[\d.,]+")


def figures(text: str, name: str) -> dict[str, list[float]]:
    """Return the figures in the rows of a table, by the first cell of each row."""
    by_row = {}
    for first, *cells in rows_of(text, name):
        numbers = filter(NUMBER.fullmatch, cells)
        by_row[first] = [float(number.replace(",", "")) for number in numbers]
    return by_row


def assert_positive(rows: list[list[str]]) -> None:
    """Check the cells after the first two of each row, which say what was measured."""
    for row in rows:
        for cell in row[2:]:
            assert float(cell) > 0, row


def test_parts_by_name() -> None:
    done = run(sys.executable, "-m", "benchmarks", "speed", cwd=ROOT, code=2)
    assert "no such part: speed" in done.stderr


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-m", "benchmarks", "service", "migrations", "generator"]
    run(*command, "--quick", "--docs", folder, cwd=ROOT, timeout=900)
    return folder


@pytest.mark.slow
def test_service(pages: Path) -> None:
    text = (pages / "service.md").read_text("utf-8")
    floor, service, usual = "Starlette, asyncpg, orjson by hand", "this service", "the usual recipe"
    for name in ("cpu", "throughput", "p50", "p99", "ratio", "start"):
        by_service = figures(text, name)
        released = f"{service}, as last released"
        assert list(by_service) == [floor, service, released, f"{usual}, asynchronous"]
        for row in by_service.values():
            assert len(row) >= 2
            assert min(row) > 0
    cpu = figures(text, "cpu")
    for low, high in zip(cpu[floor], cpu[service], strict=True):
        assert low < high
    assert set(figures(text, "profile")) >= {"SQLAlchemy", "FastAPI, Starlette", "asyncpg"}
    assert {"sqlalchemy", "fastapi", "all"} <= set(figures(text, "imports"))


@pytest.mark.slow
def test_migrations(pages: Path) -> None:
    text = (pages / "migrations.md").read_text("utf-8")
    for name, sizes in (("revisions-sqlite", ["1", "20"]), ("tables-sqlite", ["5"])):
        rows = rows_of(text, name)
        commands = ("upgrade head", "current", "check", "revision --autogenerate")
        assert [tuple(row[:2]) for row in rows] == list(itertools.product(commands, sizes))
        assert_positive(rows)
    assert len(rows_of(text, "growth")) == 4
    web = {"fastapi", "starlette", "uvicorn"}
    assert not web & set(figures(text, "imports")), "the web stack is imported to migrate"


@pytest.mark.slow
def test_generator(pages: Path) -> None:
    text = (pages / "generator.md").read_text("utf-8")
    cost = figures(text, "cost")
    assert [name.split()[0] for name in cost] == ["copier"] * 3 + ["cookiecutter,"] * 2
    files = []
    for count, *times in cost.values():
        assert min(times[:2]) > 0
        files.append(count)
    assert files[0] == files[3] > 20
    assert files[2] == files[4] == 1
    assert figures(text, "git")["git config"][0] > 0
    assert figures(text, "profile")["copier"][0] > 0


@pytest.mark.slow
def test_start(tmp_path: Path) -> None:
    tables = start.measure(tmp_path, quick=True).tables
    rows = tables["time"].rows
    assert [row[1] for row in rows] == [*start.STEPS, "total"]
    assert_positive(rows)
    assert len(tables["limits"].rows) == 2
