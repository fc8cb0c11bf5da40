"""The service that is tested, with settings that owe nothing to the environment."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic

from sqlalchemy import URL, Connection

from kit.application import Service
from kit.db import Database
from kit.settings import SettingsT


@dataclass(frozen=True)
class TestedService(Generic[SettingsT]):
    """How to create the service, the class of its settings, and what these are in tests.

    `environment` sets variables that have no default: {"ORDERS_STRIPE_KEY": "none"}. `databases`
    has the variables that name further databases, each of which is a throwaway one in tests:
    {"ORDERS_REPORTS_URL": "reports"} migrates it with the section `reports` of alembic.ini. In
    place of the section, a function creates the tables of an empty database on a connection, as
    {"ORDERS_REPORTS_URL": Base.metadata.create_all} does.
    """

    create_app: Callable[[SettingsT], Service]
    settings_class: type[SettingsT]
    environment: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str | Callable[[Connection], None]] = field(default_factory=dict)
    # The name begins as that of a class of tests does.
    __test__ = False

    def settings_for(self, url: URL | str) -> SettingsT:
        """Return settings that owe nothing to .env."""
        text = url.render_as_string(hide_password=False) if isinstance(url, URL) else url
        return self.settings_class(_env_file=None, DATABASE_URL=text)

    def open_database(self, settings: SettingsT) -> Database:
        """Return the main database of the service, with its engine options."""
        return self.create_app(settings).sources[0].open(settings)

    @asynccontextmanager
    async def serve(self, settings: SettingsT) -> AsyncIterator[Service]:
        """Yield the application, started and afterwards shut down."""
        app = self.create_app(settings)
        async with app.router.lifespan_context(app):
            yield app
