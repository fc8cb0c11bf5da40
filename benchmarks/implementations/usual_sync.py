"""The usual synchronous recipe: a Session from a `yield` dependency, in the thread pool."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from implementations import POOL, SYNC_URL
from implementations.models import User
from implementations.schemas import UserCreate, UserPage, UserRead, UserUpdate
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine(SYNC_URL, **POOL)
sessions = sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


def get_session() -> Iterator[Session]:
    with sessions() as session:
        yield session


Current = Annotated[Session, Depends(get_session)]


def find(session: Session, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user


@app.get("/users", response_model=UserPage)
def list_users(session: Current, limit: int = 20) -> dict[str, object]:
    return {"items": session.scalars(select(User).order_by(User.id).limit(limit)).all()}


@app.post("/users", status_code=201, response_model=UserRead)
def create_user(body: UserCreate, session: Current) -> User:
    user = User(**body.model_dump())
    session.add(user)
    session.commit()
    session.refresh(user)
    return user


@app.get("/users/{user_id}", response_model=UserRead)
def get_user(user_id: UUID, session: Current) -> User:
    return find(session, user_id)


@app.patch("/users/{user_id}", response_model=UserRead)
def update_user(user_id: UUID, body: UserUpdate, session: Current) -> User:
    user = find(session, user_id)
    user.name = body.name
    session.commit()
    session.refresh(user)
    return user
