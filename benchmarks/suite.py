"""The time of the test suite by file, from the report that `make test` writes to build/."""

import itertools
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from benchmarks.report import NotMeasuredError, Report, Table
from harness.template import ROOT

JUNIT = ROOT / "build/junit.xml"
# A class, which comes after the module.
CLASS = re.compile(r"\.[A-Z]\w*$")


class Test(NamedTuple):
    """A test and its seconds."""

    seconds: float
    name: str


def measure(folder: Path, *, quick: bool) -> Report:
    """Read the times of the last `make test`; raise NotMeasuredError where there was none."""
    if not JUNIT.exists():
        raise NotMeasuredError("`make test` leaves its times in build/junit.xml: run it first")
    return read(JUNIT.read_text("utf-8"))


def read(text: str) -> Report:
    """Return tests, seconds and the slowest test of each file, and in total, from JUnit's XML."""
    suite = ElementTree.fromstring(text).find("testsuite")
    if suite is None:
        raise NotMeasuredError("build/junit.xml has no suite: run `make test` again")
    files = tests_by_file(suite)
    table = Table(["file", "tests", "s", "slowest, s", "slowest"], [])
    for path in sorted(files, key=lambda path: total(files[path]), reverse=True):
        tests = files[path]
        slowest = max(tests)
        # Parameters may contain folders and values that differ between machines.
        name = slowest.name.partition("[")[0]
        cells = [str(len(tests)), f"{total(tests):.0f}", f"{slowest.seconds:.0f}", f"`{name}`"]
        table.rows.append([f"`{path}`", *cells])
    tests = list(itertools.chain(*files.values()))
    table.rows.append(["all", str(len(tests)), f"{total(tests):.0f}", "", ""])
    minutes, clock = total(tests) / 60, float(suite.attrib["time"]) / 60
    note = f"Together they took {minutes:.0f} minutes, and {clock:.0f} on the clock."
    return Report({"files": table}, {"clock": note})


def tests_by_file(suite: ElementTree.Element) -> dict[str, list[Test]]:
    files: dict[str, list[Test]] = defaultdict(list)
    for case in suite.iter("testcase"):
        module = CLASS.sub("", case.attrib["classname"])
        path = module.replace(".", "/") + ".py"
        files[path].append(Test(float(case.attrib["time"]), case.attrib["name"]))
    return files


def total(tests: list[Test]) -> float:
    return sum(test.seconds for test in tests)
