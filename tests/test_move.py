"""From 1.x to 2.0: edits are kept where they belong now, or named; none is lost."""

from pathlib import Path

import pytest

from tests.releases import Releases, commit, edit, tagged_clone
from tests.test_updates import revisions, start, update

pytestmark = pytest.mark.slow

BEFORE = "1.7.0"
ROUTES = '''"""Orders."""

from fastapi import APIRouter

from app.db import ReadDatabase, is_duplicate
from app.errors import ProblemError
from app.pagination import (
    encode_cursor,
)

router = APIRouter(prefix="/orders")
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
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


@pytest.fixture(scope="module")
def moved(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service that has lived for a year, moved to the release to come."""
    folder = tmp_path_factory.mktemp("moved") / "orders"
    start(releases, folder, BEFORE, {"database": "postgresql"})
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


@pytest.mark.parametrize(("name", "expected"), [(item[0], item[3]) for item in ADDITIONS])
def test_addition_is_kept(moved: Path, name: str, expected: str) -> None:
    assert expected in (moved / name).read_text("utf-8")
    assert not (moved / f"left-over/{name}.patch").exists()


@pytest.mark.parametrize(("name", "old", "new"), CHANGES)
def test_change_without_a_place_is_a_patch(moved: Path, name: str, old: str, new: str) -> None:
    patch = (moved / f"left-over/{name}.patch").read_text("utf-8")
    assert new.partition("\n")[0] in patch
    if (moved / name).exists():
        assert new not in (moved / name).read_text("utf-8")


def test_nothing_else_is_left_over(moved: Path) -> None:
    patches = (moved / "left-over").rglob("*.patch")
    names = {path.relative_to(moved / "left-over").as_posix() for path in patches}
    assert names == {f"{name}.patch" for name, _, _ in CHANGES}


def test_own_code_imports_from_kit(moved: Path) -> None:
    routes = (moved / "app/orders/routes.py").read_text("utf-8")
    for line in (
        "from app.db import ReadDatabase\n",
        "from kit.db import is_duplicate\n",
        "from kit.errors import ProblemError\n",
        "from kit.pagination import encode_cursor\n",
    ):
        assert line in routes
    model = (moved / "app/models/order.py").read_text("utf-8")
    assert "from kit.models import Timestamped\n" in model


def test_deleted_file_stays_deleted(moved: Path) -> None:
    assert not (moved / ".editorconfig").exists()
    assert not (moved / "tests/test_users.py").exists()
