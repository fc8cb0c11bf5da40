"""Who gets an answer of which route, and what the answer says."""

from typing import Any

import pytest
from fastapi import Depends
from httpx import AsyncClient
from starlette.responses import PlainTextResponse

from tests.auth.support import TOKENS, KnownTokens, add_guarded_routes, bearer, connect
from kit.application import Service
from kit.auth import guard, require
from kit.testing import ClientAs, Log, as_principal, assert_problem, client_of, only

GUARDED = [
    "/notes",
    "/both",
    "/signed-in",
    "/own",
    "/me",
    "/parameter",
    "/inner/note",
    "/files/note",
]
OPEN = [
    "/open",
    "/open-files/note",
    "/health/live",
    "/docs",
    "/docs/swagger-ui.css",
    "/openapi.json",
]


@pytest.fixture
def known(app: Service) -> KnownTokens:
    """Let the application authenticate with known tokens."""
    known = KnownTokens()
    app.authenticator = known
    add_guarded_routes(app)
    return known


@pytest.fixture
def anyone(known: KnownTokens, app: Service) -> AsyncClient:
    """A client that sends no credentials."""
    return client_of(app)


@pytest.mark.parametrize("path", GUARDED)
async def test_without_credentials_it_is_401_with_a_challenge(
    anyone: AsyncClient, path: str
) -> None:
    response = await anyone.get(path)
    assert_problem(response, 401, "missing-credentials")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", GUARDED)
async def test_invalid_credentials_are_401_with_an_error(anyone: AsyncClient, path: str) -> None:
    response = await anyone.get(path, headers=bearer("stolen"))
    assert_problem(response, 401, "invalid-credentials")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("path", OPEN)
async def test_public_routes_need_no_credentials(
    anyone: AsyncClient, known: KnownTokens, path: str
) -> None:
    assert (await anyone.get(path)).status_code == 200
    assert known.calls == 0


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/notes", "reader", 200),
        ("HEAD", "/notes", "reader", 200),
        ("POST", "/notes", "reader", 403),
        ("POST", "/notes", "writer", 200),
        ("GET", "/notes", "nobody", 403),
        ("HEAD", "/notes", "nobody", 403),
        ("GET", "/both", "reader", 403),
        ("GET", "/both", "writer", 200),
        ("GET", "/signed-in", "nobody", 200),
        ("GET", "/me", "nobody", 200),
        ("GET", "/parameter", "nobody", 403),
        ("GET", "/inner/note", "nobody", 403),
        ("GET", "/inner/note", "reader", 200),
        ("GET", "/files/note", "nobody", 403),
        ("GET", "/files/note", "reader", 200),
    ],
)
async def test_route_needs_its_permissions(
    anyone: AsyncClient, method: str, path: str, token: str, status: int
) -> None:
    response = await anyone.request(method, path, headers=bearer(token))
    assert response.status_code == status


async def test_missing_permission_is_named(anyone: AsyncClient) -> None:
    response = await anyone.get("/both", headers=bearer("reader"))
    problem = assert_problem(response, 403, "missing-permission")
    assert problem["missing"] == ["notes:write"]
    challenge = 'Bearer error="insufficient_scope", scope="notes:write"'
    assert response.headers["WWW-Authenticate"] == challenge


async def test_route_gets_the_principal(anyone: AsyncClient) -> None:
    for path in ("/me", "/parameter"):
        response = await anyone.get(path, headers=bearer("reader"))
        assert response.json() == "user-1"


async def test_several_guards_authenticate_once(anyone: AsyncClient, known: KnownTokens) -> None:
    await anyone.get("/parameter", headers=bearer("reader"))
    assert known.calls == 1


@pytest.mark.parametrize(
    ("path", "token"), [("/notes", "reader"), ("/notes", "nobody"), ("/notes", ""), ("/me", "")]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_answer_for_a_client_is_not_cached_for_others(
    anyone: AsyncClient, method: str, path: str, token: str
) -> None:
    response = await anyone.request(method, path, headers=bearer(token))
    assert response.headers["Vary"] == "Authorization"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/open", "/docs/swagger-ui.css"])
async def test_answer_for_everyone_does_not_vary(anyone: AsyncClient, path: str) -> None:
    response = await anyone.get(path, headers=bearer("reader"))
    assert "Vary" not in response.headers


async def test_log_has_the_id_of_the_principal(anyone: AsyncClient, log: Log) -> None:
    await anyone.get("/me", headers=bearer("reader"))
    await anyone.get("/open", headers=bearer("reader"))
    await anyone.get("/me", headers=bearer("stolen"))
    principals = [record.get("principal") for record in log() if record["logger"] == "kit.access"]
    assert principals == ["user-1", None, None]


@pytest.mark.parametrize(
    ("token", "answer"), [("reader", "websocket.accept"), ("nobody", 403), ("", 401)]
)
async def test_web_socket_needs_its_permission(
    known: KnownTokens, app: Service, token: str, answer: str | int
) -> None:
    first = (await connect(app, "/socket", bearer(token)))[0]
    assert first.get("status", first["type"]) == answer


async def test_client_as_has_only_these_permissions(
    known: KnownTokens, client_as: ClientAs, client: AsyncClient
) -> None:
    reader = client_as("notes:read", subject="user-9")
    assert (await reader.get("/me")).json() == "user-9"
    assert (await reader.get("/notes")).status_code == 200
    assert (await reader.post("/notes")).status_code == 403
    assert known.calls == 0


async def test_client_has_the_permissions_of_all_routes(
    client: AsyncClient, client_as: ClientAs
) -> None:
    assert (await client.get("/users")).status_code == 200
    assert (await client_as().get("/users")).status_code == 403


async def test_web_socket_is_called_as_a_principal(known: KnownTokens, app: Service) -> None:
    messages = await connect(as_principal(app, TOKENS["reader"]), "/socket", {})
    assert messages[1]["text"] == "note"


async def test_description_says_what_a_route_needs(anyone: AsyncClient) -> None:
    document: dict[str, Any] = (await anyone.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"] == KnownTokens.schemes
    write = document["paths"]["/notes"]["post"]
    assert write["security"] == [{"known": ["notes:write"]}]
    assert {"401", "403", "503"} <= write["responses"].keys()
    me = document["paths"]["/me"]["get"]
    assert only(me["security"]) == {"known": []}
    assert "403" not in me["responses"]
    for path in ("/open", "/health/live"):
        operation = document["paths"][path]["get"]
        assert "security" not in operation
        assert "401" not in operation["responses"]


def test_mistakes_in_guards_are_refused() -> None:
    for permission in ("", "users read", 'users"', "nützer"):
        with pytest.raises(ValueError, match="no permission"):
            require(permission)
    with pytest.raises(TypeError, match="no guard"):
        guard(PlainTextResponse(""), Depends(str))
