"""The usual asynchronous recipe: an AsyncSession from a `yield` dependency, default settings."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from implementations import ASYNC_URL, POOL
from implementations.models import User
from implementations.schemas import UserCreate, UserPage, UserRead, UserUpdate
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(ASYNC_URL, **POOL)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def find(session: AsyncSession, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user


@app.get("/users", response_model=UserPage)
async def list_users(session: Session, limit: int = 20) -> dict[str, object]:
    return {"items": (await session.scalars(select(User).order_by(User.id).limit(limit))).all()}


@app.post("/users", status_code=201, response_model=UserRead)
async def create_user(body: UserCreate, session: Session) -> User:
    user = User(**body.model_dump())
    session.add(user)
    await session.commit()
    await session.refresh(user)
    return user


@app.get("/users/{user_id}", response_model=UserRead)
async def get_user(user_id: UUID, session: Session) -> User:
    return await find(session, user_id)


@app.patch("/users/{user_id}", response_model=UserRead)
async def update_user(user_id: UUID, body: UserUpdate, session: Session) -> User:
    user = await find(session, user_id)
    user.name = body.name
    await session.commit()
    await session.refresh(user)
    return user
