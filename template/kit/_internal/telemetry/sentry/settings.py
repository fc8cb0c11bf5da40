"""The settings of sentry, with the names that Sentry documents: errors, sent to Sentry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit._internal.telemetry.interface import Part

VALUES_IN_TESTS = {"SENTRY_DSN": None}

DSN_FORMAT = "expected format: https://<key>@<host>/<project>, with a number as the project"
# Sentry drops an environment or a release with other characters.
Environment = Annotated[str, Field(pattern=r"^[^\s/]{1,64}$")]
Release = Annotated[str, Field(pattern=r"^[^\s/\\]{1,200}$")]


def check_dsn(dsn: SecretStr) -> SecretStr:
    """Return the DSN of a project in Sentry; raise ValueError, without the DSN."""
    try:
        parts = urlsplit(dsn.get_secret_value())
        complete = bool(parts.scheme in {"http", "https"} and parts.hostname and parts.username)
        complete = complete and parts.port != 0
    except ValueError:
        # Its message quotes the DSN.
        raise ValueError(DSN_FORMAT) from None
    project = parts.path.rpartition("/")[2]
    if not complete or not (project.isascii() and project.isdecimal()):
        raise ValueError(DSN_FORMAT)
    return dsn


class Settings(BaseSettings):
    """The settings of sentry."""

    # Where unexpected errors are sent, the DSN of a project in Sentry. It is never printed.
    sentry_dsn: Annotated[SecretStr, AfterValidator(check_dsn)] | None = Field(
        default=None, validation_alias="SENTRY_DSN", exclude=True
    )
    # The environment of these errors in Sentry, without spaces and slashes.
    sentry_environment: Environment = Field(
        default="production", validation_alias="SENTRY_ENVIRONMENT"
    )
    # The release of these errors; by default name@version, as in pyproject.toml.
    sentry_release: Release | None = Field(default=None, validation_alias="SENTRY_RELEASE")


def load_part(settings: Settings) -> Part | None:
    """Return the part, or None without a DSN: sentry_sdk is not imported then."""
    if settings.sentry_dsn is None:
        return None
    from kit._internal.telemetry.sentry.part import SentryPart  # noqa: PLC0415

    return SentryPart(settings.sentry_dsn, settings.sentry_environment, settings.sentry_release)


def engine_options(_settings: Settings) -> Mapping[str, Any]:
    """Return no options."""
    return {}
