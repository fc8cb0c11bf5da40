"""Kit's checks in services that have become different from the template's."""

import shutil

import pytest

from harness.grown_service import grow
from harness.project import Project
from harness.releases import edit

pytestmark = pytest.mark.seconds(35)


def test_service_that_has_grown(copy: Project) -> None:
    """Own required settings, conventions, schemas, databases, mounts, a folder called test."""
    grow(copy)
    everything = copy.run("pytest", "--quiet", "-rs", "-n", "2", timeout=300).stdout
    assert "1 skipped" in everything
    assert "one way" in everything
    alone = copy.run("pytest", "--quiet", "test/api/test_key.py", "-k", "key").stdout
    assert "1 passed" in alone
    plain = copy.run("pytest", "--quiet", "-p", "no:xdist", "test/api").stdout
    assert "1 passed" in plain


def test_service_without_tables(copy: Project) -> None:
    folder = copy.folder
    shutil.rmtree(folder / "app/users")
    for path in (folder / "app/models/user.py", *copy.revisions, *folder.glob("tests/test_user*")):
        path.unlink()
    edit(folder / "app/models/__init__.py", "from app.models.user import User as User\n", "")
    edit(folder / "app/main.py", "from app.users.routes import router as users_router\n", "")
    edit(folder / "app/main.py", "    app.include_router(users_router)\n", "")
    done = copy.run("pytest", "--quiet", "-rs").stdout
    assert "failed" not in done
    assert "passed" in done
