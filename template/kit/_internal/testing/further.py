"""The further databases of a service: which variable names each, and what is in a new one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import URL

from kit._internal.testing.databases import create_database, migrate, text_of


@contextmanager
def templates(
    databases: Mapping[str, str | Callable[[URL], None]], server: URL
) -> Iterator[dict[str, URL]]:
    """Yield a database with its tables for each variable; nobody is connected to it."""
    with ExitStack() as stack:
        urls = {}
        for variable, creator in databases.items():
            url = stack.enter_context(create_database(server))
            if callable(creator):
                creator(url)
            else:
                migrate(url, variable, creator)
            urls[variable] = url
        yield urls


@contextmanager
def clones(templates: Mapping[str, URL], server: URL) -> Iterator[None]:
    """Have each variable name a new copy of its template."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for variable, template in templates.items():
            url = stack.enter_context(create_database(server, template))
            patch.setenv(variable, text_of(url))
        yield
