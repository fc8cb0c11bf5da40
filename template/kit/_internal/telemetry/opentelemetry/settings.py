"""The settings of OpenTelemetry: its own variables, from the environment and from .env."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, model_validator
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit._internal.telemetry.interface import Part
    from kit._internal.telemetry.opentelemetry.providers import ProviderSettings

VALUES_IN_TESTS: dict[str, Any] = {"OTEL_SDK_DISABLED": "true"}

PREFIX = "OTEL_"


class Settings(BaseSettings):
    """Where spans, metrics and logs go; nothing is recorded without an endpoint.

    The SDK reads the other variables that OpenTelemetry documents, such as
    OTEL_TRACES_SAMPLER. An endpoint may contain a password.
    """

    otel_sdk_disabled: str = Field(default="", validation_alias="OTEL_SDK_DISABLED")
    # The URL of a receiver of OTLP over HTTP, for all signals that are switched on.
    otel_endpoint: str = Field(
        default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", repr=False
    )
    otel_traces_endpoint: str = Field(
        default="", validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", repr=False
    )
    otel_metrics_endpoint: str = Field(
        default="", validation_alias="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", repr=False
    )
    otel_logs_endpoint: str = Field(
        default="", validation_alias="OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", repr=False
    )
    # "otlp" or "none". With an endpoint for all signals, traces are sent by default.
    otel_traces_exporter: str = Field(default="otlp", validation_alias="OTEL_TRACES_EXPORTER")
    # By default "otlp" if the signal has an endpoint of its own.
    otel_metrics_exporter: str = Field(default="", validation_alias="OTEL_METRICS_EXPORTER")
    otel_logs_exporter: str = Field(default="", validation_alias="OTEL_LOGS_EXPORTER")
    # The variables of OpenTelemetry in .env and above: with headers, which are secret.
    _otel_variables: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def keep_otel_variables(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        """Keep the variables that are not settings, and which the SDK reads."""
        settings = handler(values)
        for name, value in dict(values).items():
            if name.upper().startswith(PREFIX):
                settings._otel_variables[name.upper()] = str(value)  # noqa: SLF001
        return settings

    @property
    def otel_variables(self) -> Mapping[str, str]:
        """The variables of OpenTelemetry that are in .env, or that are settings."""
        return self._otel_variables

    @property
    def otel_signals(self) -> frozenset[str]:
        """What is recorded and sent: of "traces", "metrics" and "logs"."""
        if self.otel_sdk_disabled.strip().lower() == "true":
            return frozenset()
        signals = {
            "traces": (self.otel_traces_endpoint or self.otel_endpoint, self.otel_traces_exporter),
            "metrics": signal(
                self.otel_metrics_endpoint, self.otel_endpoint, self.otel_metrics_exporter
            ),
            "logs": signal(self.otel_logs_endpoint, self.otel_endpoint, self.otel_logs_exporter),
        }
        return frozenset(
            name
            for name, (endpoint, exporter) in signals.items()
            if endpoint and exporter.strip().lower() == "otlp"
        )


def signal(own_endpoint: str, endpoint: str, exporter: str) -> tuple[str, str]:
    """Return the endpoint and the exporter of a signal that has to be asked for."""
    if own_endpoint:
        return own_endpoint, exporter or "otlp"
    return endpoint, exporter


def load_part(settings: ProviderSettings) -> Part | None:
    """Return the part, or None without an endpoint."""
    if not settings.otel_signals:
        return None
    # Imported here: the SDK takes long to import, and is not needed without an endpoint.
    from kit._internal.telemetry.opentelemetry.part import OpenTelemetry  # noqa: PLC0415

    return OpenTelemetry(settings)


def engine_options(_settings: Settings) -> Mapping[str, Any]:
    """Return no options: the engines of the service get listeners when it starts."""
    return {}
