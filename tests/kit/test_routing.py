from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from httpx import AsyncClient
from httpx import Response as Answer
from starlette.types import Message

from kit.project import PROJECT_DIR

FILE = PROJECT_DIR / "pyproject.toml"
# They differ from one request to the next.
OWN_HEADERS = {"x-request-id", "last-modified", "date"}


def fixed_headers(response: Answer) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in OWN_HEADERS}


@pytest.fixture
def app(app: FastAPI, tmp_path: Path) -> FastAPI:
    """The service with further routes of every kind."""
    router = APIRouter(prefix="/nested")

    @router.delete("/item")
    async def delete_item() -> None:
        pass

    @router.get("/item")
    async def read_item() -> dict[str, str]:
        return {"id": "1"}

    outer = APIRouter(prefix="/outer")
    outer.include_router(router)
    app.include_router(outer)
    sub = FastAPI()
    sub.include_router(router)
    app.mount("/sub", sub)
    (tmp_path / "pages").mkdir()
    for name in ("main.txt", "pages/index.html"):
        (tmp_path / name).write_text("content", "utf-8")
    app.mount("/files", StaticFiles(directory=tmp_path, html=True))

    @app.get("/file")
    async def read_file() -> FileResponse:
        return FileResponse(FILE)

    @app.get("/elsewhere")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("https://other.example/users/?a=1")

    return app


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users?limit=0",
        "/users/0198c0de-0000-7000-8000-000000000000",
        "/health/live",
        "/health/ready",
        "/docs",
        "/docs/swagger-ui.css",
        "/redoc",
        "/openapi.json",
        "/outer/nested/item",
        "/sub/nested/item",
        "/sub/no-such-path",
        "/file",
        "/files/main.txt",
        "/elsewhere",
        "/no-such-path",
    ],
)
async def test_head_is_get_without_the_body(client: AsyncClient, path: str) -> None:
    answer, head = await client.get(path), await client.head(path)
    assert head.status_code == answer.status_code
    assert fixed_headers(head) == fixed_headers(answer)
    assert head.content == b""


async def test_head_after_an_application_at_the_root(app: FastAPI, client: AsyncClient) -> None:
    app.mount("/", StaticFiles(directory=PROJECT_DIR / "app"))
    assert (await client.head("/users")).status_code == 200
    assert (await client.head("/main.py")).status_code == 200
    assert (await client.head("/missing.py")).status_code == 404


async def test_route_for_head_comes_first(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/both")
    async def read() -> None:
        raise AssertionError

    @app.head("/both")
    async def read_head() -> Response:
        return FileResponse(FILE, headers={"X-Answer": "own"})

    assert (await client.head("/both")).headers["X-Answer"] == "own"


async def test_head_does_not_wait_for_the_end_of_a_stream(app: FastAPI) -> None:
    chunks: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for number in count():
            chunks.append(number)
            yield b"chunk"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(endless(), headers={"X-Answer": "stream"})

    messages = await answer_of(app, "/stream")
    assert [message["type"] for message in messages] == [
        "http.response.start",
        "http.response.body",
    ]
    assert (b"x-answer", b"stream") in messages[0]["headers"]
    assert not messages[1].get("more_body")
    assert len(chunks) < 5


async def answer_of(app: FastAPI, path: str, host: bytes = b"test") -> list[Message]:
    """Return what the application sends, as the server sees it."""
    messages: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "HEAD",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host)],
        "client": None,
        "server": None,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(dict(message))

    await app(scope, receive, send)
    assert scope["method"] == "HEAD"
    return messages


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/outer/nested/item", "DELETE, GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("HEAD", "/post-only", "POST"),
        ("POST", "/files/main.txt", "GET, HEAD"),
    ],
)
async def test_refused_method_is_told_all_others(
    app: FastAPI, client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    @app.post("/post-only")
    async def write() -> None:
        pass

    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed
