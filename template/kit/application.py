"""The application class: FastAPI with health, docs, problems, limits and logs."""

import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from kit._internal import telemetry
from kit._internal.auth.chosen import create_authenticator
from kit._internal.auth.description import with_security
from kit._internal.auth.interface import Authenticator
from kit._internal.auth.middleware import AuthMiddleware
from kit._internal.auth.roles import Roles, check_roles
from kit._internal.auth.start import StartError, reasons_not_to_start
from kit._internal.docs import add_docs, add_index
from kit._internal.error_handlers import HANDLERS
from kit._internal.health.errors import NotReadyError
from kit._internal.health.readiness import ReadinessCheck
from kit._internal.health.routes import router as health_router
from kit._internal.limits import LimitMiddleware
from kit._internal.middleware import (
    CorsMiddleware,
    RequestMiddleware,
    UnexpectedErrorMiddleware,
)
from kit._internal.preconditions import with_preconditions
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
    checks the required ones. `new_user(email, name)` returns the row of a user who signs up, if the
    service has accounts and its model of users needs more than these two. `roles` have the
    permissions of each role, by name. `options` are FastAPI's and override the built-in ones.
    `app.state.settings` has the settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Source | Sequence[Source],
        lifespan: Lifespan | None = None,
        new_user: Callable[[str, str], object] | None = None,
        exception_handlers: Mapping[Any, Any] | None = None,
        roles: Roles | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if isinstance(database, Source):
            database = [database]
        self.sources = list(database)
        self.database_checks = [ReadinessCheck(source, settings) for source in self.sources]
        self.readiness_checks = [check for check in self.database_checks if check.source.required]
        self.telemetry = telemetry.load_parts(settings)
        # Finds out who calls; None if the service does not authenticate its clients.
        self.authenticator = create_authenticator(settings)
        self.roles = check_roles(roles or {})
        self.own_lifespan = lifespan
        self.new_user = new_user
        # Number of middlewares outside of those that add_middleware() adds.
        self.outer_count = 0
        super().__init__(
            lifespan=run_service,  # type: ignore[arg-type]
            exception_handlers={**HANDLERS, **(exception_handlers or {})},
            **(fastapi_options(settings) | telemetry.service_options(self.telemetry) | options),
        )
        self.state.settings = settings
        if self.authenticator is not None and self.swagger_ui_init_oauth is None:
            self.swagger_ui_init_oauth = dict(self.authenticator.docs_options)
        # Before an application that is mounted at "/"; see run_service().
        self.include_router(health_router)
        if self.authenticator is not None:
            for router in self.authenticator.routers:
                self.include_router(router)
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
                allow_credentials=sends_cookies(self.authenticator, settings),
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["ETag", "Location", "X-Request-ID"],
            )
        self.add_outer_middleware(RequestMiddleware)
        if self.authenticator is not None:
            self.add_outer_middleware(AuthMiddleware, authenticator=self.authenticator)
        for part in reversed(self.telemetry):
            self.add_outer_middleware(part.wrap)

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

    def reasons_not_to_start(self) -> list[str]:
        """Return a line for each missing setting, and for routes open by accident."""
        return reasons_not_to_start(self)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schema of problems and who may call what."""
        if self.openapi_schema is None:
            document = with_preconditions(with_problem_schemas(super().openapi()))
            self.openapi_schema = with_security(document, self)
        return self.openapi_schema


def sends_cookies(authenticator: Authenticator | None, settings: Settings) -> bool:
    """Return whether pages of other origins may send cookies; if "*" is one, none may."""
    if authenticator is None or "*" in settings.cors_origins:
        return False
    return authenticator.uses_cookies


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
    """Open the databases while the application runs; raise StartError if it must not start."""
    refuse_to_start(app)
    gc.set_threshold(50_000)  # A request creates many objects but hardly any cycles.
    match_last(app, "/health/live")
    if app.authenticator is not None and app.authenticator.own_path is not None:
        match_last(app, app.authenticator.own_path)
    settings = app.state.settings
    databases = {source.name: source.open(settings) for source in app.sources}
    for name, database in databases.items():
        setattr(app.state, name, database)
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry.serve(app.telemetry, app))
            if app.authenticator is not None:
                await stack.enter_async_context(app.authenticator.serve(app))
            await report_readiness(app)
            if app.own_lifespan is None:
                yield None
            else:
                state = await stack.enter_async_context(app.own_lifespan(app))
                # It may have added routes.
                refuse_to_start(app)
                yield state
    finally:
        for database in databases.values():
            await database.close()


def refuse_to_start(app: Service) -> None:
    """Raise StartError if the application must not start."""
    reasons = app.reasons_not_to_start()
    if reasons:
        raise StartError("\n".join(reasons))


async def report_readiness(app: Service) -> None:
    """Log why the service is not ready; it starts anyway."""
    for check in app.readiness_checks:
        await report(check.run(getattr(app.state, check.source.name)))
    if app.authenticator is not None:
        await report(app.authenticator.check_ready())


async def report(check: Awaitable[None]) -> None:
    """Log why a check fails."""
    try:
        await check
    except NotReadyError as error:
        logger.warning("not ready: %s", error.advice)
