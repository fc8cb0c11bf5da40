"""The service: its routers, middleware, and start-up and shutdown work."""

from app.db import database
from app.settings import Settings
from app.users.routes import router as users_router
from kit.application import Service
from kit.settings import load


def create_app(settings: Settings | None = None) -> Service:
    """Return the service, ready to be served."""
    app = Service(settings or load(Settings), database=database)
    app.include_router(users_router)
    return app


def __getattr__(name: str) -> Service:
    """Return `app`, created when a server asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app()
    raise AttributeError(name)


def __dir__() -> list[str]:
    return [*globals(), "app"]
