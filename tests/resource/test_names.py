"""Runs the tests of in_project/ in a project of each database."""

from pathlib import Path
from shutil import copy2

import pytest

from harness.databases import Server
from harness.kit_modules import PATIENT
from harness.project import Project
from harness.template_resource import reserved

TESTS = Path(__file__).parent / "in_project/test_resource.py"


def test_names_and_fields_in_a_project(copy: Project) -> None:
    copy2(TESTS, copy.folder / "tests")
    done = copy.run("pytest", "-q", *PATIENT, "tests/test_resource.py", timeout=300)
    assert " passed" in done.stdout


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_words_that_postgresql_reserves_are_refused(server: Server, url: str) -> None:
    """R: reserved. T: reserved, except for functions and types."""
    rows = server.query(url, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    words = {word for (word,) in rows}
    assert "select" in words
    assert words - reserved.SQL == set()
