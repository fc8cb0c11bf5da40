"""FastAPI and Pydantic on asyncpg, without an ORM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI, HTTPException
from implementations import POOL_SIZE, URL
from implementations.floor import BY_ID, INSERT, PAGE, UPDATE
from implementations.schemas import UserCreate, UserPage, UserRead, UserUpdate


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(URL, min_size=0, max_size=POOL_SIZE) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def user_of(row: asyncpg.Record | None) -> UserRead:
    if row is None:
        raise HTTPException(404)
    return UserRead(**row)


@app.get("/users")
async def list_users(limit: int = 20) -> UserPage:
    return UserPage(items=[UserRead(**row) for row in await app.state.pool.fetch(PAGE, limit)])


@app.post("/users", status_code=201)
async def create_user(body: UserCreate) -> UserRead:
    values = uuid4(), body.email, body.name, True, datetime.now(UTC)
    return user_of(await app.state.pool.fetchrow(INSERT, *values))


@app.get("/users/{user_id}")
async def get_user(user_id: UUID) -> UserRead:
    return user_of(await app.state.pool.fetchrow(BY_ID, user_id))


@app.patch("/users/{user_id}")
async def update_user(user_id: UUID, body: UserUpdate) -> UserRead:
    return user_of(await app.state.pool.fetchrow(UPDATE, user_id, body.name, datetime.now(UTC)))
