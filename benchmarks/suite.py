"""The time of the test suite by file, from the report that `make test` leaves in build/."""

import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.report import NotMeasuredError, Report, Table
from harness.template import ROOT

JUNIT = ROOT / "build/junit.xml"


def measure(folder: Path, *, quick: bool) -> Report:
    """Read the times of the last `make test`; raise NotMeasuredError where there was none."""
    if not JUNIT.exists():
        raise NotMeasuredError("`make test` leaves its times in build/junit.xml: run it first")
    return read(JUNIT.read_text("utf-8"))


def read(text: str) -> Report:
    """Return tests, seconds and the slowest test of each file, and all together, from JUnit's XML."""
    suite = ElementTree.fromstring(text).find("testsuite")
    if suite is None:
        raise NotMeasuredError("build/junit.xml has no suite: run `make test` again")
    times: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for case in suite.iter("testcase"):
        # A class would come after the module.
        module = re.sub(r"\.[A-Z]\w*$", "", case.attrib["classname"])
        times[module.replace(".", "/") + ".py"].append(
            (float(case.attrib["time"]), case.attrib["name"])
        )
    rows = []
    for path, tests in sorted(times.items(), key=lambda item: -total(item[1])):
        seconds, name = max(tests)
        # What it is run with may name folders and values that differ between machines.
        slowest = f"`{name.partition('[')[0]}`"
        rows.append(
            [f"`{path}`", str(len(tests)), f"{total(tests):.0f}", f"{seconds:.0f}", slowest]
        )
    every = [test for tests in times.values() for test in tests]
    rows.append(["all", str(len(every)), f"{total(every):.0f}", "", ""])
    clock = float(suite.attrib["time"])
    note = f"Together they took {total(every) / 60:.0f} minutes, and {clock / 60:.0f} on the clock."
    header = ["file", "tests", "s", "slowest, s", "slowest"]
    return Report({"files": Table(header, rows)}, {"clock": note})


def total(tests: list[tuple[float, str]]) -> float:
    return sum(seconds for seconds, _ in tests)
