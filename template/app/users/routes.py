"""The users API."""

from typing import Annotated, NoReturn
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import bindparam, exc
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import ReadDatabase, WriteSession
from app.models import User
from app.users.schemas import UserCreate, UserPage, UserQuery, UserRead, UserUpdate
from kit.db import is_duplicate, select_columns
from kit.errors import ProblemError, problem_responses
from kit.pagination import encode_cursor

router = APIRouter(prefix="/users", tags=["users"], responses=problem_responses(422, 500, 503))


@router.post("", status_code=201, responses=problem_responses(400, 409))
async def create_user(
    body: UserCreate, session: WriteSession, request: Request, response: Response
) -> UserRead:
    user = User(**body.model_dump())
    session.add(user)
    await flush(session)
    response.headers["Location"] = request.url_for("get_user", user_id=user.id).path
    return UserRead.model_validate(user)


# Built once, because SQLAlchemy recognises a statement faster than one that is like it.
PAGE = select_columns(User).order_by(User.id).limit(bindparam("limit"))


@router.get("")
async def list_users(query: Annotated[UserQuery, Query()], database: ReadDatabase) -> UserPage:
    """Return users from the oldest to the newest."""
    statement = PAGE
    if query.cursor:
        statement = statement.where(User.id > query.cursor)
    if query.email:
        statement = statement.where(User.email == query.email)
    if query.name:
        statement = statement.where(User.name.icontains(query.name, autoescape=True))
    if query.is_active is not None:
        statement = statement.where(User.is_active == query.is_active)
    if query.created_after:
        statement = statement.where(User.created_at > query.created_after)
    if query.created_before:
        statement = statement.where(User.created_at < query.created_before)
    found = await database.rows(statement, limit=query.limit + 1)
    # One row more than asked for tells whether there is a next page.
    items, more = found[: query.limit], found[query.limit :]
    cursor = encode_cursor(items[-1]["id"]) if more else None
    return UserPage.model_validate({"items": items, "next_cursor": cursor})


@router.get("/{user_id}", responses=problem_responses(404))
async def get_user(user_id: UUID, database: ReadDatabase) -> UserRead:
    return UserRead.model_validate(await database.row(User, user_id) or missing())


@router.patch("/{user_id}", responses=problem_responses(400, 404, 409))
async def update_user(user_id: UUID, body: UserUpdate, session: WriteSession) -> UserRead:
    user = await find(session, user_id)
    for field, value in body.model_dump().items():
        setattr(user, field, value)
    await flush(session)
    return UserRead.model_validate(user)


@router.delete("/{user_id}", status_code=204, responses=problem_responses(404))
async def delete_user(user_id: UUID, session: WriteSession) -> None:
    await session.delete(await find(session, user_id))


async def find(session: AsyncSession, user_id: UUID) -> User:
    """Return the user, locked against changes by others; raise ProblemError (404)."""
    return await session.get(User, user_id, with_for_update=True) or missing()


def missing() -> NoReturn:
    raise ProblemError(404, "There is no user with this id.", "user-not-found")


async def flush(session: AsyncSession) -> None:
    """Send the changes; raise ProblemError (409) when the e-mail address is taken."""
    try:
        await session.flush()
    except exc.IntegrityError as error:
        if is_duplicate(error, "users", "email"):
            detail = "Another user has this e-mail address."
            raise ProblemError(409, detail, "email-taken") from error
        raise
