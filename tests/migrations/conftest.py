"""Databases that several modules of these tests begin with."""

import pytest

from harness.databases import Server
from harness.jobs import FILL, TABLE
from harness.project import Project


@pytest.fixture
def migrated(copy: Project, url: str) -> str:
    """Return the DATABASE_URL of a database that has the template's revision."""
    copy.alembic(url, "upgrade", "head")
    return url


@pytest.fixture
def filled(server: Server, url: str) -> str:
    """Return the DATABASE_URL of a database with a table of jobs."""
    server.query(url, TABLE)
    server.query(url, FILL)
    return url
