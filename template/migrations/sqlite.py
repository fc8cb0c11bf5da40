"""How migrations connect to SQLite, one migrator at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.settings import Settings

DIALECT = "sqlite"
# SQLite changes a table by copying it ("batch"), and all of that can be part of a transaction.
OPTIONS: dict[str, Any] = {"render_as_batch": True, "transactional_ddl": True}


@contextmanager
def connect(settings: Settings, *, alone: bool) -> Iterator[Connection]:
    """Yield a connection, with `alone` once no other process writes to the same database.

    Foreign keys are not enforced on it: copying a table would empty those that refer to it.
    They are checked before the commit instead. Raises CommandError when the database cannot be
    opened, the wait takes too long, or a foreign key does not hold.
    """
    url = settings.database_url.set(drivername="sqlite+pysqlite")
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"timeout": settings.migration_timeout},
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver would begin at the first INSERT, and commit the tables made until then.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")

    event.listen(engine, "commit", check_foreign_keys)
    try:
        connection = engine.connect()
        connection.exec_driver_sql("SELECT 1 FROM sqlite_schema")
        connection.rollback()
    except OperationalError as error:
        raise CommandError(f"cannot use {url.database}: {error.orig}") from error
    with connection:
        yield connection


def check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise CommandError(
            f"{len(broken)} rows of {tables} refer to rows that do not exist: nothing was changed"
        )
