"""The lower bound: Starlette, asyncpg and orjson by hand, without validation and logging."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import orjson
from implementations import POOL_SIZE, URL
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = "id, email, name, is_active, created_at, updated_at"
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = $1"
PAGE = f"SELECT {COLUMNS} FROM users ORDER BY id LIMIT $1"
INSERT = f"INSERT INTO users ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $5) RETURNING {COLUMNS}"
UPDATE = f"UPDATE users SET name = $2, updated_at = $3 WHERE id = $1 RETURNING {COLUMNS}"


def answer(value: object, status: int = 200) -> Response:
    return Response(
        orjson.dumps(value, default=str), status_code=status, media_type="application/json"
    )


def answer_row(row: asyncpg.Record | None) -> Response:
    if row is None:
        return answer({"detail": "Not Found"}, 404)
    return answer(dict(row))


async def get_user(request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(BY_ID, UUID(request.path_params["id"]))
    return answer_row(row)


async def list_users(request: Request) -> Response:
    limit = int(request.query_params.get("limit", 20))
    rows = await request.app.state.pool.fetch(PAGE, limit)
    return answer({"items": [dict(row) for row in rows]})


async def create_user(request: Request) -> Response:
    body = orjson.loads(await request.body())
    values = uuid4(), body["email"], body["name"], True, datetime.now(UTC)
    return answer(dict(await request.app.state.pool.fetchrow(INSERT, *values)), 201)


async def update_user(request: Request) -> Response:
    body = orjson.loads(await request.body())
    values = UUID(request.path_params["id"]), body["name"], datetime.now(UTC)
    row = await request.app.state.pool.fetchrow(UPDATE, *values)
    return answer_row(row)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(URL, min_size=0, max_size=POOL_SIZE) as pool:
        app.state.pool = pool
        yield


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/users", list_users),
        Route("/users", create_user, methods=["POST"]),
        Route("/users/{id}", get_user),
        Route("/users/{id}", update_user, methods=["PATCH"]),
    ],
)
