"""A service does not start while a route does not say who may call it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import URL

from tests.auth.support import add_guarded_routes, add_open_routes
from kit._internal.auth.routes import list_routes
from kit._internal.auth.start import StartError
from kit.application import Service
from kit.testing import TestedService, checks

ADVICE = [
    ('GET /open-notes/{note_id}: dependencies=[require("open-notes:read")]'),
    ('WEBSOCKET /open-socket: dependencies=[require("open-socket:write")]'),
    ('POST /open-inner/note: dependencies=[require("note:write")]'),
    ('MOUNT /open-static: guard(..., require("open-static:read")) around its application'),
    ('ANY /open-plain: guard(..., require("open-plain:read")) around its application'),
]


def test_guarded_routes_are_enough(app: Service) -> None:
    add_guarded_routes(app)
    checks.test_every_route_says_who_may_call_it(app)
    assert app.reasons_not_to_start() == []


def test_every_open_route_is_named_with_what_to_add(app: Service) -> None:
    add_guarded_routes(app)
    add_open_routes(app)
    lines = app.reasons_not_to_start()
    assert len(lines) == len(ADVICE) + 4
    for line, advice in zip(lines[1:], ADVICE, strict=False):
        assert line.endswith(advice)
    with pytest.raises(AssertionError, match="/open-static"):
        checks.test_every_route_says_who_may_call_it(app)


def test_function_of_an_open_route_is_named(app: Service) -> None:
    add_open_routes(app)
    location = app.reasons_not_to_start()[2].split()[0]
    assert location.startswith("tests/auth/support.py:")


def test_listed_routes_have_their_guards(app: Service) -> None:
    add_guarded_routes(app)
    add_open_routes(app)
    allowed = {(route.method, route.path): route.allowed for route in list_routes(app)}
    assert allowed["POST", "/notes"] == "notes:write"
    assert allowed["GET", "/both"] == "notes:read notes:write"
    assert allowed["GET", "/me"] == "authenticated"
    assert allowed["GET", "/own"] == "authenticated"
    assert allowed["MOUNT", "/files"] == "notes:read"
    assert allowed["GET", "/inner/note"] == "notes:read"
    assert allowed["GET", "/health/live"] == allowed["GET", "/open"] == "public"
    assert allowed["WEBSOCKET", "/open-socket"] == "not stated"


async def test_service_with_an_open_route_does_not_start(
    service: TestedService[Any], own_url: URL
) -> None:
    app = service.create_app(service.settings_for(own_url))
    add_open_routes(app)
    with pytest.raises(StartError, match="/open-static"):
        async with app.router.lifespan_context(app):
            pass


async def test_route_added_at_start_up_is_checked(
    service: TestedService[Any], own_url: URL
) -> None:
    @asynccontextmanager
    async def add_routes(app: Service) -> AsyncIterator[None]:
        add_open_routes(app)
        yield

    app = service.create_app(service.settings_for(own_url))
    app.own_lifespan = add_routes
    with pytest.raises(StartError, match="/open-static"):
        async with app.router.lifespan_context(app):
            pass
