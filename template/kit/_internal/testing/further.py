"""Throwaway databases for a service's other databases: `TestedService(databases=...)`."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import URL

from kit._internal.database import load_migration_dialect
from kit._internal.testing.databases import create_database, migrate, text_of
from kit._internal.testing.service import TestedService


@contextmanager
def templates(service: TestedService[Any], server: URL) -> Iterator[dict[str, URL]]:
    """Create a database with tables for each variable; yield their URLs."""
    with ExitStack() as stack:
        urls = {}
        for variable, creator in service.databases.items():
            url = stack.enter_context(create_database(server))
            if isinstance(creator, str):
                # A section of alembic.ini.
                migrate(url, variable, creator)
            else:
                settings = service.settings_for(url)
                with load_migration_dialect().connect(settings) as connection:
                    creator(connection)
                    connection.commit()
            urls[variable] = url
        yield urls


@contextmanager
def clones(templates: Mapping[str, URL], server: URL) -> Iterator[None]:
    """Create a copy of each template; set the variables to their URLs."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for variable, template in templates.items():
            url = stack.enter_context(create_database(server, template))
            patch.setenv(variable, text_of(url))
        yield
