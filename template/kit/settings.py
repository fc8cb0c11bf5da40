"""The built-in settings, read from the environment and from .env.

A service has a subclass of Settings with its prefix, its name and its own settings. A field with
the name of a built-in setting replaces its default.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    ByteSize,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL

from kit._internal import telemetry
from kit._internal.auth.chosen_settings import AuthSettings
from kit._internal.database import dialect
from kit._internal.telemetry.chosen import TelemetrySettings
from kit.logging import logging_config
from kit.project import PROJECT_DIR

__all__ = ["DatabaseURL", "Settings", "SettingsT", "load", "prefix_of"]

Seconds = Annotated[float, Field(gt=0)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/]+$|^\*$")]


# The URL of another database: `reports_url: DatabaseURL`. It is parsed like DATABASE_URL; errors
# and dumps of the settings do not show its password.
DatabaseURL = Annotated[URL, NoDecode, PlainValidator(dialect.parse_url), PlainSerializer(repr)]


def split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return value


class Settings(TelemetrySettings, AuthSettings):
    """The settings, read from variables named by a prefix and a field.

    The environment overrides .env. The prefix is `env_prefix` in `model_config` of the subclass.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT_DIR / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The URL of the database, as the platform gives it. Its password is never printed.
    database_url: Annotated[URL, NoDecode, PlainValidator(dialect.parse_url)] = Field(
        validation_alias="DATABASE_URL", exclude=True
    )
    # The URL for migrations, when DATABASE_URL is that of a pooler such as PgBouncer.
    migration_database_url: Annotated[
        URL | None, NoDecode, PlainValidator(dialect.parse_any_url)
    ] = Field(
        default=None,
        validate_default=False,
        validation_alias="MIGRATION_DATABASE_URL",
        exclude=True,
    )
    # The name of the service's connections, which the database shows.
    service_name: str = "service"

    host: str = "127.0.0.1"
    # Whether everyone who reaches the port may call every route. Required on a host other than
    # loopback, unless clients are authenticated; unset, it is allowed with a warning.
    allow_anonymous: bool | None = None
    # Also PORT without the prefix, as many platforms set it.
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1)
    # How many seconds running requests may take after SIGTERM.
    shutdown_timeout: int = Field(default=30, ge=1)
    # Largest body of a request, in bytes or as 10MB; a route may have its own limit.
    max_body_size: ByteSize = Field(default=ByteSize(1_000_000), ge=0)
    # Longest time for a client to send the head of a request.
    header_timeout: Seconds = 10
    # Longest time for a client to send 100 kB of a body, or to receive what is sent to it.
    body_timeout: Seconds = 30
    # Connections of clients to a worker; by default as many as its limit of open files allows.
    limit_concurrency: int | None = Field(default=None, ge=1)

    # Connections to the database that a worker keeps, and how many more it may open under load.
    pool_size: int = Field(default=10, ge=1)
    pool_overflow: int = Field(default=10, ge=0)
    # Connections to the database that all workers together may open, if that is less.
    connection_limit: int | None = Field(default=None, ge=1)
    # Whether DATABASE_URL is that of a pooler that may run each transaction on another connection.
    transaction_pooling: bool = False
    # Longest wait for a connection to the database, from the pool or from the server.
    connection_timeout: Seconds = 5
    # A connection is replaced after this time, so that a failover or a new password takes effect.
    connection_max_age: Seconds = 1800
    # Longest run of a statement, waiting for locks included.
    statement_timeout: Seconds = 30
    # Longest wait of a migration for another migration, or for a table that is in use.
    migration_timeout: Seconds = 300
    # Longest wait for a table in each attempt, during which queries wait for the migration.
    migration_lock_timeout: Seconds = 0.5
    # Longest run of a statement of a migration.
    migration_statement_timeout: Seconds = 60
    # How long /health/ready waits for the database.
    ready_timeout: Seconds = 2
    # Whether the service is ready on a database of a newer release, as after a rollback.
    allow_newer_database: bool = False
    # Whether a commit waits for the disk. Otherwise a power failure may lose the last commits.
    durable_commits: bool = True

    # How long the answer to a request with an Idempotency-Key is kept for repetitions, in hours.
    idempotency_hours: int = Field(default=24, ge=1)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Origins whose pages may call the API, separated by commas.
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(split_commas)] = ()
    # Whether /docs, /redoc and /openapi.json are served.
    docs: bool = True
    # Whether answers have hints for developers, and / links to the pages; `make dev` turns it on.
    development: bool = False

    def log_config(self, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
        """Return the argument of logging.config.dictConfig, for the service and for migrations.

        `context` returns fields for each record, such as the request id. To change the result,
        override this method and call super().log_config(context).
        """
        return logging_config(self.log_level, context)

    @field_validator("connection_limit")
    @classmethod
    def check_connection_limit(cls, limit: int | None, info: ValidationInfo) -> int | None:
        """Raise ValueError if a worker would have no connection."""
        workers = info.data.get("workers", 1)
        if limit is not None and limit < workers:
            raise ValueError(f"each of {workers} workers needs a connection")
        return limit

    @property
    def pool_sizes(self) -> tuple[int, int]:
        """The connections that a worker keeps, and how many more it may open."""
        share = (self.connection_limit or sys.maxsize) // self.workers
        size = min(self.pool_size, share)
        return size, min(self.pool_overflow, share - size)

    @property
    def migration_url(self) -> URL:
        """The URL for migrations."""
        return self.migration_database_url or self.database_url

    @property
    def telemetry_options(self) -> dict[str, Any]:
        """The options of create_async_engine() that telemetry needs."""
        return telemetry.engine_options(self)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of settings, the first of which wins; called by pydantic-settings."""
        sources = [init_settings]
        for source in (env_settings, dotenv_settings):
            sources.append(source)
            if isinstance(source, EnvSettingsSource):
                sources.append(PlatformSource(settings_cls, source.env_vars))
        return (*sources, file_secret_settings)


class PlatformSource(PydanticBaseSettingsSource):
    """The variable PORT, which many platforms set; the variable with the prefix overrides it."""

    def __init__(
        self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]
    ) -> None:
        super().__init__(settings_cls)
        self.variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self.variables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        port = self.variables.get("port")
        if not port:
            return {}
        return {"port": port}


# A subclass of Settings, in signatures.
SettingsT = TypeVar("SettingsT", bound=Settings)


def load(settings_class: type[SettingsT], **values: Any) -> SettingsT:  # noqa: ANN401
    """Return the settings, or exit with a line for each that is missing or invalid.

    `values` override variables of the environment: DATABASE_URL="...".
    """
    try:
        return settings_class(**values)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        lines = [describe_problem(settings_class, problem) for problem in problems]
        raise SystemExit("\n".join(lines)) from None


def describe_problem(settings_class: type[Settings], problem: ErrorDetails) -> str:
    """Return the name of a missing or invalid variable, and the reason."""
    name = str(problem["loc"][0])
    # A name in capitals, such as DATABASE_URL, is that of the variable.
    if not name.isupper():
        name = f"{prefix_of(settings_class)}{name.upper()}"
    if problem["type"] == "missing":
        return f"{name}: is not set; set it in the environment or in .env"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def prefix_of(settings_class: type[Settings]) -> str:
    """Return the prefix of a service's environment variables, such as ORDERS_."""
    return settings_class.model_config.get("env_prefix", "")
