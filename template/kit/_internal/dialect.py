"""The interface that the code for each database implements, as three protocols.

Three modules of `kit/_internal/postgresql/` and of `kit/_internal/sqlite/` implement a protocol:

| module          | implements       | imported by                                           |
| --------------- | ---------------- | ----------------------------------------------------- |
| `engine.py`     | Dialect          | the service, migrations, scripts                      |
| `migrations.py` | MigrationDialect | migrations and scripts; it may use another driver     |
| `testing.py`    | TestingDialect   | tests; it may use packages for development            |
| `loading.py`    |                  | database.py; it imports the other two when needed     |

`kit/_internal/database.py` imports the folder of this project's database. There mypy compares the
modules with the protocols. Settings are protocols, too: kit.settings.Settings has them all, and
imports the module that reads DATABASE_URL, so this one must not import kit.settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import URL, Connection
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


class MigrationSettings(Protocol):
    """The settings by which migrations reach the database: see kit.settings.Settings."""

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
        """Texts of the drivers' errors that may be logged."""

    @property
    def WRITE_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine with transactions; `may_write` is one of them."""

    @property
    def STATEMENT_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine for single statements that change rows."""

    @property
    def STREAM_OPTIONS(self) -> Options:  # noqa: N802
        """Execution options of the engine that reads row by row."""

    def parse_url(self, value: str, /) -> URL:
        """Return DATABASE_URL without its driver; raise ValueError, free of secrets."""

    def parse_any_url(self, value: str, /) -> URL:
        """Return MIGRATION_DATABASE_URL, which the driver of migrations has to support."""

    def create_read_engine(
        self, url: URL, settings: EngineSettings, options: Options, /
    ) -> AsyncEngine:
        """Return the engine that reads; these options of create_async_engine() win."""

    def is_duplicate(
        self, error: DBAPIError, names: Collection[str], columns: Sequence[str], /
    ) -> bool:
        """Return whether another row has the same values.

        `names` are those of the constraints and indexes that keep them unique; `columns` are
        written as table.column.
        """

    def is_unavailable(self, error: DBAPIError, /) -> bool:
        """Return whether the error is due to the database rather than to the statement."""

    def is_outdated(self, error: DBAPIError, /) -> bool:
        """Return whether the statement names a table or column that the database does not have."""

    def explain_denial(self, error: DBAPIError, role: str | None, /) -> Obstacle | None:
        """Return the missing privilege and how to grant it; None for any other error."""

    def find_obstacle(self, connection: Connection, /) -> Obstacle | None:
        """Return why the role sees no tables although no statement fails; None if it sees them."""


class MigrationDialect(Protocol):
    """Connections of migrations."""

    @property
    def OPTIONS(self) -> Options:  # noqa: N802
        """Options of context.configure(), with `find_foreign_tables` and `is_same_default`."""

    def connect(self, settings: MigrationSettings, /) -> Connection:
        """Return a new connection; raise CommandError when the database does not answer."""

    def open_connection(
        self, settings: MigrationSettings, /, *, read_only: bool, schema: str | None
    ) -> AbstractContextManager[Connection]:
        """Open a connection to migrate on, with timeouts unless it only reads.

        Raises CommandError where it cannot be opened, and for an error of the database within.
        """

    def attempts(
        self, connection: Connection, settings: MigrationSettings, /
    ) -> Iterator[AbstractContextManager[None]]:
        """Yield a context in which to migrate as the only process; another one to try again.

            for attempt in attempts(connection, settings):
                with attempt:
                    migrate(connection)

        Raises CommandError where another attempt is of no use, or the time is up.
        """

    def use_schema(self, schema: str, /) -> str:
        """Return the SQL that selects the schema to migrate, or raise CommandError."""


class TestingDialect(Protocol):
    """Throwaway databases for tests."""

    def run_server(self) -> AbstractContextManager[URL]:
        """Run a server with its data in a temporary folder; yield the URL of a database on it."""

    def create_database(
        self, beside: URL, template: URL | None = None, /
    ) -> AbstractContextManager[URL]:
        """Create a database on the same server, empty or a copy of an unused one; yield its URL."""

    def locate(self, url: str, /) -> set[tuple[object, ...]]:
        """Return keys of a database: URLs of the same database have a key in common."""
