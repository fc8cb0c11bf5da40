"""`make resource` and the targets beside it in a service of an older release, after its update."""

from pathlib import Path

import pytest

from harness.processes import lines_of
from harness.project import Project, keep_environment
from harness.releases import Releases, commit, edit, publish, tagged_clone
from harness.updates import (
    conflicts,
    contents,
    revisions,
    share_environment,
    start_service,
    update,
)

RELEASES_OF_SERVICES = ["2.0.0"]
ANSWERS = {"database": "sqlite"}
PRODUCT = ("name=product", "fields=title:string(120) sku:string(20)^ stock:int=0")
SEEDS = '''\
"""Rows for development."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User
from kit.seeds import ensure


async def seed(session: AsyncSession) -> None:
    await ensure(session, User, by="email", rows=[{"email": "ada@example.com", "name": "Ada"}])
'''
# What a team has changed in its own files.
EDITS = {
    "app/main.py": ("def create_app(", "# Ours.\ndef create_app("),
    "app/models/user.py": (
        "    is_active: ",
        "    phone_number: Mapped[str | None]\n    is_active: ",
    ),
    "README.md": ("## Add a column\n", "## Whom to ask\n\nAda.\n\n## Add a column\n"),
}
# The zones of the project, and files of the project beside them.
OWN_FOLDERS = ("app/", "migrations/", "tests/")
OWN_FILES = {"AGENTS.md", "Makefile", "README.md", "alembic.ini", "pyproject.toml"}
LATER = "90.0.0"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return the releases, with one after the working tree that changes kit."""
    made = tagged_clone(tmp_path_factory.mktemp("old-services") / "template")
    with (made.source / "template/kit/filters.py").open("a", encoding="utf-8") as file:
        file.write("\n# Later.\n")
    publish(made.source, LATER)
    return made


def own_files(project: Project) -> dict[str, bytes]:
    """Return what updates must not change, revisions included."""
    own = revisions(project.folder)
    for name, content in contents(project.folder).items():
        is_own = name.startswith(OWN_FOLDERS) or name in OWN_FILES
        if is_own and "__pycache__" not in name:
            own[name] = content
    return own


def update_to(project: Project, release: str) -> None:
    update(project.folder, release)
    assert not conflicts(project.folder)
    commit(project.folder, f"Update to {release}")
    keep_environment(project)


@pytest.fixture(scope="module", params=RELEASES_OF_SERVICES)
def updated(
    request: pytest.FixtureRequest,
    light_project: Project,
    releases: Releases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """Return a service of an older release, with edits of a team, after its update."""
    folder = tmp_path_factory.mktemp("updated") / "orders"
    start_service(releases, folder, request.param, ANSWERS)
    url = f"sqlite:///{folder}/orders.db"
    project = share_environment(folder, light_project, url)
    for name, (old, new) in EDITS.items():
        edit(folder / name, old, new)
    project.alembic(url, "upgrade", "head")
    project.alembic(url, "revision", "--autogenerate", "-m", "add phone number")
    commit(folder, "Work")
    before = own_files(project)
    update_to(project, releases.next)
    assert own_files(project) == before
    return project


@pytest.fixture
def service(updated: Project, tmp_path: Path) -> Project:
    """Return a copy of the service, whose database is migrated."""
    url = f"sqlite:///{tmp_path}/orders/orders.db"
    copy = updated.copy(tmp_path / "orders", url)
    copy.alembic(url, "upgrade", "head")
    return copy


def test_resource_is_generated_and_stays(service: Project) -> None:
    before = own_files(service)
    assert not (service.folder / "tests/factories.py").exists()
    output = service.make("resource", *PRODUCT, "migrate=1", timeout=300).stdout
    assert "add to" not in output
    assert "created tests/factories.py" in lines_of(output)
    commit(service.folder, "Add products")
    generated = own_files(service)
    update_to(service, LATER)
    assert own_files(service) == generated
    done = service.make("resource", *PRODUCT)
    assert done.stdout.startswith("nothing to do: ")
    service.make("resource-destroy", "name=product")
    expected = before.keys() | revisions(service.folder).keys()
    assert own_files(service).keys() == expected
    for name, content in before.items():
        assert own_files(service)[name] == content, name


def test_targets_beside_it_work(service: Project) -> None:
    done = service.make("db-seed", code=2)
    assert "app/seeds.py is missing" in done.stderr
    (service.folder / "app/seeds.py").write_text(SEEDS, "utf-8")
    assert lines_of(service.make("db-seed").stdout) == ["inserted: 1 users"]
    assert service.script("seed").stdout.startswith("nothing to do: ")
    service.make("openapi-check")
