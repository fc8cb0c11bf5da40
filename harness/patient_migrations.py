"""Migrations of PostgreSQL that wait for the transactions of others."""

import contextlib
from collections.abc import Iterator

import psycopg

from harness.migrators import environment
from harness.processes import Completed
from harness.project import Project

ADD_COLUMN = """
def upgrade() -> None:
    op.add_column("{table}", sa.Column("{column}", sa.String(20)))


def downgrade() -> None:
    op.drop_column("{table}", "{column}")
"""


@contextlib.contextmanager
def transaction(url: str, statement: str) -> Iterator[None]:
    """Hold the locks of a statement, as a report or a forgotten session would."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield


def upgrade(
    project: Project, url: str, revision: str = "head", code: int = 0, **settings: object
) -> Completed:
    """Run `alembic upgrade` in a process of its own, with these settings."""
    variables = {"DATABASE_URL": url, **environment(settings)}
    return project.run_python("alembic", "upgrade", revision, env=variables, code=code)
