"""A way to authenticate that knows three tokens, and routes with each kind of guard."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from kit._internal.auth.interface import Authenticator
from kit.application import Service
from kit.auth import (
    CurrentPrincipal,
    Principal,
    UnauthorizedError,
    guard,
    public,
    require,
    require_for,
)
from kit.errors import add_error_handlers

TOKENS = {
    "reader": Principal("user-1", "token", frozenset({"notes:read"})),
    "writer": Principal("user-2", "token", frozenset({"notes:read", "notes:write"})),
    "nobody": Principal("user-3", "token", frozenset()),
}


class KnownTokens(Authenticator):
    """Counts how often it is asked."""

    schemes: Mapping[str, Mapping[str, Any]] = {"known": {"type": "http", "scheme": "bearer"}}

    def __init__(self) -> None:
        self.calls = 0

    async def authenticate(self, connection: HTTPConnection) -> Principal | None:
        self.calls += 1
        token = connection.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return None
        if token not in TOKENS:
            raise UnauthorizedError("The token is unknown.")
        return TOKENS[token]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def answer() -> str:
    return "note"


def require_first_user(principal: CurrentPrincipal) -> None:
    """A guard of a service, on top of CurrentPrincipal."""
    assert principal.subject == "user-1"


async def connect(app: ASGIApp, path: str, headers: Mapping[str, str]) -> list[Message]:
    """Open a WebSocket; return what the application sends."""
    raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "websocket", "path": path, "root_path": "", "headers": raw_headers}
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    await app({**scope, "query_string": b"", "extensions": extensions}, receive, send)
    return messages


def add_guarded_routes(app: Service) -> None:
    """Add a route of each kind; all of them say who may call them."""
    notes = APIRouter(prefix="/notes")
    notes.get("", name="list_notes")(answer)
    notes.post("", name="create_note")(answer)
    app.include_router(notes, dependencies=[require_for("notes")])
    app.get("/both", name="both", dependencies=[require("notes:read", "notes:write")])(answer)
    app.get("/signed-in", name="signed_in", dependencies=[require()])(answer)
    app.get("/open", name="open", dependencies=[public])(answer)
    app.get("/own", name="own", dependencies=[Depends(require_first_user)])(answer)

    @app.get("/me")
    async def read_me(principal: CurrentPrincipal) -> str:
        return principal.subject

    @app.get("/parameter", dependencies=[require_for("notes")])
    async def read_parameter(principal: Annotated[Principal, require("notes:read")]) -> str:
        return principal.subject

    @app.websocket("/socket", dependencies=[require("notes:read")])
    async def serve_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("note")
        await socket.close()

    inner = FastAPI()
    add_error_handlers(inner)
    inner.get("/note", dependencies=[require("notes:read")])(answer)
    app.mount("/inner", inner)
    app.mount("/files", guard(PlainTextResponse("file"), require("notes:read")))
    app.mount("/open-files", guard(PlainTextResponse("file"), public))


def add_open_routes(app: Service) -> None:
    """Add a route of each kind; none says who may call it."""
    notes = APIRouter(prefix="/open-notes")
    notes.get("/{note_id}")(answer)
    app.include_router(notes)

    @app.websocket("/open-socket")
    async def serve_socket(socket: WebSocket) -> None:
        await socket.close()

    inner = FastAPI()
    inner.post("/note")(answer)
    app.mount("/open-inner", inner)
    app.mount("/open-static", PlainTextResponse("file"))
    app.router.routes.append(Route("/open-plain", PlainTextResponse("file")))
