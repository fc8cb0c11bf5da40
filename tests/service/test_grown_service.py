"""Kit's checks in services that have become different from the template's."""

import pytest

from harness.grown_service import grow
from harness.project import Project
from harness.without_users import remove_users

pytestmark = pytest.mark.seconds(35)


def test_service_that_has_grown(copy: Project) -> None:
    """Own required settings, conventions, schemas, databases, mounts, a folder called test."""
    grow(copy)
    everything = copy.run("pytest", "--quiet", "-rs", "-n", "2", timeout=300).stdout
    assert "1 skipped" in everything
    assert "one way" in everything


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_some_tests_of_a_service_that_has_grown(copy: Project) -> None:
    grow(copy)
    alone = copy.run("pytest", "--quiet", "test/api/test_key.py", "-k", "key").stdout
    assert "1 passed" in alone
    plain = copy.run("pytest", "--quiet", "-p", "no:xdist", "test/api").stdout
    assert "1 passed" in plain


def test_service_without_tables(copy: Project) -> None:
    remove_users(copy.folder)
    for path in copy.revisions:
        path.unlink()
    done = copy.run("pytest", "--quiet", "-rs").stdout
    assert "failed" not in done
    assert "passed" in done
