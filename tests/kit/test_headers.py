from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from httpx import AsyncClient

from kit.testing import assert_problem, client_of


@pytest.fixture
def app(app: FastAPI, tmp_path: Path) -> FastAPI:
    """The service with files, a mounted application, and routes with headers of their own."""
    router = APIRouter()

    @router.get("/item")
    async def read_item() -> None:
        pass

    sub = FastAPI()
    sub.include_router(router, prefix="/nested")
    app.mount("/sub", sub)
    (tmp_path / "pages").mkdir()
    for name in ("main.txt", "pages/index.html"):
        (tmp_path / name).write_text("content", "utf-8")
    app.mount("/files", StaticFiles(directory=tmp_path, html=True))

    @app.get("/cached")
    async def read_cached(response: Response) -> None:
        response.headers["Cache-Control"] = "max-age=60"

    @app.get("/elsewhere")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("https://other.example/users/?a=1")

    @app.get("/secure")
    async def secure() -> RedirectResponse:
        return RedirectResponse("https://test/secure")

    return app


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/users/", "/users"),
        ("/users/?limit=1&name=%C3%A9", "/users?limit=1&name=%C3%A9"),
        ("/sub/nested/item/", "/sub/nested/item"),
        ("/files/pages", "/files/pages/"),
        ("/elsewhere", "https://other.example/users/?a=1"),
        ("/secure", "https://test/secure"),
    ],
)
@pytest.mark.parametrize("host", ["test", "evil.example", "evil.example:8000", "[::1]:1", "a b"])
async def test_redirect_never_leads_to_the_host_of_the_client(
    client: AsyncClient, path: str, location: str, host: str
) -> None:
    response = await client.get(path, headers={"Host": host})
    assert response.status_code == 307
    assert response.headers["Location"] == location


async def test_redirect_keeps_method_and_body(client: AsyncClient) -> None:
    user = {"email": "ada@example.com", "name": "Ada"}
    response = await client.post("/users/", json=user, follow_redirects=True)
    assert response.status_code == 201
    assert response.url.path == "/users"


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example", "/%5cevil.example/"])
async def test_redirect_of_any_path_stays_here(app: FastAPI, path: str) -> None:
    @app.get("/{anything:path}/end")
    async def read(anything: str) -> None:
        pass

    async with client_of(app) as client:
        response = await client.get(f"http://test{path}/end/")
    assert response.status_code == 307
    location = response.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


async def test_redirect_behind_a_proxy_that_strips_a_prefix(app: FastAPI) -> None:
    app.root_path = "/api"
    async with client_of(app) as client:
        for path in ("/users/", "/api/users/"):
            response = await client.get(path, headers={"X-Forwarded-Host": "evil.example"})
            assert response.headers["Location"] == "/api/users"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users", "no-store"),
        ("/users/1", "no-store"),
        ("/no-such-path", "no-store"),
        ("/users/", "no-store"),
        ("/health/live", "no-store"),
        ("/openapi.json", "no-store"),
        ("/sub/nested/item", "no-store"),
        ("/cached", "max-age=60"),
        ("/docs/swagger-ui.css", "max-age=3600"),
        ("/files/main.txt", None),
    ],
)
async def test_nothing_is_stored_unless_the_response_says_so(
    client: AsyncClient, path: str, expected: str | None
) -> None:
    response = await client.get(path)
    assert response.headers.get_list("Cache-Control") == ([expected] if expected else [])


async def test_file_that_has_not_changed_may_be_kept(client: AsyncClient) -> None:
    tag = (await client.get("/files/main.txt")).headers["ETag"]
    response = await client.get("/files/main.txt", headers={"If-None-Match": tag})
    assert response.status_code == 304
    assert "Cache-Control" not in response.headers


async def test_unexpected_error_is_not_stored(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/broken")
    async def fail() -> None:
        raise RuntimeError

    response = await client.get("/broken")
    assert_problem(response, 500)
    assert response.headers["Cache-Control"] == "no-store"
