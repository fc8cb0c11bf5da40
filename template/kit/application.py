"""The application class: FastAPI with health, docs, problems, limits and logs."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from kit._internal.docs import add_docs, add_index
from kit._internal.error_handlers import HANDLERS
from kit._internal.health.readiness import NotReadyError, ReadinessCheck
from kit._internal.health.routes import router as health_router
from kit._internal.limits import LimitMiddleware
from kit._internal.middleware import (
    CorsMiddleware,
    RequestMiddleware,
    UnexpectedErrorMiddleware,
)
from kit._internal.problems import with_problem_schemas
from kit._internal.routing import HeadMiddleware, match_last
from kit.db import Source
from kit.project import read_metadata
from kit.settings import Settings

__all__ = ["Service"]

logger = logging.getLogger(__name__)

Lifespan = Callable[["Service"], AbstractAsyncContextManager[Mapping[str, Any] | None]]


class Service(FastAPI):
    """A FastAPI application with health, docs, problems, limits, request ids and access log.

    `lifespan` does start-up and shutdown work; the databases are open while it runs. /health/ready
    checks the required ones. `options` are FastAPI's and override the built-in ones.
    `app.state.settings` has the settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Source | Sequence[Source],
        lifespan: Lifespan | None = None,
        exception_handlers: Mapping[Any, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if isinstance(database, Source):
            database = [database]
        self.sources = list(database)
        self.readiness_checks = [
            ReadinessCheck(source, settings) for source in self.sources if source.required
        ]
        self.own_lifespan = lifespan
        # Number of middlewares outside of those that add_middleware() adds.
        self.outer_count = 0
        super().__init__(
            lifespan=run_service,  # type: ignore[arg-type]
            exception_handlers={**HANDLERS, **(exception_handlers or {})},
            **(fastapi_options(settings) | options),
        )
        self.state.settings = settings
        # Before an application that is mounted at "/"; see run_service().
        self.include_router(health_router)
        if settings.docs:
            add_docs(self)
        self.add_built_in_middleware(settings)

    def add_built_in_middleware(self, settings: Settings) -> None:
        # Each wraps those added before.
        self.add_outer_middleware(LimitMiddleware, max_body_size=settings.max_body_size)
        self.add_outer_middleware(UnexpectedErrorMiddleware)
        self.add_outer_middleware(HeadMiddleware)
        if settings.cors_origins:
            self.add_outer_middleware(
                CorsMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["Location", "X-Request-ID"],
            )
        self.add_outer_middleware(RequestMiddleware)

    def add_middleware(
        self,
        middleware_class: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Add a middleware inside the built-in ones: its errors become problems with a request id.

        The last added is the outermost of these.
        """
        super().add_middleware(middleware_class, *args, **kwargs)
        self.user_middleware.insert(self.outer_count, self.user_middleware.pop(0))

    def add_outer_middleware(
        self,
        middleware_class: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Add a middleware around the built-in ones and those added before.

        Its own responses have no request id and are not in the access log.
        """
        super().add_middleware(middleware_class, *args, **kwargs)
        self.outer_count += 1

    def build_middleware_stack(self) -> ASGIApp:
        """Return the application with its middleware; Starlette calls this after start-up."""
        if self.state.settings.development:
            add_index(self)
        return super().build_middleware_stack()

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schema of problems."""
        if self.openapi_schema is None:
            self.openapi_schema = with_problem_schemas(super().openapi())
        return self.openapi_schema


def fastapi_options(settings: Settings) -> dict[str, Any]:
    """Return the built-in options of FastAPI()."""
    metadata = read_metadata()
    options = {
        "title": metadata["name"],
        "description": metadata["description"],
        "version": metadata["version"],
        # Decoding a field takes time proportional to its size and blocks the event loop.
        "form_limits": {"max_part_size": 250_000},
        "openapi_url": None,
        "docs_url": None,  # add_docs() adds the pages, with files served by the service.
        "redoc_url": None,
        # Generated clients use these ids as names of functions.
        "generate_unique_id_function": lambda route: route.name,
    }
    if settings.docs:
        options["openapi_url"] = "/openapi.json"
    return options


@asynccontextmanager
async def run_service(app: Service) -> AsyncIterator[Mapping[str, Any] | None]:
    """Open the databases while the application runs."""
    gc.set_threshold(50_000)  # A request creates many objects but hardly any cycles.
    match_last(app, "/health/live")
    settings = app.state.settings
    databases = {source.name: source.open(settings) for source in app.sources}
    for name, database in databases.items():
        setattr(app.state, name, database)
    try:
        await report_readiness(app)
        if app.own_lifespan is None:
            yield None
        else:
            async with app.own_lifespan(app) as state:
                yield state
    finally:
        for database in databases.values():
            await database.close()


async def report_readiness(app: Service) -> None:
    """Log why the service is not ready; it starts anyway."""
    for check in app.readiness_checks:
        try:
            await check.run(getattr(app.state, check.source.name))
        except NotReadyError as error:
            logger.warning("not ready: %s", error.advice)
