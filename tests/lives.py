"""Services of 1.x that have lived for a year, each in its own way, and what became of their edits."""

import contextlib
import difflib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.releases import commit, git

ORDER = '''"""Orders."""

from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Timestamped


class Order(Timestamped, Base):
    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(20), unique=True)
    items: Mapped[list["Item"]] = relationship(back_populates="order")


class Item(Timestamped, Base):
    __tablename__ = "items"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="items")


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = {SCHEMA}  # noqa: RUF012

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str]
'''
ROUTES = '''"""Orders."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exc

from app.db import ReadDatabase, WriteSession, is_duplicate
from app.errors import (
    ProblemError,  # ours
    problem_responses,
)
from app.models import Order
from app.pagination import encode_cursor

router = APIRouter(prefix="/orders", tags=["orders"], responses=problem_responses(422, 500, 503))


@router.get("/{order_id}", responses=problem_responses(404))
async def get_order(order_id: UUID, database: ReadDatabase) -> dict[str, str]:
    row = await database.row(Order, order_id)
    if row is None:
        raise ProblemError(404, "There is no order with this id.", "order-not-found")
    return {"number": row["number"], "cursor": encode_cursor(order_id)}


@router.post("", status_code=201, responses=problem_responses(409))
async def create_order(number: str, session: WriteSession) -> dict[str, str]:
    session.add(Order(number=number))
    try:
        await session.flush()
    except exc.IntegrityError as error:
        if is_duplicate(error, "orders", "number"):
            raise ProblemError(409, "This number is taken.", "order-exists") from error
        raise
    return {"number": number}
'''
TEST = """from uuid import uuid4

from httpx import AsyncClient

from tests.serving import assert_problem


async def test_order_is_missing(client: AsyncClient) -> None:
    response = await client.get(f"/orders/{uuid4()}")
    assert_problem(response, 404, "order-not-found")
"""
MIDDLEWARE = '''"""A header of ours."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TenantMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
'''


@dataclass
class Life:
    """What a team has done with its service, and what it does by hand after the move."""

    name: str
    database: str = "sqlite"
    steps: list[Callable[[Path], None]] = field(default_factory=list)
    # Edits after the move, of what was left over: the file, a text, the text in its place.
    by_hand: list[tuple[str, str, str]] = field(default_factory=list)
    # The files of which something is left over.
    left_over: list[str] = field(default_factory=list)
    package: str = "app"
    schema: str = ""

    def live(self, folder: Path, *, strict: bool = True) -> None:
        """Do the work of a year, or what of it other releases have a line for; commit it."""
        add_resources(folder, self.schema)
        for step in self.steps:
            with contextlib.suppress(*() if strict else (AssertionError, FileNotFoundError)):
                step(folder)
        commit(folder, "A year")


def change(name: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    """Return a step that edits a file: each text and the one in its place, where it is there."""

    def step(folder: Path) -> None:
        text = read(folder / name)
        assert any(old in text for old, _ in changes), f"{name} has none of {changes}"
        for old, new in changes:
            text = text.replace(old, new, 1)
        (folder / name).write_bytes(text.encode())

    return step


def append(name: str, text: str) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        (folder / name).write_bytes((read(folder / name) + text).encode())

    return step


def create(name: str, text: str) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    return step


def remove(*names: str) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return step


def rename(old: str, new: str) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / old).rename(folder / new)

    return step


def everywhere(
    pattern: str, text: str, suffixes: tuple[str, ...] = (".py",)
) -> Callable[[Path], None]:
    """Return a step that replaces a pattern in all files of some kinds."""

    def step(folder: Path) -> None:
        for path in own_files(folder):
            if path.suffix in suffixes or path.name in suffixes:
                content = read(path)
                path.write_bytes(re.sub(pattern, text, content, flags=re.MULTILINE).encode())

    return step


def link(name: str, target: str) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        (folder / name).symlink_to(target)

    return step


def all_of(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    def step(folder: Path) -> None:
        for part in steps:
            part(folder)

    return step


def with_carriage_returns(folder: Path) -> None:
    for path in own_files(folder):
        path.write_bytes(read(path).replace("\n", "\r\n").encode())


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the files that are or will be committed, without revisions and answers."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        apart = {".copier-answers.yml", ".git", ".venv"}
        if path.is_file() and parts[0] not in apart and "versions" not in parts:
            yield path


def read(path: Path) -> str:
    return path.read_bytes().decode()


def add_resources(folder: Path, schema: str) -> None:
    """Add three tables that belong together, the routes of one, and their test."""
    options = '"schema": "audit"' if schema else ""
    create("app/models/order.py", ORDER.replace("SCHEMA", options).replace("{}", "{}"))(folder)
    create("app/orders/__init__.py", "")(folder)
    create("app/orders/routes.py", ROUTES)(folder)
    create("tests/test_orders.py", TEST)(folder)
    change(
        "app/models/__init__.py",
        ("import Base\n", "import Base\nfrom app.models.order import Item, Note, Order\n"),
        ('"Base", "User"', '"Base", "Item", "Note", "Order", "User"'),
    )(folder)
    change(
        "app/main.py",
        (
            "from app.settings",
            "from app.orders.routes import router as orders_router\nfrom app.settings",
        ),
        (
            "    add_error_handlers(app)\n",
            "    add_error_handlers(app)\n    app.include_router(orders_router)\n",
        ),
    )(folder)


SETTINGS = change(
    "app/settings.py",
    ("    log_level: ", '    # Ours: where money is.\n    stripe_key: str = ""\n    log_level: '),
    ("default=8000, ge", "default=9000, ge"),
)
TEXTS = [
    change("Makefile", ("db-shell: ", "greet: ## Say hello\n\t@echo hello\n\ndb-shell: ")),
    change("pyproject.toml", ('    "structlog>=', '    "stamina>=25",\n    "structlog>=')),
    change("pyproject.toml", ("[tool.mypy]", "[tool.stamina]\nattempts = 3\n\n[tool.mypy]")),
    change("README.md", ("## Every day", "## Whom to ask\n\nAda.\n\n## Every day")),
    change(
        "tests/conftest.py",
        (
            "@pytest.fixture\nasync def client",
            '@pytest.fixture\ndef greeting() -> str:\n    return "hi"\n\n\n@pytest.fixture\nasync def client',
        ),
    ),
]
USERS_GONE = [
    remove("app/users", "app/models/user.py", "tests/test_users.py"),
    change("app/models/__init__.py", ("from app.models.user import User\n", ""), (', "User"', "")),
    change(
        "app/main.py",
        ("from app.users.routes import router as users_router\n", ""),
        ("    app.include_router(users_router)\n", ""),
    ),
]
USERS_MOVED = [
    rename("app/users", "app/accounts"),
    everywhere(r"\bapp\.users\b", "app.accounts"),
    change(
        "app/accounts/schemas.py",
        ("class UserCreate", '# Ours.\nKINDS = ("person", "robot")\n\n\nclass UserCreate'),
    ),
    rename("tests/test_users.py", "tests/test_accounts.py"),
]
PACKAGE_RENAMED = [
    rename("app", "shipping"),
    everywhere(r"^(\s*(?:from|import) )app(?=[.\s])", r"\1shipping"),
    everywhere(r"\bapp\.(?=main|logging|middleware|access)", "shipping.", (".py", ".toml")),
    change("Makefile", ("python -m app --reload", "python -m shipping --reload")),
    change("pyproject.toml", ('files = ["app"', 'files = ["shipping"')),
    change(
        "Dockerfile",
        ("/service/app app", "/service/shipping shipping"),
        ('"-m", "app"', '"-m", "shipping"'),
    ),
]
SOURCE_FOLDER = [
    rename("app", "src/app"),
    change("src/app/settings.py", (".parent.parent\n", ".parent.parent.parent\n")),
    change(
        "pyproject.toml",
        ('pythonpath = ["."]', 'pythonpath = [".", "src"]'),
        ('files = ["app"', 'files = ["src"'),
    ),
]
LIVES = [
    Life("users-deleted", left_over=["app/settings.py"], steps=[SETTINGS, *TEXTS, *USERS_GONE]),
    Life(
        "users-moved",
        left_over=["app/accounts/routes.py", "app/accounts/schemas.py", "app/settings.py"],
        steps=[SETTINGS, *TEXTS, *USERS_MOVED],
    ),
    Life(
        "convention-and-schema",
        "postgresql",
        left_over=["app/models/base.py", "app/tables.py", "migrations/env.py"],
        steps=[
            change(
                "app/tables.py",
                (
                    '"fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s"',
                    '"fk_%(table_name)s_%(column_0_N_name)s"',
                ),
            ),
            change(
                "app/models/base.py",
                ("{datetime: UTCDateTime}", "{datetime: UTCDateTime, str: Text}"),
                ("import MetaData, text", "import MetaData, Text, text"),
            ),
            change(
                "migrations/env.py",
                ('"""How ', '"""Ours: how '),
                ("OPTIONS | target", 'OPTIONS | target | {"include_object": lambda *_: True}'),
            ),
            *TEXTS,
        ],
        schema="audit",
    ),
    Life(
        "middleware-and-options",
        "postgresql",
        left_over=["app/db.py", "app/middleware.py", "app/postgresql.py"],
        steps=[
            create("app/tenants.py", MIDDLEWARE),
            change(
                "app/main.py",
                (
                    "    # The last one added is the outermost.\n",
                    "    app.add_middleware(TenantMiddleware)\n    # The last one added is the outermost.\n",
                ),
                (
                    "from app.settings",
                    "from app.tenants import TenantMiddleware\nfrom app.settings",
                ),
            ),
            change("app/middleware.py", ('b"DENY"', 'b"SAMEORIGIN"')),
            change(
                "app/postgresql.py",
                ("hide_parameters=True,", "hide_parameters=True,\n        pool_use_lifo=True,"),
            ),
            change(
                "app/db.py",
                ("self.engine, expire_on_commit=False", "self.engine, expire_on_commit=True"),
            ),
            change(
                "app/models/user.py",
                ("    is_active: ", "    phone_number: Mapped[str | None]\n    is_active: "),
            ),
        ],
    ),
    Life(
        "errors-and-handlers",
        left_over=[
            "app/errors.py",
            "app/health/routes.py",
            "app/logging.py",
            "app/main.py",
            "app/pagination.py",
            "tests/test_errors.py",
        ],
        steps=[
            change(
                "app/errors.py",
                ("def add_error_handlers", 'PAYMENT = "payment"\n\n\ndef add_error_handlers'),
            ),
            change("app/main.py", ("    yield\n", '    yield\n    logger.info("bye")\n')),
            change(
                "app/health/routes.py", ('"ok"] = "ok"', '"ok"] = "ok"\n    region: str = "eu"')
            ),
            change(
                "app/logging.py",
                ('"event": record', '"service": "orders",\n            "event": record'),
            ),
            change("app/pagination.py", ("PAGE_SIZE_MAX = 100", "PAGE_SIZE_MAX = 500")),
            append("tests/test_errors.py", "\n\ndef test_ours() -> None:\n    assert True\n"),
            change("tests/test_users.py", ("Ada Lovelace", "Ada King")),
            append("scripts/openapi.py", "# Ours: at the end.\n"),
            append("alembic.ini", "\n[ours]\nkey = value\n"),
            change(".editorconfig", ("root = true", "# Ours.\nroot = true")),
            append(".pre-commit-config.yaml", "# Ours.\n"),
            append("Dockerfile", "LABEL ours=yes\n"),
            append("compose.yaml", "# Ours.\n"),
            append(".env.example", "\nORDERS_STRIPE_KEY=\n"),
            remove("tests/test_health.py"),
        ],
    ),
    Life(
        "package-renamed",
        left_over=["shipping/settings.py"],
        steps=[SETTINGS, *TEXTS, *PACKAGE_RENAMED],
        package="shipping",
    ),
    Life(
        "source-folder",
        left_over=["pyproject.toml", "src/app/settings.py"],
        steps=[SETTINGS, *TEXTS, *SOURCE_FOLDER],
    ),
]


@dataclass(frozen=True)
class Edit:
    """Lines that a team has put in the place of others."""

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def edits(folder: Path, before: str = "HEAD~1", after: str = "HEAD") -> Iterator[Edit]:
    """Yield what a commit has changed in files that it has not created, deleted or renamed."""
    for name in git(
        "diff", "--name-only", "--diff-filter=M", before, after, cwd=folder
    ).splitlines():
        texts = [git("show", f"{revision}:{name}", cwd=folder) for revision in (before, after)]
        old, new = (text.splitlines() for text in texts)
        for kind, a, b, c, d in difflib.SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if kind != "equal":
                yield Edit(name, tuple(old[a:b]), tuple(new[c:d]))


def find_lost(folder: Path, edit: Edit, package: str = "app") -> list[str]:
    """Return the lines of an edit that are neither in the file nor in its patch."""
    path, patch = folder / edit.name, folder / f"left-over/{edit.name}.rej"
    lines = set(path.read_text("utf-8").splitlines()) if path.is_file() else set()
    patched = patch.read_text("utf-8").splitlines() if patch.is_file() else []
    kept = lines | {line[1:] for line in patched if line.startswith("+")}
    missing = [
        line for line in edit.added if line.strip() and line not in kept and not is_import(line)
    ]
    # Of a package that was renamed, the template has the lines with its new name.
    missing = [line for line in missing if line.replace(package, "app") not in edit.removed]
    if not edit.added:
        back = [
            line for line in edit.removed if line.strip() and line in lines and not is_import(line)
        ]
        missing += [line for line in back if f"-{line}" not in patched]
    return missing


def is_import(line: str) -> bool:
    """Return whether a line imports, or names what is imported from everywhere."""
    return re.match(r"\s*(from|import|__all__)\b|    \w+,$", line) is not None
