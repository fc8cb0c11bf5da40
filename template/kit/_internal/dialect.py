"""What a database has to bring: three protocols, each of which is a module of its folder.

`kit/_internal/postgresql/` and `kit/_internal/sqlite/` have these modules:

| module          | implements       | is imported by                                        |
| --------------- | ---------------- | ----------------------------------------------------- |
| `engine.py`     | Dialect          | the service, migrations, scripts                      |
| `migrations.py` | MigrationDialect | migrations and scripts: it may need another driver    |
| `testing.py`    | TestingDialect   | tests: it may need what is installed for development  |
| `loading.py`    |                  | database.py: it imports the other two when asked for  |

`kit/_internal/database.py` names the folder. mypy compares the modules with the protocols there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
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
    """How the service uses the database, and what its errors mean."""

    @property
    def ERRORS(self) -> ErrorTexts:  # noqa: N802
        """What may be logged of the drivers' errors."""

    @property
    def WRITING(self) -> Options:  # noqa: N802
        """The execution options of an engine that writes; `writing` is one of them."""

    @property
    def STREAMING(self) -> Options:  # noqa: N802
        """The execution options of an engine that reads row by row."""

    def parse_url(self, value: str, /) -> URL:
        """Return DATABASE_URL without its driver; raise ValueError, free of secrets."""

    def parse_any_url(self, value: str, /) -> URL:
        """Return MIGRATION_DATABASE_URL, which the driver of migrations has to support."""

    def create_reader(self, url: URL, settings: EngineSettings, options: Options, /) -> AsyncEngine:
        """Return the engine for reading; these options of create_async_engine() win."""

    def is_duplicate(self, error: DBAPIError, table: str, column: str, /) -> bool:
        """Return whether another row has the same value in this column, which is unique."""

    def is_unavailable(self, error: DBAPIError, /) -> bool:
        """Return whether the database, rather than the statement, is the reason of the error."""

    def is_outdated(self, error: DBAPIError, /) -> bool:
        """Return whether the statement names a table or column that the database does not have."""

    def explain_denial(self, error: DBAPIError, role: str | None, /) -> Obstacle | None:
        """Return the privilege that the role lacks, if that is the error, and how to grant it."""

    def find_obstacle(self, connection: Connection, /) -> Obstacle | None:
        """Return why tables cannot be seen, if that is so although no statement fails."""


class MigrationDialect(Protocol):
    """How migrations use the database. `connect()` returns a connection for scripts."""

    @property
    def OPTIONS(self) -> Options:  # noqa: N802
        """Options of context.configure(), `find_foreign_tables` and `is_same_default` included."""

    def connect(self, settings: MigrationSettings, /) -> Connection:
        """Return a connection of its own; raise CommandError when the database does not answer."""

    def migrate(
        self,
        run: Callable[..., None],
        settings: MigrationSettings,
        /,
        *,
        looking: bool,
        schema: str | None,
    ) -> None:
        """Call `run(connection=...)`, as the only migrator unless it only looks."""

    def use_schema(self, schema: str, /) -> str:
        """Return the statement after which this schema is migrated, or raise CommandError."""


class TestingDialect(Protocol):
    """How tests get databases of their own."""

    def run_server(self) -> AbstractContextManager[URL]:
        """Run a server with its data in a temporary folder; yield the URL of a database of it."""

    def create_database(
        self, beside: URL, template: URL | None = None, /
    ) -> AbstractContextManager[URL]:
        """Yield a new database on the same server: empty, or a copy of one that nobody uses."""

    def locate(self, url: str, /) -> set[tuple[object, ...]]:
        """Return where a database is; URLs of the same database share an item."""
