import logging.config
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from httpx import AsyncClient
from sqlalchemy import URL

from tests.kit.support import allowed_client, events, serve, settings_for
from kit.application import Service
from kit.logging import DEBUG_LEVELS, logging_config
from kit.testing import Log

PERSON = {"email": "ada.lovelace@example.com", "name": "Ada Lovelace"}


@pytest.fixture
def levels() -> Iterator[None]:
    """Undo what a test sets."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name in DEBUG_LEVELS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_debug_shows_sql_without_its_values(
    own_url: URL, log: Log, caplog: pytest.LogCaptureFixture, levels: None, level: str
) -> None:
    logging.config.dictConfig(logging_config(level))
    logging.getLogger().addHandler(caplog.handler)
    async with serve(settings_for(own_url)) as app, allowed_client(app) as client:
        location = (await client.post("/users", json=PERSON)).headers["Location"]
        assert (await client.get(location)).status_code == 200
        assert (await client.get("/users", params={"name": "Lovelace"})).status_code == 200
    logged = "\n".join(events(log))
    for statement in ("INSERT INTO users", "SELECT users.id"):
        assert (statement in logged) is (level == "DEBUG")
    assert "ovelace" not in str(log())


async def test_access_line_in_a_terminal_shows_the_path(
    client: AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit._internal.middleware.in_terminal", lambda: True)
    await client.get("/userz/%1b[2Jada?email=ada@example.com")
    line = log()[-1]
    assert (line["path"], line["status"]) == ("/userz/%1B%5B2Jada", 404)
    assert "route" not in line


async def test_access_line_of_head_has_the_route(client: AsyncClient, log: Log) -> None:
    await client.head("/users/0198c0de-0000-7000-8000-000000000000")
    line = log()[-1]
    assert (line["method"], line["route"], line["status"]) == ("HEAD", "/users/{user_id}", 404)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_access_line_has_the_prefixes_of_all_routers(
    app: Service, client: AsyncClient, log: Log, method: str
) -> None:
    inner, outer = APIRouter(prefix="/things"), APIRouter(prefix="/v1")

    @inner.get("/{thing_id}")
    async def get_thing(thing_id: int) -> int:
        return thing_id

    outer.include_router(inner)
    app.include_router(outer)
    await client.request(method, "/v1/things/1")
    assert (log()[-1]["route"], log()[-1]["status"]) == ("/v1/things/{thing_id}", 200)


async def test_access_line_for_machines_has_no_path(client: AsyncClient, log: Log) -> None:
    await client.get("/userz/ada@example.com")
    assert (log()[-1]["route"], log()[-1]["status"]) == (None, 404)
    assert "userz" not in str(log())
