"""Which process runs which tests: those that share a database or a fixture stay together."""

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from harness.output import lines_with
from harness.scheduling import DatabaseScheduling, sort_longest_first
from harness.template import ROOT

pytest_plugins = ["pytester"]


@pytest.fixture
def scheduling(pytestconfig: pytest.Config) -> DatabaseScheduling:
    return DatabaseScheduling.__new__(DatabaseScheduling)


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/a/test_a.py::test_x[sqlite]", "tests/a/test_a.py, sqlite"),
        ("tests/a/test_a.py::test_x[1-postgresql-b]", "tests/a/test_a.py, postgresql"),
        (
            "tests/a/test_a.py::test_x[page.md on sqlite]",
            "tests/a/test_a.py::test_x[page.md on sqlite]",
        ),
        ("tests/a/test_a.py::test_x", "tests/a/test_a.py::test_x"),
        ("tests/docs/test_site.py::test_x[a]", "tests/docs/test_site.py"),
        ("tests/telemetry/test_a.py::test_x[sqlite]", "tests/telemetry, sqlite"),
        ("tests/telemetry/test_b.py::test_y[sqlite-a]", "tests/telemetry, sqlite"),
        ("tests/telemetry/test_b.py::test_y", "tests/telemetry/test_b.py::test_y"),
        ("tests/auth/test_attacks_a.py::test_x[sqlite]", "tests/auth/test_attacks_, sqlite"),
        ("tests/auth/test_start.py::test_x[1]", "oidc"),
    ],
)
def test_group_of_a_test(scheduling: DatabaseScheduling, test: str, group: str) -> None:
    assert scheduling._split_scope(test) == group


def test_xdist_still_asks_for_groups(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The private method is what xdist calls; three processes share two groups."""
    assert "_split_scope" in vars(LoadScopeScheduling)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("from tests.conftest import pytest_xdist_make_scheduler")
    pytester.makepyfile(
        """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.parametrize("database", ["sqlite", "postgresql"])
        def test_process(database, number):
            print(f"{database} runs in {os.environ['PYTEST_XDIST_WORKER']}.")
        """
    )
    result = pytester.runpytest_subprocess("-n3", "-rP")
    result.assert_outcomes(passed=8)
    lines = lines_with("\n".join(result.outlines), " runs in ")
    assert len(lines) == 8
    assert len(set(lines)) == 2


def test_longest_come_first(pytester: pytest.Pytester) -> None:
    items: list[Any] = pytester.getitems(
        """
        import pytest

        def test_short(): ...

        @pytest.mark.seconds(10)
        def test_long(): ...

        @pytest.mark.seconds(90)
        def test_longest(): ...
        """
    )
    sort_longest_first(items)
    assert [item.name for item in items] == ["test_longest", "test_long", "test_short"]
