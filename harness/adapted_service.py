"""A service that changes outside kit/ all that a service may change."""

import shutil
from pathlib import Path

from harness.project import Project
from harness.releases import edit

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
DATABASES = """
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
ROUTES = '''"""The sales, which are in the database of the reports."""

from fastapi import APIRouter
from sqlalchemy import func, select

from app.db import ReportsSession
from app.sales.models import Sale
from kit.errors import ProblemError, problem_responses

router = APIRouter(prefix="/sales", tags=["sales"], responses=problem_responses(422, 500, 503))


@router.post("", status_code=201, responses=problem_responses(409))
async def create_sale(amount: int, session: ReportsSession) -> int:
    """Add a sale; return how many there are."""
    if amount == 0:
        raise ProblemError(409, "It is free.", "free-of-charge", {"currency": "EUR"})
    if amount < 0:
        raise LookupError(amount)
    session.add(Sale(amount=amount))
    return await session.scalar(select(func.count()).select_from(Sale)) or 0
'''
SALES = '''"""A database of its own, with a base without key and mixins."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ReportsBase(DeclarativeBase):
    """The base of the models of the second database."""

    metadata = MetaData(naming_convention={"pk": "%(table_name)s_key"})


class Sale(ReportsBase):
    """An amount of money."""

    __tablename__ = "sales"

    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
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
COMMAND = '''"""`python -m app.commands`: counts the sales."""

import asyncio

from sqlalchemy import func, select

from app.db import reports
from app.sales.models import Sale
from app.settings import Settings
from kit.settings import load


async def count_sales() -> int:
    """Return how many sales there are."""
    async with reports.open(load(Settings)) as opened, opened.reading() as session:
        return await session.scalar(select(func.count()).select_from(Sale)) or 0


if __name__ == "__main__":
    print(asyncio.run(count_sales()), "sales")  # noqa: T201
'''
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
REPORTS_ENVIRONMENT = '''"""What Alembic runs for the second database: `alembic -n reports`."""

from app.sales.models import ReportsBase
from app.settings import Settings
from kit.migrations import run

run(ReportsBase.metadata, Settings, url=lambda settings: settings.reports_url)
'''
SECTION = """
[reports]
script_location = %(here)s/migrations/reports
prepend_sys_path = %(here)s
path_separator = os

[post_write_hooks]"""
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
TESTS = '''"""Tests of the second database, with fixtures and options of the service's own."""

import pytest
from httpx import AsyncClient

from kit.testing import assert_problem

pytestmark = pytest.mark.sales


@pytest.mark.parametrize("turn", [1, 2])
async def test_sales_are_rolled_back(client: AsyncClient, turn: int) -> None:
    for count in (1, 2):
        response = await client.post("/sales?amount=5")
        assert (response.status_code, response.json()) == (201, count)
        assert response.headers["X-Request-ID"] == "own"


async def test_own_answers(client: AsyncClient) -> None:
    problem = assert_problem(await client.post("/sales?amount=0"), 409, "free-of-charge")
    assert problem["type"] == "https://orders.example/problems/free-of-charge"
    assert problem["currency"] == "EUR"
    assert (await client.post("/sales?amount=-1")).json() == {"error": "teapot"}


async def test_own_server(own_client: AsyncClient) -> None:
    assert (await own_client.post("/sales?amount=5")).json() == 1
    assert (await own_client.get("/health/ready")).status_code == 200
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


IMPORTS = "import kit.settings\nfrom kit.settings import DatabaseURL\n"
MAIN_END = '''

def __getattr__(name: str) -> Service:
    """Return `app`, created when a server asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app()
    raise AttributeError(name)


def __dir__() -> list[str]:
    return [*globals(), "app"]
'''


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def adapt(service: Project) -> None:
    """Do all that a service may do in its own files."""
    folder = service.folder
    edit(
        folder / "app/settings.py",
        "from pydantic_settings",
        "from collections.abc import Callable\nfrom typing import Any\n\nfrom pydantic_settings",
    )
    edit(folder / "app/settings.py", "import kit.settings\n", IMPORTS)
    with (folder / "app/settings.py").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    edit(folder / "app/db.py", "\ndatabase = Source()\n", DATABASES)
    shutil.move(folder / "app/users", folder / "app/accounts")
    edit(folder / "app/accounts/routes.py", "from app.users.", "from app.accounts.")
    write(folder, "app/main.py", MAIN + MAIN_END)
    write(folder, "app/sales/__init__.py", "")
    write(folder, "app/sales/models.py", SALES)
    write(folder, "app/sales/routes.py", ROUTES)
    write(folder, "app/commands.py", COMMAND)
    schema = SCHEMA if service.database == "postgresql" else ""
    write(folder, "app/models/country.py", COUNTRY.format(arguments=schema))
    models = "from app.models.country import Country as Country\nfrom app.models.user"
    edit(folder / "app/models/__init__.py", "from app.models.user", models)
    convention = f'naming_convention={{**NAMING_CONVENTION, "ix": "{INDEX}"}}'
    edit(folder / "app/models/base.py", "naming_convention=NAMING_CONVENTION", convention)
    write(folder, "migrations/env.py", ENVIRONMENT)
    write(folder, "migrations/reports/env.py", REPORTS_ENVIRONMENT)
    (folder / "migrations/reports/versions").mkdir()
    shutil.copy2(folder / "migrations/script.py.mako", folder / "migrations/reports")
    edit(folder / "alembic.ini", "\n[post_write_hooks]", SECTION)
    write(folder, "tests/conftest.py", CONFTEST)
    write(folder, "tests/test_sales.py", TESTS)
    # Kit's own tests, where the project has them, are about the service as it was rendered.
    shutil.rmtree(folder / "tests/kit", ignore_errors=True)
    with (folder / "Makefile").open("a", encoding="utf-8") as file:
        file.write(MAKEFILE)
    configure(folder)


def configure(folder: Path) -> None:
    """Give the tools options of the service's own."""
    project = folder / "pyproject.toml"
    edit(project, "[tool.ruff]\n", RUFF)
    edit(project, "[tool.ruff.lint.per-file-ignores]\n", RUFF_LINT)
    versions = '"migrations/versions/*" ='
    edit(project, versions, f'"migrations/reports/versions/*" = ["D", "F401", "N999"]\n{versions}')
    edit(project, '"--strict-config"]', '"--strict-config", "-ra"]\nmarkers = ["sales: of sales"]')
