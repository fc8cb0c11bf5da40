"""The application: the one place where its parts meet."""

import gc
import logging
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.db import Database
from app.docs import add_docs, add_index
from app.errors import Problem, add_error_handlers
from app.health.readiness import NotReadyError, check_ready
from app.health.routes import router as health_router
from app.limits import LimitMiddleware
from app.middleware import CorsMiddleware, RequestMiddleware, UnexpectedErrorMiddleware
from app.routing import HeadMiddleware, match_last
from app.settings import PROJECT_DIR, Settings, load_settings
from app.users.routes import router as users_router

logger = logging.getLogger(__name__)


class Service(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, with the problems that its routes refer to."""
        if self.openapi_schema is None:
            schemas = super().openapi()["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"Problem": problem}
        return super().openapi()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database for as long as the application runs."""
    gc.set_threshold(50_000)  # A request makes many objects, and hardly any cycles.
    match_last(app, "/health/live")
    database = app.state.database = Database.from_settings(app.state.settings)
    try:
        await check_ready(database, app.state.settings)
    except NotReadyError as error:
        logger.warning("not ready: %s", error.advice)
    try:
        yield
    finally:
        await database.engine.dispose()


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service, ready to be served."""
    settings = settings or load_settings()
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    app = Service(
        title=project["name"],
        description=project["description"],
        version=project["version"],
        lifespan=lifespan,
        # Decoding a field takes as long as it is, and nothing else runs meanwhile.
        form_limits={"max_part_size": 250_000},
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,  # add_docs() adds them, without another host.
        redoc_url=None,
        # Names of functions make good names in generated clients.
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(health_router)  # Before all that can be mounted at "/".
    app.state.settings = settings
    if settings.docs:
        add_docs(app)
    app.include_router(users_router)
    add_error_handlers(app)
    if settings.development:
        add_index(app)
    # The last one added is the outermost.
    app.add_middleware(LimitMiddleware, max_body_size=settings.max_body_size)
    app.add_middleware(UnexpectedErrorMiddleware)
    app.add_middleware(HeadMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CorsMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "X-Request-ID"],
        )
    app.add_middleware(RequestMiddleware)
    return app
