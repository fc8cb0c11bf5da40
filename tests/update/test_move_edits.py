"""From 1.x to 2.0, edits by hand: they are in the new file, or in a patch that says where they belong."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.lost_edits import patched_files
from harness.releases import Releases, commit, edit
from harness.services_of_1x import OLD_RELEASE
from harness.updates import revisions, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

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


@dataclass(frozen=True)
class Addition:
    """Lines with which a team replaced others, and a part of the file after the move."""

    name: str
    line: str
    lines: str
    expected: str


ADDITIONS = [
    Addition(
        "app/settings.py",
        "    log_level: ",
        '    # Ours.\n    stripe_key: str = Field(default="")\n    log_level: ',
        '    # Ours.\n    stripe_key: str = Field(default="")\n',
    ),
    Addition(
        "app/settings.py",
        "class Settings",
        "class Settings",
        "from pydantic import Field\n",
    ),
    Addition(
        "app/main.py",
        "    app.include_router(users_router)\n",
        "    app.include_router(users_router)\n    app.include_router(orders_router)\n",
        "    app.include_router(orders_router)\n    return app\n",
    ),
    Addition(
        "app/main.py",
        "from app.users.routes",
        "from app.orders.routes import router as orders_router\nfrom app.users.routes",
        "from app.orders.routes import router as orders_router\n",
    ),
    Addition(
        "app/models/__init__.py",
        "from app.models.user import User\n",
        "from app.models.order import Order\nfrom app.models.user import User\n",
        "from app.models.order import Order as Order\n",
    ),
    Addition("app/models/__init__.py", '"Base", ', '"Base", "Order", ', "import User as User\n"),
    Addition(
        "app/models/user.py",
        "    is_active: ",
        "    phone_number: Mapped[str | None]\n    is_active: ",
        "    phone_number: Mapped[str | None]\n",
    ),
    Addition(
        "Makefile",
        "db-shell: ",
        "greet: ## Say hello\n\t@echo hello\n\ndb-shell: ",
        "greet: ## Say hello\n\t@echo hello\n",
    ),
    Addition(
        "pyproject.toml",
        '    "structlog>=',
        '    "stripe>=12",\n    "structlog>=',
        'dependencies = [\n    "kit",\n    "stripe>=12",\n]\n',
    ),
    Addition(
        "README.md",
        "## Every day",
        "## Whom to ask\n\nAda.\n\n## Every day",
        "## Whom to ask\n\nAda.\n",
    ),
    Addition(
        "tests/conftest.py",
        "@pytest.fixture\nasync def client",
        '@pytest.fixture\ndef greeting() -> str:\n    return "hi"\n\n\n@pytest.fixture\nasync def client',
        '\n\n@pytest.fixture\ndef greeting() -> str:\n    return "hi"\n',
    ),
    Addition("tests/conftest.py", "import pytest\n", "import pytest\n", "import pytest\n"),
]
# Lines that a team has changed where the new file has no corresponding lines.
CHANGES = [
    ("app/db.py", "self.engine, expire_on_commit=False", "self.engine, expire_on_commit=True"),
    ("app/errors.py", "def add_error_handlers", 'PAYMENT = "payment"\n\n\ndef add_error_handlers'),
    ("migrations/env.py", '"""How ', '"""Ours: how '),
]


@pytest.fixture(scope="module")
def moved(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service with these edits, updated to the next release."""
    folder = tmp_path_factory.mktemp("moved") / "orders"
    start_service(releases, folder, OLD_RELEASE, {"database": "postgresql"})
    for addition in ADDITIONS:
        edit(folder / addition.name, addition.line, addition.lines)
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


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.name)
def test_addition_is_kept(moved: Path, addition: Addition) -> None:
    assert addition.expected in (moved / addition.name).read_text("utf-8")
    assert addition.name not in patched_files(moved)


@pytest.mark.parametrize(("name", "old", "new"), CHANGES)
def test_change_without_corresponding_lines_is_a_patch(
    moved: Path, name: str, old: str, new: str
) -> None:
    patch = (moved / f"left-over/{name}.rej").read_text("utf-8")
    assert new.partition("\n")[0] in patch
    assert f"- left-over/{name}.rej: " in (moved / "left-over/README.md").read_text("utf-8")
    if (moved / name).exists():
        assert new not in (moved / name).read_text("utf-8")


def test_nothing_else_is_left_over(moved: Path) -> None:
    assert patched_files(moved) == {name for name, _, _ in CHANGES}


def test_own_code_imports_from_kit(moved: Path) -> None:
    routes = (moved / "app/orders/routes.py").read_text("utf-8")
    for line in (
        "from app.db import ServiceDatabase\n",
        "from kit.db import is_duplicate\n",
        "from kit.errors import ProblemError\n",
        "from kit.pagination import encode_cursor\n",
        "async def count_orders(database: ServiceDatabase) -> int:\n",
        "    async with database.read_sessions() as session, database.write_engine.connect():\n",
    ):
        assert line in routes
    model = (moved / "app/models/order.py").read_text("utf-8")
    assert "from kit.models import Timestamped, UUIDKey\n" in model
    assert "class Order(UUIDKey, Timestamped, Base):\n" in model


def test_deleted_file_stays_deleted(moved: Path) -> None:
    assert not (moved / ".editorconfig").exists()
    assert not (moved / "tests/test_users.py").exists()
