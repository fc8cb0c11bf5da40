"""A service that has changed whatever a service may change outside kit/."""

import shutil
from pathlib import Path

from harness.file_edits import append, change, create
from harness.project import Project
from harness.sales import add_sales

SETTINGS_IMPORTS = "import kit.settings\nfrom kit.settings import DatabaseURL\n"
SETTINGS = '''
    # In the middle of the built-in ones.
    pool_size: int = 3
    currency: str = "EUR"
    reports_url: DatabaseURL

    def log_config(self, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
        """Return kit's, with fewer messages of a library."""
        config = super().log_config(context)
        config["loggers"]["botocore"] = {"level": "ERROR"}
        return config
'''
SOURCES = """
database = Source(pool_pre_ping=True, session_options={"info": {"team": "orders"}})
reports = Source("reports", url=lambda settings: settings.reports_url, migrations="reports")

ReportsSession = Annotated[AsyncSession, Depends(reports.write_session, scope="function")]
"""
MAIN = '''"""The service, with much that is its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.accounts.routes import router as accounts_router
from app.db import database, reports
from app.sales.routes import router as sales_router
from app.settings import Settings
from kit.application import Service
from kit.errors import ProblemError
from kit.settings import load

ProblemError.type_prefix = "https://orders.example/problems/"


@asynccontextmanager
async def lifespan(app: Service) -> AsyncIterator[None]:
    """Note that the databases are open."""
    app.state.is_warm = app.state.reports is not None
    yield


async def answer_teapot(_request: Request, _error: Exception) -> JSONResponse:
    """Answer in another way than with a problem."""
    return JSONResponse({"error": "teapot"}, 418)


def create_app(settings: Settings | None = None) -> Service:
    """Return the service, ready to be served."""
    app = Service(
        settings or load(Settings), database=[database, reports], lifespan=lifespan, title="Orders"
    )
    app.include_router(accounts_router)
    app.include_router(sales_router)
    app.add_exception_handler(LookupError, answer_teapot)
    app.add_middleware(GZipMiddleware)
    app.add_outer_middleware(TrustedHostMiddleware, allowed_hosts=["*"])
    return app
'''
MAIN_END = '''

def __getattr__(name: str) -> Service:
    """Create `app` when it is first imported: an import of the module reads no settings."""
    if name != "app":
        raise AttributeError(name)
    app = globals()[name] = create_app()
    return app


def __dir__() -> list[str]:
    return [*globals(), "app"]
'''
COUNTRY = '''"""Where users may live: a table without UUID key and times."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Country(Base):
    """A country of ISO 3166."""

    __tablename__ = "countries"
{arguments}
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
'''
SCHEMA = '    __table_args__ = {"schema": "geo"}  # noqa: RUF012\n'
ENVIRONMENT = '''"""What Alembic runs, with code before and after it, and options of autogenerate."""

import sys

from app.models import Base
from app.settings import Settings
from kit.migrations import run


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave tables alone that another program has here."""
    return kind != "table" or not (name or "").startswith("legacy_")


sys.stderr.write("before migrations\\n")
run(Base.metadata, Settings, include_name=include_name)
sys.stderr.write("after migrations\\n")
'''
CONFTEST = '''"""What the tests share: kit's fixtures, for this service, and its own."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from app.main import create_app
from app.settings import Settings
from kit.application import Service
from kit.testing import TestedService, client_of

pytest_plugins = ["kit.testing.plugin"]


def pytest_kit_service() -> TestedService[Settings]:
    """Name the service that the fixtures `app`, `client` and `database` are for."""
    return TestedService(create_app, Settings, databases={"ORDERS_REPORTS_URL": "reports"})


@pytest.fixture
async def client(app: Service) -> AsyncIterator[AsyncClient]:
    """Replace the fixture of kit."""
    async with client_of(app) as client:
        client.headers["X-Request-ID"] = "own"
        yield client
'''
INDEX = "i_%(table_name)s_%(column_0_N_name)s"
MAKEFILE = """
check: kit-check audit ## Run all checks and the audit

audit: ## Audit the service
\t@echo audited

db-migrate: kit-db-migrate ## Migrate both databases
\t@alembic -n reports upgrade head
"""
RUFF = """[tool.ruff]
line-length = 72
"""
RUFF_LINT = """[tool.ruff.format]
quote-style = "single"

[tool.ruff.lint]
extend-ignore = ["E501", "ISC004"]
flake8-quotes.inline-quotes = "single"

[tool.ruff.lint.per-file-ignores]
"""


def adapt(service: Project) -> None:
    """Change everything that a service may change in its own files."""
    folder = service.folder
    adapt_settings(folder)
    change("app/db.py", ("\ndatabase = Source()\n", SOURCES))(folder)
    shutil.move(folder / "app/users", folder / "app/accounts")
    change("app/accounts/routes.py", ("from app.users.", "from app.accounts."))(folder)
    create("app/main.py", MAIN + MAIN_END)(folder)
    adapt_models(folder, service.database)
    create("migrations/env.py", ENVIRONMENT)(folder)
    add_sales(folder)
    create("tests/conftest.py", CONFTEST)(folder)
    # Tests of kit, where the project has them, are about the service as it was rendered.
    shutil.rmtree(folder / "tests/kit", ignore_errors=True)
    append("Makefile", MAKEFILE)(folder)
    adapt_tools(folder)


def adapt_settings(folder: Path) -> None:
    """Add settings and override a method of kit's class."""
    module = "from pydantic_settings"
    imports = "from collections.abc import Callable\nfrom typing import Any\n\n"
    change("app/settings.py", (module, imports + module))(folder)
    change("app/settings.py", ("import kit.settings\n", SETTINGS_IMPORTS))(folder)
    append("app/settings.py", SETTINGS)(folder)


def adapt_models(folder: Path, database: str) -> None:
    """Add a model, in a schema of its own where there are schemas, and change a naming convention."""
    schema = SCHEMA if database == "postgresql" else ""
    create("app/models/country.py", COUNTRY.format(arguments=schema))(folder)
    models = "from app.models.country import Country as Country\nfrom app.models.user"
    change("app/models/__init__.py", ("from app.models.user", models))(folder)
    convention = f'naming_convention={{**NAMING_CONVENTION, "ix": "{INDEX}"}}'
    change("app/models/base.py", ("naming_convention=NAMING_CONVENTION", convention))(folder)


def adapt_tools(folder: Path) -> None:
    """Set options of ruff and pytest that differ from the template's."""
    versions = '"migrations/versions/*" ='
    reports = '"migrations/reports/versions/*" = ["D", "F401", "N999"]\n'
    markers = '"--strict-config", "-ra"]\nmarkers = ["sales: of sales"]'
    change("pyproject.toml", ("[tool.ruff]\n", RUFF))(folder)
    change("pyproject.toml", ("[tool.ruff.lint.per-file-ignores]\n", RUFF_LINT))(folder)
    change("pyproject.toml", (versions, reports + versions))(folder)
    change("pyproject.toml", ('"--strict-config"]', markers))(folder)
