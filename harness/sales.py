"""The resource `sales` of the adapted service, whose tables are in a second database, `reports`."""

import shutil
from pathlib import Path

from harness.file_edits import change, create

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
MODELS = '''"""A database of its own, with a base without key and mixins."""

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
COMMAND = '''"""`python -m app.commands`: counts the sales."""

import asyncio

from sqlalchemy import func, select

from app.db import reports
from app.sales.models import Sale
from app.settings import Settings
from kit.settings import load


async def count_sales() -> int:
    """Return how many sales there are."""
    async with reports.open(load(Settings)) as opened, opened.read_sessions() as session:
        return await session.scalar(select(func.count()).select_from(Sale)) or 0


if __name__ == "__main__":
    print(asyncio.run(count_sales()), "sales")  # noqa: T201
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
TESTS = '''"""Tests of the second database, with fixtures and options of its own."""

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


def add_sales(folder: Path) -> None:
    """Add the resource, its migrations, a command and tests. `reports` itself is in app/db.py."""
    create("app/sales/__init__.py", "")(folder)
    create("app/sales/models.py", MODELS)(folder)
    create("app/sales/routes.py", ROUTES)(folder)
    create("app/commands.py", COMMAND)(folder)
    create("migrations/reports/env.py", REPORTS_ENVIRONMENT)(folder)
    (folder / "migrations/reports/versions").mkdir()
    shutil.copy2(folder / "migrations/script.py.mako", folder / "migrations/reports")
    change("alembic.ini", ("\n[post_write_hooks]", SECTION))(folder)
    create("tests/test_sales.py", TESTS)(folder)
