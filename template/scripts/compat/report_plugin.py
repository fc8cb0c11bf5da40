"""A pytest plugin that reports the tests of another commit, whose code needs no change.

It writes a line of JSON per event to the file in COMPAT_REPORT: pytest may end without a summary,
as when a test hangs. It leaves out the checks in COMPAT_LEFT_OUT.
"""

import json
import os
from pathlib import Path

import pytest

# The module of kit's checks, which tests of services import.
CHECKS = "kit.testing.checks"


def write(**event: object) -> None:
    with Path(os.environ["COMPAT_REPORT"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def is_worker() -> bool:
    """Return whether this process is one of pytest-xdist, whose events its controller reports."""
    return "PYTEST_XDIST_WORKER" in os.environ


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect kit's checks of revisions and models: these differ on purpose."""
    names = set(os.environ["COMPAT_LEFT_OUT"].split())
    kept: list[pytest.Item] = []
    removed: list[pytest.Item] = []
    for item in items:
        is_left_out = False
        if isinstance(item, pytest.Function):
            function = item.function
            is_left_out = function.__module__ == CHECKS and function.__name__ in names
        (removed if is_left_out else kept).append(item)
    items[:] = kept
    if removed:
        config.hook.pytest_deselected(items=removed)


def pytest_runtest_logstart(nodeid: str) -> None:
    if not is_worker():
        write(event="started", test=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if is_worker():
        return
    if report.failed:
        write(event="failed", test=report.nodeid, reason=reason_of(report))
    if report.when == "teardown":
        write(event="ended", test=report.nodeid)
    if report.when == "call" and report.passed:
        write(event="passed", test=report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed and not is_worker():
        write(event="failed", test=report.nodeid, reason=reason_of(report))


def pytest_sessionfinish(exitstatus: int) -> None:
    if not is_worker():
        write(event="finished", status=int(exitstatus))


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the first lines of the error that failed a test or its fixtures."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    return report.longreprtext
