"""Modules of tests that run inside a project: one pytest runs all of them, each has its own result.

pytest and the application take two seconds to start, longer than most modules need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from harness.processes import explain, run_unchecked
from harness.project import Project

# The exit codes of a pytest that has run all tests.
FINISHED = {0, 1}
REPORT = "modules.xml"
# In a project, a test may take a minute: not enough for a busy machine.
PATIENT = ("-o", "faulthandler_timeout=300")


@dataclass(frozen=True)
class ModuleResults:
    """How many tests each module has run, and the output of pytest."""

    passed: Mapping[str, int]
    failed: Mapping[str, int]
    output: str

    def assert_passed(self, module: str) -> None:
        """Raise AssertionError with the output if a test of the module failed, or none passed."""
        assert not self.failed.get(module), self.output
        assert self.passed.get(module), f"no test of {module} has passed:\n{self.output}"


def run_modules(project: Project, folder: str, names: list[str]) -> ModuleResults:
    """Run the modules `test_<name>.py` of a folder in one process.

    Raises AssertionError if pytest does not finish, or fails for another reason than a test.
    """
    paths = [f"{folder}/test_{name}.py" for name in names]
    command = ("pytest", "--quiet", *PATIENT, f"--junitxml={REPORT}", *paths)
    env = {"PATH": project.path}
    done = run_unchecked(*command, cwd=project.folder, env=env, timeout=1200)
    output = explain(done, project.folder, env, "exit code 0")
    report = project.folder / REPORT
    # A test that hangs ends pytest without a report.
    assert done.returncode in FINISHED, output
    assert report.exists(), output
    results = results_of(report.read_text("utf-8"), folder, output)
    assert bool(results.failed) == bool(done.returncode), output
    return results


def selected(request: pytest.FixtureRequest, argument: str) -> list[str]:
    """Return the values that an argument has in the selected tests of a file."""
    values: set[str] = set()
    for item in request.session.items:
        if item.path == request.path and isinstance(item, pytest.Function):
            arguments = getattr(item, "callspec", None)
            if arguments is not None and argument in arguments.params:
                values.add(arguments.params[argument])
    return sorted(values)


def results_of(report: str, folder: str, output: str) -> ModuleResults:
    """Return the results of a report in the format of JUnit."""
    prefix = f"{folder.replace('/', '.')}.test_"
    passed: dict[str, int] = {}
    failed: dict[str, int] = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = case.get("classname", "").removeprefix(prefix).partition(".")[0]
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failed[name] = failed.get(name, 0) + 1
        elif "skipped" not in outcomes:
            passed[name] = passed.get(name, 0) + 1
    return ModuleResults(passed, failed, output)
