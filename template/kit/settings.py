"""The built-in settings, read once from the environment and from .env.

A service has a subclass of Settings: with its prefix, its name, settings of its own, and other
defaults for those that it names again.
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

from kit._internal.database import dialect
from kit.logging import logging_config
from kit.project import PROJECT_DIR

__all__ = ["DatabaseURL", "Settings", "SettingsT", "load", "prefix_of"]

Seconds = Annotated[float, Field(gt=0)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/]+$|^\*$")]


# The URL of a further database, as the platform gives it: `reports_url: DatabaseURL`. Read as
# DATABASE_URL is: neither errors nor dumps of the settings show its password.
DatabaseURL = Annotated[URL, NoDecode, PlainValidator(dialect.parse_url), PlainSerializer(repr)]


def split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Settings(BaseSettings):
    """What can be set, as prefix and the name of the field; the environment wins over .env.

    The prefix is `env_prefix` in the `model_config` of the subclass.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT_DIR / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The one database, as the platform gives it. Never printed with its password.
    database_url: Annotated[URL, NoDecode, PlainValidator(dialect.parse_url)] = Field(
        validation_alias="DATABASE_URL", exclude=True
    )
    # Where migrations reach it instead, when DATABASE_URL leads to a pooler such as PgBouncer.
    migration_database_url: Annotated[
        URL | None, NoDecode, PlainValidator(dialect.parse_any_url)
    ] = Field(
        default=None,
        validate_default=False,
        validation_alias="MIGRATION_DATABASE_URL",
        exclude=True,
    )
    # How the service calls itself towards the database.
    service_name: str = "service"

    host: str = "127.0.0.1"
    # Also PORT without the prefix, as many platforms set it.
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1)
    # How long running requests may take after SIGTERM.
    shutdown_timeout: int = Field(default=30, ge=1)
    # Largest body of a request, in bytes or as 10MB; a route may have a limit of its own.
    max_body_size: ByteSize = Field(default=ByteSize(1_000_000), ge=0)
    # Longest time for a client to send the head of a request.
    header_timeout: Seconds = 10
    # Longest time for a client to send the next 100 kB of a body, or to take the next of an answer.
    body_timeout: Seconds = 30
    # Connections that a worker keeps open; by default as many as its limit of open files allows.
    limit_concurrency: int | None = Field(default=None, ge=1)

    # Connections that a worker keeps, and how many more it may open under load.
    pool_size: int = Field(default=10, ge=1)
    pool_overflow: int = Field(default=10, ge=0)
    # Connections that all workers together may open, when that is less than they would.
    connection_limit: int | None = Field(default=None, ge=1)
    # Whether DATABASE_URL leads to a pooler that may run every transaction on another connection.
    transaction_pooling: bool = False
    # Longest wait for a connection, whether from the pool or from the server.
    connection_timeout: Seconds = 5
    # A connection is replaced after this time, so that a failover or a new password is noticed.
    connection_max_age: Seconds = 1800
    # Longest run of one statement, waiting for locks included.
    statement_timeout: Seconds = 30
    # Longest wait of a migration for another one, or for a table that a transaction keeps in use,
    migration_timeout: Seconds = 300
    # in attempts of this length, each of which keeps everybody else from the table.
    migration_lock_timeout: Seconds = 1
    # Longest run of one statement of a migration.
    migration_statement_timeout: Seconds = 60
    # How long /health/ready waits for the database.
    ready_timeout: Seconds = 2
    # Whether code may serve a database that a newer release has migrated, as after a rollback.
    allow_newer_database: bool = False
    # Whether a commit waits for the disk. If not, a power cut may take the last ones with it.
    durable_commits: bool = True

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Origins whose pages may call the API, separated by commas.
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(split_commas)] = ()
    # Whether /docs, /redoc and /openapi.json are served.
    docs: bool = True
    # Whether answers have hints for developers, and / lists the pages; `make dev` turns it on.
    development: bool = False

    def log_config(self, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
        """Return the argument of logging.config.dictConfig, for the service and for migrations.

        `context` returns what each record is to have, such as the id of the request. A subclass
        changes what super().log_config(context) returns.
        """
        return logging_config(self.log_level, context)

    @field_validator("connection_limit")
    @classmethod
    def has_one_for_each_worker(cls, limit: int | None, others: ValidationInfo) -> int | None:
        if limit and limit < others.data.get("workers", 1):
            raise ValueError(f"each of {others.data['workers']} workers needs a connection")
        return limit

    @property
    def pool_sizes(self) -> tuple[int, int]:
        """How many connections a worker keeps, and how many more it may open: its share."""
        share = (self.connection_limit or sys.maxsize) // self.workers
        size = min(self.pool_size, share)
        return size, min(self.pool_overflow, share - size)

    @property
    def migration_url(self) -> URL:
        """Where migrations go: past a pooler, if there is one."""
        return self.migration_database_url or self.database_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from, the first of which wins: the hook of Pydantic."""
        sources = [init_settings]
        for source in (env_settings, dotenv_settings):
            sources.append(source)
            if isinstance(source, EnvSettingsSource):
                sources.append(PlatformSource(settings_cls, source.env_vars))
        return (*sources, file_secret_settings)


class PlatformSource(PydanticBaseSettingsSource):
    """PORT, which is not prefixed: it counts where the same place does not set it with prefix."""

    def __init__(
        self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]
    ) -> None:
        super().__init__(settings_cls)
        self.variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self.variables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        port = self.variables.get("port")
        return {"port": port} if port else {}


# The class of a service's own settings, in the signatures of functions that take it.
SettingsT = TypeVar("SettingsT", bound=Settings)


def load(settings_class: type[SettingsT]) -> SettingsT:
    """Return the settings, or end the process with a line for each that is missing or wrong."""
    try:
        return settings_class()
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        lines = [describe_problem(settings_class, problem) for problem in problems]
        raise SystemExit("\n".join(lines)) from None


def describe_problem(settings_class: type[Settings], problem: ErrorDetails) -> str:
    """Return the variable that is missing or wrong, and why."""
    field = str(problem["loc"][0])
    name = field if field.isupper() else f"{prefix_of(settings_class)}{field.upper()}"
    if problem["type"] == "missing":
        return f"{name}: is not set; set it in the environment or in .env"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def prefix_of(settings_class: type[Settings]) -> str:
    """Return what the environment variables of a service begin with, as ORDERS_."""
    return settings_class.model_config.get("env_prefix", "")
