"""From 1.x to 2.0: edits are kept where they belong now, or named; none is lost."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from copier.errors import TaskError

from harness.databases import Server
from harness.file_edits import (
    all_of,
    append,
    change,
    create,
    link,
    remove,
    rename,
    with_carriage_returns,
)
from harness.lost_edits import edits_between, lost_lines
from harness.processes import run
from harness.project import Project, keep_environment
from harness.releases import Releases, commit, edit, git
from harness.services_of_1x import LIVES, Life
from harness.template import ROOT
from harness.updates import revisions, share_environment, start_service, status, update
from tools.pages import reading

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

BEFORE = "1.7.0"
ROUTES = '''"""Orders."""

from fastapi import APIRouter
from sqlalchemy import text

from app.db import ReadDatabase, is_duplicate
from app.errors import ProblemError
from app.pagination import (
    encode_cursor,
)

router = APIRouter(prefix="/orders")


async def count_orders(database: ReadDatabase) -> int:
    async with database.reading() as session, database.engine.connect():
        return await session.scalar(text("SELECT count(*) FROM orders"))
'''
MODEL = '''"""Orders."""

from app.models.base import Base, Timestamped


class Order(Timestamped, Base):
    __tablename__ = "orders"
'''
# What a team adds to the template's files: the file, a line, the lines in its place, and what the
# file has after the move.
ADDITIONS = [
    (
        "app/settings.py",
        "    log_level: ",
        '    # Ours.\n    stripe_key: str = Field(default="")\n    log_level: ',
        '    # Ours.\n    stripe_key: str = Field(default="")\n',
    ),
    (
        "app/settings.py",
        "class Settings",
        "class Settings",
        "from pydantic import Field\n",
    ),
    (
        "app/main.py",
        "    app.include_router(users_router)\n",
        "    app.include_router(users_router)\n    app.include_router(orders_router)\n",
        "    app.include_router(orders_router)\n    return app\n",
    ),
    (
        "app/main.py",
        "from app.users.routes",
        "from app.orders.routes import router as orders_router\nfrom app.users.routes",
        "from app.orders.routes import router as orders_router\n",
    ),
    (
        "app/models/__init__.py",
        "from app.models.user import User\n",
        "from app.models.order import Order\nfrom app.models.user import User\n",
        "from app.models.order import Order as Order\n",
    ),
    ("app/models/__init__.py", '"Base", ', '"Base", "Order", ', "import User as User\n"),
    (
        "app/models/user.py",
        "    is_active: ",
        "    phone_number: Mapped[str | None]\n    is_active: ",
        "    phone_number: Mapped[str | None]\n",
    ),
    (
        "Makefile",
        "db-shell: ",
        "greet: ## Say hello\n\t@echo hello\n\ndb-shell: ",
        "greet: ## Say hello\n\t@echo hello\n",
    ),
    (
        "pyproject.toml",
        '    "structlog>=',
        '    "stripe>=12",\n    "structlog>=',
        'dependencies = [\n    "kit",\n    "stripe>=12",\n]\n',
    ),
    (
        "README.md",
        "## Every day",
        "## Whom to ask\n\nAda.\n\n## Every day",
        "## Whom to ask\n\nAda.\n",
    ),
    (
        "tests/conftest.py",
        "@pytest.fixture\nasync def client",
        '@pytest.fixture\ndef greeting() -> str:\n    return "hi"\n\n\n@pytest.fixture\nasync def client',
        '\n\n@pytest.fixture\ndef greeting() -> str:\n    return "hi"\n',
    ),
    ("tests/conftest.py", "import pytest\n", "import pytest\n", "import pytest\n"),
]
# What a team changes where nothing but a person can say where it belongs.
CHANGES = [
    ("app/db.py", "self.engine, expire_on_commit=False", "self.engine, expire_on_commit=True"),
    ("app/errors.py", "def add_error_handlers", 'PAYMENT = "payment"\n\n\ndef add_error_handlers'),
    ("migrations/env.py", '"""How ', '"""Ours: how '),
]


@pytest.fixture(scope="module")
def moved(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service that has lived for a year, moved to the release to come."""
    folder = tmp_path_factory.mktemp("moved") / "orders"
    start_service(releases, folder, BEFORE, {"database": "postgresql"})
    for name, line, lines, _ in ADDITIONS:
        edit(folder / name, line, lines)
    for name, old, new in CHANGES:
        edit(folder / name, old, new)
    (folder / "app/orders").mkdir()
    (folder / "app/orders/routes.py").write_text(ROUTES, "utf-8")
    (folder / "app/models/order.py").write_text(MODEL, "utf-8")
    for name in (".editorconfig", "tests/test_users.py"):
        (folder / name).unlink()
    commit(folder, "A year")
    before = revisions(folder)
    update(folder, releases.next, unsafe=True)
    assert revisions(folder) == before
    return folder


def patches(folder: Path) -> set[str]:
    """Return the names of the files of which something is left over."""
    found = (folder / "left-over").rglob("*.rej")
    return {path.relative_to(folder / "left-over").as_posix()[:-4] for path in found}


@pytest.mark.parametrize(("name", "expected"), [(item[0], item[3]) for item in ADDITIONS])
def test_addition_is_kept(moved: Path, name: str, expected: str) -> None:
    assert expected in (moved / name).read_text("utf-8")
    assert name not in patches(moved)


@pytest.mark.parametrize(("name", "old", "new"), CHANGES)
def test_change_without_a_place_is_a_patch(moved: Path, name: str, old: str, new: str) -> None:
    patch = (moved / f"left-over/{name}.rej").read_text("utf-8")
    assert new.partition("\n")[0] in patch
    assert f"- left-over/{name}.rej: " in (moved / "left-over/README.md").read_text("utf-8")
    if (moved / name).exists():
        assert new not in (moved / name).read_text("utf-8")


def test_nothing_else_is_left_over(moved: Path) -> None:
    assert patches(moved) == {name for name, _, _ in CHANGES}


def test_own_code_imports_from_kit(moved: Path) -> None:
    routes = (moved / "app/orders/routes.py").read_text("utf-8")
    for line in (
        "from app.db import ServiceDatabase\n",
        "from kit.db import is_duplicate\n",
        "from kit.errors import ProblemError\n",
        "from kit.pagination import encode_cursor\n",
        "    async with database.read_sessions() as session, database.write_engine.connect():\n",
    ):
        assert line in routes
    model = (moved / "app/models/order.py").read_text("utf-8")
    assert "from kit.models import Timestamped, UUIDKey\n" in model
    assert "class Order(UUIDKey, Timestamped, Base):\n" in model


def test_deleted_file_stays_deleted(moved: Path) -> None:
    assert not (moved / ".editorconfig").exists()
    assert not (moved / "tests/test_users.py").exists()


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_no_edit_is_lost(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str], life: Life
) -> None:
    """Each line is in the file, or in a patch that the hook names with a place."""
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": life.database})
    life.live(folder)
    before = revisions(folder)
    update(folder, releases.next, unsafe=True)
    printed = capfd.readouterr().out
    assert_nothing_is_lost(folder, printed, life.package)
    assert revisions(folder) == before
    assert patches(folder) == set(life.left_over)


def assert_nothing_is_lost(folder: Path, printed: str, package: str = "app") -> None:
    for edited in edits_between(folder):
        assert not lost_lines(folder, edited, package), edited
    for name in patches(folder):
        assert f"left-over/{name}.rej: " in printed, printed


@pytest.mark.parametrize("release", ["1.0.0", "1.8.1"])
def test_no_edit_of_another_release_is_lost(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str], release: str
) -> None:
    folder = start_service(releases, tmp_path / "orders", release, {"database": "sqlite"})
    life = next(life for life in LIVES if life.name == "errors-and-handlers")
    life.live(folder, strict=False)
    update(folder, releases.next, unsafe=True)
    assert_nothing_is_lost(folder, capfd.readouterr().out)


OURS = 'OURS = {"fk": "fk_%(table_name)s_%(column_0_N_name)s"}\n\n\n'
# What is left over of two services, put in its place by hand.
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
    """With its rows and without a revision, once what is left over has its place."""
    name = "users-moved" if project.database == "sqlite" else "convention-and-schema"
    life = next(life for life in LIVES if life.name == name)
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": project.database})
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
    # Otherwise make would install what the service adds into the environment, which others share.
    keep_environment(service)
    failed = service.make("check", code=2).stderr
    assert "left-over/" in failed
    shutil.rmtree(folder / "left-over")
    service.make("format")
    service.make("check", timeout=600)
    assert revisions(folder) == before
    assert server.query(url, "SELECT amount FROM items") == [(3,)]


def test_deleted_code_stays_out(releases: Releases, tmp_path: Path) -> None:
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    life = next(life for life in LIVES if life.name == "users-deleted")
    life.live(folder)
    update(folder, releases.next, unsafe=True)
    assert "users" not in (folder / "app/main.py").read_text("utf-8")
    assert "User" not in (folder / "app/models/__init__.py").read_text("utf-8")
    assert not (folder / "tests/test_user_rows.py").exists()


def test_reformatted_service_has_no_edits(releases: Releases, tmp_path: Path) -> None:
    """Other quotes, longer lines and other ends of lines are none."""
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    fresh = start_service(releases, tmp_path / "fresh", releases.next, {"database": "sqlite"})
    for path in folder.glob("app/**/*.py"):
        text = path.read_text("utf-8").replace(",\n    ) ->", "\n    ) ->")
        if text:
            path.write_text(re_quote(text), "utf-8")
    commit(folder, "Reformat")
    update(folder, releases.next, unsafe=True)
    assert not (folder / "left-over").exists()
    for path in fresh.glob("app/**/*.py"):
        assert (folder / path.relative_to(fresh)).read_text("utf-8") == path.read_text("utf-8")


def re_quote(text: str) -> str:
    """Return code with other quotes around its simplest strings."""
    return (
        "\n".join(
            line
            if "'" in line or '"""' in line or "#" in line or 'f"' in line
            else line.replace('"', "'")
            for line in text.splitlines()
        )
        + "\n"
    )


def test_carriage_returns_are_no_edits(releases: Releases, tmp_path: Path) -> None:
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    with_carriage_returns(folder)
    create("app/own.py", "from app.errors import ProblemError\n")(folder)
    (folder / "app/own.py").write_bytes(b"from app.errors import ProblemError\r\n")
    commit(folder, "Windows")
    update(folder, releases.next, unsafe=True)
    assert (folder / "app/own.py").read_bytes() == b"from kit.errors import ProblemError\r\n"
    assert b"class Settings" in (folder / "app/settings.py").read_bytes()
    assert {name for name in patches(folder) if name.startswith("app/")} == set()


OWN_FILES = {
    "app/application.py": b"MINE = 1\n",
    "scripts/project.py": b"MINE = 1\n",
    "tests/service/test_checks.py": b"def test_mine() -> None: ...\n",
    "app/data.bin": b"MINE\xff\x00\r\n",
    "app/latin.py": b"# MINE caf\xe9\n",
    "app/broken.py": b"MINE = (\n",
}


def test_own_files_stay(releases: Releases, tmp_path: Path) -> None:
    """Also those that have the name of a new file of the template: it conflicts, or is a patch."""
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    for name, content in OWN_FILES.items():
        (folder / name).write_bytes(content)
    commit(folder, "Own files")
    update(folder, releases.next, unsafe=True)
    for name, content in OWN_FILES.items():
        now = (folder / name).read_bytes()
        assert now == content or (name == "scripts/project.py" and content in now), name
    assert "tests/service/test_checks.py" in patches(folder)


def test_names_that_are_gone_are_named(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    create("app/seed.py", "from app.db import get_database\nimport app.health.routes\n")(folder)
    revision = next((folder / "migrations/versions").glob("*.py"))
    append(str(revision.relative_to(folder)), "\nfrom app.tables import UTCDateTime\n")(folder)
    commit(folder, "Own files")
    before = revisions(folder)
    update(folder, releases.next, unsafe=True)
    printed = capfd.readouterr().out
    for line in (
        "app/seed.py: app.db.get_database is gone",
        "app/seed.py: app.health.routes is gone",
        f"{revision.relative_to(folder)}: app.tables is gone",
    ):
        assert line in printed
        assert line in (folder / "left-over/README.md").read_text("utf-8")
    assert revisions(folder) == before


def test_service_in_a_folder_of_a_repository(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beside others, with another repository in it; nothing else is touched."""
    repository = tmp_path / "mono"
    folder = repository / "services/orders"
    folder.parent.mkdir(parents=True)
    started = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    shutil.move(started, folder)
    shutil.rmtree(folder / ".git")
    (repository / "other.py").write_text("from app.errors import ProblemError\n", "utf-8")
    git("init", "--quiet", cwd=repository)
    commit(repository, "Start")
    life = next(life for life in LIVES if life.name == "middleware-and-options")
    for change_of_life in life.edits[:3]:
        change_of_life(folder)
    commit(repository, "A year")
    update(folder, releases.next, unsafe=True)
    assert "left-over/app/middleware.py.rej: " in capfd.readouterr().out
    assert "TenantMiddleware" in (folder / "app/main.py").read_text("utf-8")
    changed = git("status", "--porcelain", cwd=repository).splitlines()
    assert all("services/orders/" in line for line in changed)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "folder": (
        create("kit/own.py", "MINE = 1\n"),
        "kit/own.py is here, and kit/ is the template's",
    ),
    "module": (create("kit.py", "MINE = 1\n"), "kit.py is here, and kit/ is the template's"),
    "source": (create("src/kit/own.py", "MINE = 1\n"), "src/kit/own.py is here, and kit/"),
    "name": (
        change(".copier-answers.yml", ("service_name: orders", "service_name: kit")),
        "the service is called kit",
    ),
    "link": (
        all_of(rename("README.md", "docs/README.md"), link("README.md", "docs/README.md")),
        "the template has files where this project has links: README.md",
    ),
    "linked folder": (
        all_of(rename("scripts", "tools"), link("scripts", "tools")),
        "the template has files where this project has links: scripts",
    ),
    "file for a folder": (
        all_of(remove("scripts"), create("scripts", "mine\n")),
        "a file where this project has a folder, or the reverse: scripts",
    ),
    "left-over": (create("left-over/plan.md", "Ours.\n"), "left-over is here"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_moved_is_refused(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str], reason: str
) -> None:
    """Before anything is changed, with what to do."""
    step, message = REFUSED[reason]
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    step(folder)
    commit(folder, "Own")
    with pytest.raises(TaskError):
        update(folder, releases.next, unsafe=True)
    error = capfd.readouterr().err
    assert "The hook of release 2.0.0 has put the project back as it was: " in error
    assert message in error
    assert "Traceback" not in error
    assert error.rstrip().endswith("commit, and update again")
    assert not status(folder)


def test_failure_in_the_middle_puts_everything_back(releases: Releases, tmp_path: Path) -> None:
    """Here the release that the service is at cannot be rendered any more."""
    folder = start_service(releases, tmp_path / "orders", BEFORE, {"database": "sqlite"})
    edit(folder / ".copier-answers.yml", f"_commit: {BEFORE}", "_commit: 1.99.0")
    commit(folder, "Own")
    edit(folder / "scripts/openapi.py", '"""', '"""Changed by the update: ')
    create("kit/new.py", "")(folder)
    hook = [sys.executable, releases.source / "hooks/run.py", "2.0.0", ".copier-answers.yml"]
    error = run(*hook, "after", cwd=folder, code=1).stderr
    assert error.startswith("The hook of release 2.0.0 has put the project back as it was: git ")
    assert "1.99.0" in error
    assert not status(folder)


@pytest.mark.seconds(50)
def test_page_of_the_move_is_true(releases: Releases, tmp_path: Path) -> None:
    given = {"TEMPLATE": str(releases.source), "DATABASE": "postgresql"}
    with reading(tmp_path / "you", given) as reader:
        reader.follow(ROOT / "docs/how-to/move-to-2.0.md")
