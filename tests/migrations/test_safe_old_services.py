"""`make db-revision` in a service of 2.0.0, after its update: the service's own files are as then."""

from pathlib import Path

import pytest

from harness.chains import write_revisions
from harness.databases import Server
from harness.lint import clean
from harness.project import FIRST, Project, keep_environment
from harness.releases import commit, edit, tagged_clone
from harness.updates import conflicts, revisions, share_environment, start_service, update

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(20),
]

PHONE = "    phone: Mapped[str | None]\n"
NAME = "name: Mapped[str] = mapped_column(String(100)"
# What is removed needs a later rollout, and what is indexed a revision without a transaction.
CHANGES = ((PHONE, ""), (NAME, f"{NAME}, index=True"))


def test_service_gets_chains(project: Project, server: Server, url: str, tmp_path: Path) -> None:
    releases = tagged_clone(tmp_path / "template")
    folder = start_service(releases, tmp_path / "orders", "2.0.0", {"database": "postgresql"})
    service = share_environment(folder, project, url)
    model = folder / "app/models/user.py"
    edit(model, "    is_active: ", f"{PHONE}    is_active: ")
    service.alembic(url, "upgrade", "head")
    write_revisions(service, url, "add phone")
    service.alembic(url, "upgrade", "head")
    commit(folder, "Add phone")
    before = revisions(folder)
    update(folder, releases.next)
    assert not conflicts(folder)
    assert revisions(folder) == before
    keep_environment(service)
    for old, new in CHANGES:
        edit(model, old, new)
    index, removal = write_revisions(service, url, "drop phone")
    assert "postgresql_concurrently=True" in index.read_text("utf-8")
    assert "require_unused(" in removal.read_text("utf-8")
    assert clean(service, f"base={FIRST}").endswith(", nothing dangerous")
    done = service.alembic(url, "-x", "until=rollout", "upgrade", "head")
    assert "waiting for the rollout" in done.stdout + done.stderr
    assert server.query(url, "SELECT phone FROM users") == []
    service.alembic(url, "-x", "allow=users.phone", "upgrade", "head")
    service.alembic(url, "check")
