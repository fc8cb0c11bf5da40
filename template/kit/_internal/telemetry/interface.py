"""The interface of a part of telemetry, such as metrics.

Each part is a folder beside this module. Its `settings.py` has the settings of the part and the
names of PartModule, and imports nothing else of the part until the settings switch it on.
`chosen.py` lists the parts of this service; telemetry/__init__.py calls them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

    from kit.application import Service

Attributes = Mapping[str, str | int]


class Job:
    """A run of a command that ends on its own, such as `alembic upgrade`."""

    def step(self, name: str, attributes: Attributes, start: int, end: int) -> None:
        """Record a finished step, such as a revision.

        `start` and `end` are in nanoseconds since the epoch.
        """


class Part:
    """A part of telemetry. Each overrides what it needs; by default a method records nothing."""

    # Options of FastAPI().
    service_options: ClassVar[Mapping[str, Any]] = {}

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return the application in a middleware, outside of all others.

        It handles requests before serve() begins, as in tests without a lifespan.
        """
        return app

    @asynccontextmanager
    async def serve(self, service: Service) -> AsyncIterator[None]:  # noqa: ARG002
        """Record while the databases of the service are open; send what is left at the end.

        Start-up and requests do not wait for a receiver, and do not fail without it.
        """
        yield

    @contextmanager
    def run_job(self, name: str) -> Iterator[Job]:  # noqa: ARG002
        """Record a job, and whether it fails; send it at the end, for a few seconds at most."""
        yield Job()


class PartModule(Protocol):
    """The `settings.py` of a part, without its settings class."""

    @property
    def VALUES_IN_TESTS(self) -> Mapping[str, Any]:  # noqa: N802
        """Settings that switch the part off."""

    def load_part(self, settings: Any, /) -> Part | None:  # noqa: ANN401
        """Return the part, or None if the settings switch it off."""

    def engine_options(self, settings: Any, /) -> Mapping[str, Any]:  # noqa: ANN401
        """Return options of create_async_engine(); none if the settings switch the part off."""
