"""Services of 1.x after a year of work, each of them changed in another way."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.file_edits import FileEdit, append, change, create, everywhere, remove, rename
from harness.orders_of_1x import add_orders
from harness.releases import commit

# The release that these services are at.
OLD_RELEASE = "1.7.0"
MIDDLEWARE = '''"""A header of ours."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TenantMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
'''


@dataclass(frozen=True)
class Life:
    """What a team has changed in its service, and what an update leaves over of that."""

    name: str
    database: str = "sqlite"
    edits: Sequence[FileEdit] = ()
    # The files with edits that have no place in the new release.
    left_over: Sequence[str] = ()
    package: str = "app"
    schema: str = ""
    # What the move must not add again: texts by file; an empty text stands for the whole file.
    deleted: Mapping[str, str] = field(default_factory=dict)

    def live(self, folder: Path, *, strict: bool = True) -> None:
        """Apply the edits and commit; unless strict, skip those that do not fit the release."""
        add_orders(folder, self.schema)
        ignored = () if strict else (AssertionError, FileNotFoundError)
        for edit in self.edits:
            with contextlib.suppress(*ignored):
                edit(folder)
        commit(folder, "A year")


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
    Life(
        "users-deleted",
        left_over=["app/settings.py"],
        edits=[SETTINGS, *TEXTS, *USERS_GONE],
        deleted={
            "app/main.py": "users",
            "app/models/__init__.py": "User",
            "tests/test_user_rows.py": "",
        },
    ),
    Life(
        "users-moved",
        left_over=["app/accounts/routes.py", "app/accounts/schemas.py", "app/settings.py"],
        edits=[SETTINGS, *TEXTS, *USERS_MOVED],
    ),
    Life(
        "convention-and-schema",
        "postgresql",
        left_over=["app/models/base.py", "app/tables.py", "migrations/env.py"],
        edits=[
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
        edits=[
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
        edits=[
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
        edits=[SETTINGS, *TEXTS, *PACKAGE_RENAMED],
        package="shipping",
    ),
    Life(
        "source-folder",
        left_over=["pyproject.toml", "src/app/settings.py"],
        edits=[SETTINGS, *TEXTS, *SOURCE_FOLDER],
    ),
]


def life_named(name: str) -> Life:
    return next(life for life in LIVES if life.name == name)
