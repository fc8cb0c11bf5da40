"""The settings of metrics. The code that records them is imported only if they are switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, HttpUrl, Secret
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit._internal.telemetry.interface import Part

VALUES_IN_TESTS: dict[str, Any] = {"metrics_port": 0, "pushgateway_url": None}


class Settings(BaseSettings):
    """The settings of metrics."""

    # The port of /metrics, or 0 for no metrics. Each worker uses the first free port from here on.
    metrics_port: int = Field(default=9464, ge=0, le=65535)
    # The address of /metrics; by default HOST.
    metrics_host: str | None = None
    # The URL of a Pushgateway for migrations and backfills, which end before a scrape. It may have
    # a user and a password, which are never printed.
    pushgateway_url: Secret[HttpUrl] | None = None


def load_part(settings: Any) -> Part | None:  # noqa: ANN401
    """Return the part, or None without a port and a Pushgateway."""
    if not settings.metrics_port and settings.pushgateway_url is None:
        return None
    from kit._internal.telemetry.prometheus.part import PrometheusPart  # noqa: PLC0415

    return PrometheusPart(settings)


def engine_options(settings: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Return the class of a pool that counts waits."""
    if not settings.metrics_port:
        return {}
    from kit._internal.telemetry.prometheus.counting_pool import CountingPool  # noqa: PLC0415

    return {"poolclass": CountingPool}
