"""The figures of the front pages are those that `make bench` has written to docs/benchmarks."""

import re

import pytest

from harness.processes import only
from harness.template import ROOT

FRONT_PAGES = ["README.md", "docs/README.md"]


def table(part: str, name: str) -> dict[str, dict[str, str]]:
    """Return a generated table of a benchmark: cells by the first cell of a row, and by header."""
    page = (ROOT / f"docs/benchmarks/{part}.md").read_text("utf-8")
    generated = re.search(rf"<!-- generated: {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert generated, f"{part}.md has no table {name}"
    lines = [line for line in generated[1].splitlines() if line.startswith("|")]
    header, _, *rows = (cells(line) for line in lines)
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def front_page(name: str) -> str:
    return " ".join((ROOT / name).read_text("utf-8").split())


@pytest.mark.parametrize("name", FRONT_PAGES)
def test_updates(name: str) -> None:
    services = table("updates", "update")
    total = services.pop("all")
    assert total["bytes changed in them"] == total["files with conflicts"] == "0"
    figures = f"{len(services)} services with {total['own files']} files of their own"
    assert f"{figures}: 0 bytes changed, 0 conflicts" in front_page(name)


@pytest.mark.parametrize("name", FRONT_PAGES)
def test_rollout(name: str) -> None:
    total = only(table("rollout", "totals").values())
    assert total["failed requests"] == "0"
    assert f"{total['requests']} requests, 0 failed" in front_page(name)


@pytest.mark.parametrize("name", FRONT_PAGES)
def test_requests(name: str) -> None:
    recipe = table("service", "ratio")["the usual recipe, asynchronous"]
    figures = f"GET {recipe['GET by id']}, POST {recipe['POST']} times less CPU"
    assert figures in front_page(name)
