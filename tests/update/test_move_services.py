"""From 1.x to 2.0, services after a year of work: none of their edits is lost."""

import shutil
from pathlib import Path

import pytest

from harness.databases import Server
from harness.fast_rendering import fast_uv
from harness.lost_edits import assert_nothing_is_lost
from harness.project import Project, keep_environment
from harness.releases import Releases, commit, edit, git, tagged_clone
from harness.services_of_1x import OLD_RELEASE, life_named
from harness.template import CLONE, ROOT
from harness.updates import revisions, share_environment, start_service, update
from tools.pages import reading

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30), pytest.mark.usefixtures("forked")]


@pytest.mark.parametrize("release", ["1.0.0", "1.8.1"])
def test_no_edit_of_another_release_is_lost(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str], release: str
) -> None:
    folder = start_service(releases, tmp_path / "orders", release, {"database": "sqlite"})
    life = life_named("errors-and-handlers")
    life.live(folder, strict=False)
    update(folder, releases.next, unsafe=True)
    assert_nothing_is_lost(folder, capfd.readouterr().out)


def test_service_in_a_folder_of_a_repository(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing outside its folder is changed."""
    repository = tmp_path / "mono"
    folder = repository / "services/orders"
    folder.parent.mkdir(parents=True)
    started = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    shutil.move(started, folder)
    shutil.rmtree(folder / ".git")
    (repository / "other.py").write_text("from app.errors import ProblemError\n", "utf-8")
    git("init", "--quiet", cwd=repository)
    commit(repository, "Start")
    life = life_named("middleware-and-options")
    for edit_folder in life.edits[:3]:
        edit_folder(folder)
    commit(repository, "A year")
    update(folder, releases.next, unsafe=True)
    assert "left-over/app/middleware.py.rej: " in capfd.readouterr().out
    assert "TenantMiddleware" in (folder / "app/main.py").read_text("utf-8")
    for line in git("status", "--porcelain", cwd=repository).splitlines():
        assert "services/orders/" in line


MOVED_SERVICES = {"sqlite": "users-moved", "postgresql": "convention-and-schema"}
OURS = 'OURS = {"fk": "fk_%(table_name)s_%(column_0_N_name)s"}\n\n\n'
# Edits by hand after the update, with what is left over of two services.
BY_HAND = {
    "users-moved": [
        (
            "app/settings.py",
            '    service_name: str = "orders"\n',
            '    service_name: str = "orders"\n    port: int = 9000\n',
        ),
    ],
    "convention-and-schema": [
        (
            "app/models/base.py",
            "MetaData(naming_convention=NAMING_CONVENTION)",
            "MetaData(naming_convention=NAMING_CONVENTION | OURS)",
        ),
        ("app/models/base.py", "class Base(", f"{OURS}class Base("),
        (
            "migrations/env.py",
            "run(target_metadata, Settings)",
            "run(target_metadata, Settings, include_object=lambda *_: True)",
        ),
    ],
}
FILL = (
    "INSERT INTO users (id, email, name) VALUES ('01890000-0000-7000-8000-000000000001', 'ada@example.com', 'Ada')",
    "INSERT INTO orders (id, number) VALUES ('01890000-0000-7000-8000-000000000002', '1')",
    "INSERT INTO items (id, order_id, amount) SELECT id, id, 3 FROM orders",
)
SCHEMA = 'op.execute("CREATE SCHEMA IF NOT EXISTS audit")\n    '


def test_moved_service_works(
    releases: Releases, project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """After the edits by hand, with its rows, and without a new revision."""
    life = life_named(MOVED_SERVICES[project.database])
    folder = start_service(
        releases, tmp_path / "orders", OLD_RELEASE, {"database": project.database}
    )
    service = share_environment(folder, project, url)
    life.live(folder)
    service.alembic(url, "upgrade", "head")
    service.alembic(url, "revision", "--autogenerate", "-m", "add orders")
    if life.schema:
        path = service.new_revision
        text = path.read_text("utf-8").replace("op.create_table", f"{SCHEMA}op.create_table", 1)
        path.write_text(text, "utf-8")
    service.alembic(url, "upgrade", "head")
    for statement in FILL:
        server.query(url, statement)
    commit(folder, "Orders")
    before = revisions(folder)
    update(folder, releases.next, unsafe=True)
    for name, old, new in BY_HAND[life.name]:
        edit(folder / name, old, new)
    # Otherwise make would install the service's own dependencies into the shared environment.
    keep_environment(service)
    assert "left-over/" in service.make("check", code=2).stderr
    shutil.rmtree(folder / "left-over")
    service.make("format")
    service.make("check", timeout=600)
    assert revisions(folder) == before
    assert server.query(url, "SELECT amount FROM items") == [(3,)]


@pytest.mark.seconds(50)
def test_page_of_the_move_is_true(tmp_path: Path) -> None:
    with reading(tmp_path / "you", {}) as reader:
        reader.put_on_path(fast_uv(tmp_path / "uv"))
        reader.enter(tagged_clone(reader.folder / CLONE).source)
        reader.follow(ROOT / "docs/how-to/move-to-2.0.md")
