"""Telemetry: what kit/ calls, whichever parts this service has. See interface.py and chosen.py."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from kit._internal.telemetry.chosen import PARTS, TelemetrySettings
from kit._internal.telemetry.interface import Attributes, Job, Part

if TYPE_CHECKING:
    from kit.application import Service


def load_parts(settings: TelemetrySettings) -> list[Part]:
    """Return the parts that the settings switch on; the code of others is not imported."""
    loaded = [module.load_part(settings) for module in PARTS]
    return [part for part in loaded if part is not None]


def service_options(parts: list[Part]) -> dict[str, Any]:
    """Return the options of FastAPI() that the parts need."""
    options: dict[str, Any] = {}
    for part in parts:
        options.update(part.service_options)
    return options


def engine_options(settings: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the options of create_async_engine() that the parts need."""
    options: dict[str, Any] = {}
    for module in PARTS:
        options.update(module.engine_options(settings))
    return options


def values_in_tests() -> dict[str, Any]:
    """Return the settings that switch all parts off."""
    values: dict[str, Any] = {}
    for module in PARTS:
        values.update(module.VALUES_IN_TESTS)
    return values


@asynccontextmanager
async def serve(parts: list[Part], service: "Service") -> AsyncIterator[None]:
    """Record the requests of a service while its databases are open."""
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part.serve(service))
        yield


class Jobs(Job):
    """A job that several parts record."""

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs

    def step(self, name: str, attributes: Attributes, start: int, end: int) -> None:
        for job in self.jobs:
            job.step(name, attributes, start, end)


@contextmanager
def run_job(settings: TelemetrySettings, name: str) -> Iterator[Job]:
    """Record a process that ends on its own, such as `alembic upgrade`; send it at the end."""
    with ExitStack() as stack:
        jobs = [stack.enter_context(part.run_job(name)) for part in load_parts(settings)]
        yield Jobs(jobs)
