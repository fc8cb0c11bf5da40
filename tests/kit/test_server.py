"""Responses of uvicorn itself, over a network: fails when uvicorn changes what kit relies on."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from kit._internal.connections import ConnectionLimit
from kit._internal.http_connection import HttpConnection
from kit._internal.processes import Config
from kit._internal.testing.clients import all_permissions, as_principal
from kit.application import Service
from kit.auth import public

HEAD = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"


class Server(uvicorn.Server):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


# Seconds: a client that is too slow is waited for, and no other one is taken for slow.
SHORT, LONG = 0.2, 60.0


def config_of(app: ASGIApp, connections: int = 10, seconds: float = LONG) -> Config:
    """Return what serves the application with this time for a head, and for a part of a body."""
    return Config(
        lambda: app,
        header_timeout=seconds,
        body_timeout=seconds,
        connections=ConnectionLimit(connections),
        port=0,
        lifespan="off",
        log_config=None,
    )


@asynccontextmanager
async def listening(
    app: ASGIApp, connections: int = 10, seconds: float = LONG
) -> AsyncIterator[int]:
    """Serve the application with the options of config_of(); yield the port."""
    server = Server(config_of(app, connections, seconds))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        await server.listens.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def port(own_app: Service) -> AsyncIterator[int]:
    async with listening(as_principal(own_app, all_permissions(own_app))) as port:
        yield port


@pytest.fixture
async def impatient_port(own_app: Service) -> AsyncIterator[int]:
    app = as_principal(own_app, all_permissions(own_app))
    async with listening(app, seconds=SHORT) as port:
        yield port


async def exchange(port: int, *parts: bytes) -> bytes:
    """Return all that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


def assert_problem(answer: bytes, status: int) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = head.lower()
    assert headers.startswith(b"http/1.1 %d " % status), answer
    assert b"content-type: application/problem+json" in headers
    assert b"x-content-type-options: nosniff" in headers
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["request_id"].encode() in head


async def test_requests_are_answered(port: int) -> None:
    answer = await exchange(port, LIVE + b"\r\n" + LIVE, b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b'{"status":"ok"}') == 2


async def test_body_in_pieces_is_read(port: int) -> None:
    user = b'{"email": "ada@example.com", "name": "Ada"}'
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(user)
    answer = await exchange(port, head, user[:10], user[10:])
    assert answer.startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        pytest.param([b"nonsense\r\n\r\n"], 400, id="no HTTP"),
        pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"z\r\n"], 400, id="no chunk"),
        pytest.param(
            [HEAD + b"Content-Length: 9000000\r\n\r\n", b"x" * 900_000], 413, id="large body"
        ),
        pytest.param([b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"], 414, id="long address"),
        pytest.param([LIVE + b"a: b\r\n" * 200 + b"\r\n"], 431, id="many headers"),
        pytest.param([LIVE + b"a: " + b"b" * 99_999], 431, id="large head"),
    ],
)
async def test_refused_with_a_problem(port: int, parts: list[bytes], status: int) -> None:
    assert_problem(await exchange(port, *parts), status)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(LIVE, id="half a head"),
        pytest.param(HEAD + b"Content-Length: 9\r\n\r\n{", id="half a body"),
    ],
)
async def test_half_a_request_is_refused_with_a_problem(impatient_port: int, part: bytes) -> None:
    assert_problem(await exchange(impatient_port, part), 408)


class Writes(asyncio.Transport):
    """A connection that remembers what is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


async def test_response_leaves_in_one_piece(own_app: FastAPI) -> None:
    config = config_of(own_app)
    config.load()
    connection, writes = HttpConnection(config, ServerState(), {}), Writes()
    connection.connection_made(writes)
    for method, body in ((b"GET", b'{"status":"ok"}'), (b"HEAD", b"")):
        writes.pieces.clear()
        connection.data_received(method + b" /health/live HTTP/1.1\r\n\r\n")
        await asyncio.gather(*connection.tasks)
        assert len(writes.pieces) == 1, writes.pieces
        head, _, rest = writes.pieces[0].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert rest == body
    connection.connection_lost(None)


async def test_head_of_a_stream_does_not_wait_for_the_body(own_app: FastAPI) -> None:
    is_read = asyncio.Event()

    async def stream() -> AsyncIterator[str]:
        await is_read.wait()
        yield "body"

    @own_app.get("/stream", dependencies=[public])
    async def read() -> StreamingResponse:
        return StreamingResponse(stream())

    async with listening(own_app) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream HTTP/1.1\r\nConnection: close\r\n\r\n")
        try:
            assert b"HTTP/1.1 200 " in await reader.readuntil(b"\r\n\r\n")
        finally:
            is_read.set()
        assert b"body" in await reader.read()
        writer.close()


async def test_silent_connection_is_closed(impatient_port: int) -> None:
    assert await exchange(impatient_port) == b""


async def test_waiting_connection_makes_room(own_app: FastAPI) -> None:
    async with listening(own_app, connections=1) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await exchange(port, LIVE + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""
        writer.close()
