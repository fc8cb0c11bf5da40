"""Runs the tests of a checkout, whose fixtures create databases with the revisions in it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any

from scripts.compat import report_plugin
from scripts.compat.checkout import Checkout, temporary_folder
from scripts.compat.deadline import Deadline

PLUGIN = "kit_compat_report"
# Checks of kit.testing.checks that compare revisions with models or with each other. The old code
# lacks the new columns on purpose, and the branch's own tests check its revisions.
LEFT_OUT = (
    "test_constraints_are_named_as_in_the_models",
    "test_migrations_know_every_table",
    "test_models_equal_the_migrated_database",
    "test_revision_goes_up_down_and_up_with_rows",
    "test_there_is_one_head",
)
NO_TESTS = 5
# The characters of a reason that are shown.
REASON_LENGTH = 300


class SuiteError(Exception):
    """pytest itself fails; the message says why."""


@dataclass(frozen=True)
class Results:
    """The number of tests that passed, and the reasons of those that failed."""

    passed: int
    failed: dict[str, str] = field(default_factory=dict)


def run_tests(
    checkout: Checkout, server: str, deadline: Deadline, doing: str, names: Sequence[str] = ()
) -> Results:
    """Run all tests of a checkout, or those with these names, with databases on this server.

    Raises SuiteError if pytest refuses its arguments or its configuration.
    """
    with temporary_folder() as folder:
        copyfile(report_plugin.__file__, folder / f"{PLUGIN}.py")
        report = folder / "report"
        report.touch()
        variables = {
            **checkout.variables(folder),
            "TEST_DATABASE_URL": server,
            "COMPAT_REPORT": str(report),
            "COMPAT_LEFT_OUT": " ".join(LEFT_OUT),
        }
        # Long tracebacks of errors of SQLAlchemy take long, and are not shown.
        options = ["-q", "--tb=line", "--numprocesses=auto", "-p", PLUGIN, "-p", "no:cacheprovider"]
        command: list[str | Path] = [checkout.python, "-m", "pytest", *options, *names]
        done = deadline.run(command, checkout.folder, variables, doing)
        results = parse(report)
    if not results.failed and done.status not in (0, NO_TESTS):
        raise SuiteError(f"{doing}: pytest ends with status {done.status}: {done.last_line}")
    return results


def parse(report: Path) -> Results:
    """Return what the plugin has written; a test that never ended has failed."""
    passed = set()
    failed: dict[str, str] = {}
    running: dict[str, None] = {}
    finished = False
    for event in events_of(report):
        test = event.get("test", "")
        match event["event"]:
            case "started":
                running[test] = None
            case "passed":
                passed.add(test)
            case "failed":
                failed.setdefault(test, shorten(event["reason"]))
            case "ended":
                running.pop(test, None)
            case "finished":
                finished = True
    if not finished:
        for test in running:
            failed.setdefault(test, "it did not end: pytest was stopped while it ran")
    return Results(len(passed - failed.keys()), failed)


def events_of(report: Path) -> Iterator[dict[str, Any]]:
    for line in report.read_text("utf-8").splitlines():
        yield json.loads(line)


def shorten(reason: str) -> str:
    """Return the first line: SQLAlchemy's further ones have the statement."""
    first, _, _ = reason.strip().partition("\n")
    return first[:REASON_LENGTH]
