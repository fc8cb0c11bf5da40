"""The interface of each database, as three protocols.

Three modules of `kit/_internal/postgresql/` and of `kit/_internal/sqlite/` implement a protocol:

| module          | implements       | imported by                                           |
| --------------- | ---------------- | ----------------------------------------------------- |
| `engine.py`     | Dialect          | the service, migrations, scripts                      |
| `migrations.py` | MigrationDialect | migrations and scripts; it may use another driver     |
| `testing.py`    | TestingDialect   | tests; it may use packages for development            |
| `loading.py`    |                  | database.py; it imports the other two when needed     |

`kit/_internal/database.py` imports the folder of this project's database; there, mypy checks the
modules against the protocols. Settings are protocols, too: kit.settings implements them and imports
the module that parses DATABASE_URL, so this module must not import kit.settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import URL, Connection, Executable, Table
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncEngine

    from kit._internal.error_texts import ErrorTexts, Obstacle

Options = Mapping[str, Any]


class EngineSettings(Protocol):
    """The settings from which an engine is created: see kit.settings.Settings."""

    @property
    def service_name(self) -> str: ...
    @property
    def pool_sizes(self) -> tuple[int, int]: ...
    @property
    def transaction_pooling(self) -> bool: ...
    @property
    def connection_timeout(self) -> float: ...
    @property
    def connection_max_age(self) -> float: ...
    @property
    def statement_timeout(self) -> float: ...
    @property
    def durable_commits(self) -> bool: ...
    @property
    def telemetry_options(self) -> Options: ...


class MigrationSettings(Protocol):
    """The settings with which migrations connect: see kit.settings.Settings."""

    @property
    def service_name(self) -> str: ...
    @property
    def migration_url(self) -> URL: ...
    @property
    def connection_timeout(self) -> float: ...
    @property
    def migration_timeout(self) -> float: ...
    @property
    def migration_lock_timeout(self) -> float: ...
    @property
    def migration_statement_timeout(self) -> float: ...


class Dialect(Protocol):
    """Engines of the service, and the meaning of database errors."""

    @property
    def ERRORS(self) -> ErrorTexts:  # noqa: N802
        """Loggable texts of the drivers' errors."""

    @property
    def WRITE_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine with transactions; `may_write` is one of them."""

    @property
    def STATEMENT_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine for single statements that change rows."""

    @property
    def STREAM_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine that reads row by row."""

    @property
    def DECIMAL_DIGITS(self) -> int | None:  # noqa: N802
        """Digits of the integers that stand for exact decimals, None where there is NUMERIC."""

    def parse_url(self, value: str, /) -> URL:
        """Return DATABASE_URL without its driver; raise ValueError without secrets."""

    def parse_any_url(self, value: str, /) -> URL:
        """Return MIGRATION_DATABASE_URL, which only the driver of migrations must support."""

    def create_read_engine(
        self, url: URL, settings: EngineSettings, options: Options, /
    ) -> AsyncEngine:
        """Return the engine that reads; the options are those of create_async_engine()."""

    def insert_into(self, table: Table, /) -> Any:  # noqa: ANN401
        """Return an INSERT, which has `on_conflict_do_update()`: that is not standard SQL."""

    def try_lock(self, number: int, /) -> Executable:
        """Return a SELECT of whether this transaction has got a lock; it does not wait for it.

        The lock of a number, of 64 bits with a sign, is free again when the transaction ends,
        however it ends.
        """

    def is_duplicate(
        self, error: DBAPIError, names: Collection[str], columns: Sequence[str], /
    ) -> bool:
        """Return whether another row has the same values.

        `names` are those of the unique constraints and indexes; `columns` have the format
        table.column.
        """

    def breaks_reference(self, error: DBAPIError, /) -> bool:
        """Return whether a foreign key refuses a change; SQLite does not say which."""

    def is_unavailable(self, error: DBAPIError, /) -> bool:
        """Return whether the database, not the statement, causes the error."""

    def is_outdated(self, error: DBAPIError, /) -> bool:
        """Return whether the statement names a table or column that does not exist."""

    def explain_denial(self, error: DBAPIError, role: str | None, /) -> Obstacle | None:
        """Return the missing privilege and how to grant it; None for any other error."""

    def find_obstacle(self, connection: Connection, /) -> Obstacle | None:
        """Return why the role sees no tables, although statements succeed; None if it does."""


class MigrationDialect(Protocol):
    """Connections of migrations."""

    @property
    def OPTIONS(self) -> Options:  # noqa: N802
        """Options of context.configure().

        With `find_foreign_tables`, `is_same_default`, and `refuse_rows`, which returns the SQL that
        fails with a message if a table has rows that match a condition. Optional functions of what
        autogenerate has found: `plan_revisions` returns the revisions to write, `rename_in_place`
        renames columns and tables that are removed and added.
        """

    def connect(self, settings: MigrationSettings, /) -> Connection:
        """Return a new connection; raise CommandError if the database does not answer."""

    def open_connection(
        self, settings: MigrationSettings, /, *, read_only: bool, schema: str | None
    ) -> AbstractContextManager[Connection]:
        """Open a connection for migrations, with timeouts unless it only reads.

        Raises CommandError if it cannot be opened, and for database errors in the context.
        """

    def attempts(
        self, connection: Connection, settings: MigrationSettings, /
    ) -> Iterator[AbstractContextManager[None]]:
        """Yield a context in which this is the only migrating process; again for each retry.

            for attempt in attempts(connection, settings):
                with attempt:
                    migrate(connection)

        Raises CommandError if a retry cannot succeed or the time is up.
        """

    def use_schema(self, schema: str, /) -> str:
        """Return the SQL that selects the schema to migrate; may raise CommandError."""


class TestingDialect(Protocol):
    """Throwaway databases for tests."""

    @property
    def UNUSED_URL(self) -> str:  # noqa: N802
        """A valid URL of no database, for settings of an application that is not started."""

    def run_server(self) -> AbstractContextManager[URL]:
        """Run a server with its data in a temporary folder; yield the URL of a database on it."""

    def create_database(
        self, beside: URL, template: URL | None = None, /
    ) -> AbstractContextManager[URL]:
        """Create a database on the same server, empty or copied; yield its URL."""

    def locate(self, url: str, /) -> set[tuple[object, ...]]:
        """Return keys of a database: URLs of the same database share a key."""
