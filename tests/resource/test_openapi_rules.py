"""The rules of `make openapi-check`: which changes of a schema break clients, and which do not."""

import json
from collections.abc import Callable

import pytest

from harness.openapi_documents import CAT, Schema, answer, request, things
from harness.operation_changes import OPERATIONS
from harness.project import Project
from harness.schema_changes import SCHEMAS

pytestmark = pytest.mark.slow

# Prints the findings of each pair of documents that it reads.
PROGRAM = """
import json, sys
from scripts.openapi_changes.findings import group
from scripts.openapi_changes.operations import compare_apis

print(json.dumps([list(map(str, group(compare_apis(*pair)))) for pair in json.load(sys.stdin)]))
"""


def rule_cases() -> tuple[list[str], list[tuple[Schema, Schema]], list[list[str]]]:
    names, pairs, expected = [], [], []
    for name, (old, new, of_request, of_answer) in SCHEMAS.items():
        names += [f"{name}, in a request", f"{name}, in an answer"]
        pairs += [(request(old), request(new)), (answer(old), answer(new))]
        expected += [[f"POST /things body{text}" for text in of_request]]
        expected += [[f"POST /things 200{text}" for text in of_answer]]
    return names, pairs, expected


NAMES, PAIRS, EXPECTED = rule_cases()


@pytest.fixture(scope="module")
def compare(light_project: Project) -> Callable[..., list[list[str]]]:
    """Return a function that compares pairs of documents in a project."""

    def run(*pairs: tuple[Schema, Schema]) -> list[list[str]]:
        done = light_project.run("python", "-c", PROGRAM, stdin=json.dumps(pairs))
        findings: list[list[str]] = json.loads(done.stdout)
        return findings

    return run


@pytest.fixture(scope="module")
def findings(compare: Callable[..., list[list[str]]]) -> dict[str, list[str]]:
    """Return the findings of all pairs, by their names."""
    operations = [(old, new) for old, new, _ in OPERATIONS.values()]
    names = [*NAMES, *OPERATIONS]
    return dict(zip(names, compare(*PAIRS, *operations), strict=True))


def assert_begin(lines: list[str], beginnings: list[str]) -> None:
    assert len(lines) == len(beginnings), lines
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize(("name", "expected"), [*zip(NAMES, EXPECTED, strict=True)], ids=NAMES)
def test_change_of_a_schema(findings: dict[str, list[str]], name: str, expected: list[str]) -> None:
    assert_begin(findings[name], expected)


@pytest.mark.parametrize("name", OPERATIONS)
def test_change_of_an_operation(findings: dict[str, list[str]], name: str) -> None:
    assert_begin(findings[name], OPERATIONS[name][2])


def test_operations_with_the_same_schema_are_in_one_line(
    compare: Callable[..., list[list[str]]],
) -> None:
    old, new = answer(CAT), answer(CAT, Cat=things())
    for schema in (old, new):
        for path in ("/b", "/c", "/d"):
            schema["paths"][path] = schema["paths"]["/things"]
    lines = compare((old, new))[0]
    assert len(lines) == 2
    assert all(line.endswith("(POST /things, POST /b and 2 more)") for line in lines)
