"""The page about ASVS has every requirement of levels 1 and 2, with tests that exist."""

import ast
import re

from harness.template import ROOT

PAGE = ROOT / "docs/reference/asvs.md"
ROW = re.compile(r"(?m)^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# How many requirements of levels 1 and 2 each section of version 5.0.0 has: they come first.
COUNTS = {
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
    "8.1": 2,
    "8.2": 3,
    "8.3": 1,
    "8.4": 1,
}
# What a requirement without a test says.
REASONS = ("not applicable because ", "your task: ")


def text() -> str:
    return PAGE.read_text("utf-8")


def test_every_requirement_is_on_the_page() -> None:
    expected = []
    for section, count in COUNTS.items():
        for number in range(1, count + 1):
            expected.append(f"{section}.{number}")
    assert [row[0] for row in ROW.findall(text())] == expected


def test_every_test_exists() -> None:
    named = TEST.findall(text())
    assert named
    for path, function in named:
        names = set()
        for node in ast.parse((ROOT / path).read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
        assert function in names, f"{path} has no {function}"


def test_a_requirement_without_a_test_says_why() -> None:
    for number, _, _, answer, test in ROW.findall(text()):
        if not TEST.fullmatch(test):
            assert test == "-", number
            assert answer.startswith(REASONS), number
