"""The service under test, with settings independent of the environment."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic

from sqlalchemy import URL, Connection

from kit._internal import telemetry
from kit._internal.auth.chosen_settings import VALUES_IN_TESTS
from kit.application import Service
from kit.db import Database
from kit.project import is_own_module
from kit.settings import SettingsT

# Packages that may wrap create_app() or extend Settings in tests, but are not the service.
OTHER_PACKAGES = {"conftest", "kit", "test", "tests"}


@dataclass(frozen=True)
class TestedService(Generic[SettingsT]):
    """How to create the service, the class of its settings, and what differs in tests.

    `environment` sets environment variables in tests: {"ORDERS_API_KEY": "test"} for a setting
    without a default. `databases` has the variables of other databases, which tests replace with
    throwaway ones: {"ORDERS_REPORTS_URL": "reports"} migrates it with the section `reports` of
    alembic.ini. Instead of the section, a function may create the tables on a connection, as in
    {"ORDERS_REPORTS_URL": Base.metadata.create_all}.

    `skip` skips checks of kit.testing.checks, with a reason:
    {"test_every_error_is_a_problem": "clients expect another format"}. To skip one revision of a
    check: "test_revision_goes_up_down_and_up_with_rows[2026_01_01_0000-create_users]".
    """

    create_app: Callable[[SettingsT], Service]
    settings_class: type[SettingsT]
    environment: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str | Callable[[Connection], None]] = field(default_factory=dict)
    skip: Mapping[str, str] = field(default_factory=dict)
    # Not a test class, despite its name.
    __test__ = False

    @property
    def package(self) -> str:
        """The package of the service's settings."""
        classes = self.settings_class.__mro__
        for module in [*(item.__module__ for item in classes), self.create_app.__module__]:
            package = module.partition(".")[0]
            if is_own_module(module) and package not in OTHER_PACKAGES:
                return package
        return self.settings_class.__module__.partition(".")[0]

    def settings_for(self, url: URL | str, **values: Any) -> SettingsT:  # noqa: ANN401
        """Return settings for this database with these values.

        .env is not read, telemetry is off, and authentication needs no network.
        """
        if isinstance(url, URL):
            url = url.render_as_string(hide_password=False)
        return self.settings_class(
            _env_file=None,
            DATABASE_URL=url,
            **{**telemetry.values_in_tests(), **VALUES_IN_TESTS, **values},
        )

    def open_database(self, settings: SettingsT) -> Database:
        """Return the main database of the service, with its engine options."""
        return self.create_app(settings).sources[0].open(settings)

    @asynccontextmanager
    async def serve(self, settings: SettingsT) -> AsyncIterator[Service]:
        """Yield the started application; shut it down afterwards."""
        app = self.create_app(settings)
        async with app.router.lifespan_context(app):
            yield app
