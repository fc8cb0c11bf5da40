"""Clients without a session, who sign in themselves."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import URL

from tests.auth.passkey_support import Laptop
from tests.auth.people import add_user
from kit.application import Service
from kit.testing import TestedService, client_of


@pytest.fixture
async def visitor(app: Service) -> AsyncIterator[AsyncClient]:
    """A client for sequential requests; what they write is undone."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def served(service: TestedService[Any], own_url: URL) -> AsyncIterator[Service]:
    """The application, started, with real commits, in which many passwords may be hashed."""
    # Many requests share the pool: on a busy machine the last of them waits for long.
    settings = service.settings_for(own_url, auth_argon2_queue=200, connection_timeout=60)
    async with service.serve(settings) as app:
        yield app


@pytest.fixture
async def crowd(served: Service) -> AsyncIterator[AsyncClient]:
    """A client of `served`, for concurrent requests."""
    async with client_of(served) as client:
        yield client


@pytest.fixture
async def laptop(own_app: Service) -> Laptop:
    """A passkey of a user who has signed in."""
    ada = await (await add_user(own_app, "ada@example.com")).sign_in()
    return await Laptop(ada).register()


@pytest.fixture
async def busy_laptop(service: TestedService[Any], own_url: URL) -> AsyncIterator[Laptop]:
    """A passkey of a service that is started, with real commits."""
    settings = service.settings_for(own_url, auth_argon2_queue=50, connection_timeout=60)
    async with service.serve(settings) as app:
        ada = await (await add_user(app, "ada@example.com")).sign_in()
        yield await Laptop(ada).register()
