"""A service of 2.0 with edits switches authentication on and off; its own files stay as they are."""

from pathlib import Path

import pytest

from harness.owners import project_files
from harness.project import Project, keep_environment
from harness.releases import commit, git, tagged_clone
from harness.switched_service import (
    GUARDS,
    add_guards,
    assert_names_open_routes,
    lived_service,
)
from harness.updates import conflicts, share_environment, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(120)]

URL = "sqlite:///orders.db"
PROVIDER = {"ORDERS_AUTH_ISSUER": "https://issuer.invalid", "ORDERS_AUTH_AUDIENCE": "orders"}


def test_service_switches_authentication_on_and_off(oidc_project: Project, tmp_path: Path) -> None:
    releases = tagged_clone(tmp_path / "releases")
    folder = lived_service(
        start_service(releases, tmp_path / "orders", "2.0.0", {"database": "sqlite"})
    )
    service = share_environment(folder, oidc_project, URL)
    service.alembic(URL, "upgrade", "head")
    own_files = project_files(folder)

    update(folder, releases.next, data={"auth": "none"})
    commit(folder, "Update")
    git("tag", "updated", cwd=folder)
    update(folder, releases.next, data={"auth": "oidc"})

    assert not conflicts(folder)
    assert project_files(folder) == own_files
    assert "# Ours.\n" in (folder / "Dockerfile").read_text("utf-8")
    commit(folder, "Authenticate clients")
    keep_environment(service)
    check = ("pytest", "--quiet", "tests/test_checks.py", "-k", "says_who")
    assert_names_open_routes(service.run(*check, code=1, timeout=60).stdout)
    stopped = service.run("python", "-m", "app", env=PROVIDER, code=3, timeout=60)
    assert_names_open_routes(stopped.stderr)

    add_guards(folder)
    keep_environment(service)
    service.make("test", timeout=600)

    own_files = project_files(folder)
    update(folder, releases.next, data={"auth": "none"})
    assert not conflicts(folder)
    assert project_files(folder) == own_files
    commit(folder, "Authenticate nobody")
    changed = git("diff", "--name-only", "updated", cwd=folder).split()
    assert set(changed) == GUARDS.keys()
    keep_environment(service)
    service.make("check", timeout=600)
