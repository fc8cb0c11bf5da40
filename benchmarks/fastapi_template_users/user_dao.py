"""Access to the table of users, as fastapi_template has it for its example."""

# The generator writes dependencies like this.
# ruff: noqa: B008

from uuid import UUID

from fastapi import Depends
from peer.db.dependencies import get_db_session
from peer.db.models.user_model import UserModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


class UserDAO:
    def __init__(self, session: AsyncSession = Depends(get_db_session)) -> None:
        self.session = session

    async def create_user(self, email: str, name: str) -> UserModel:
        user = UserModel(email=email, name=name)
        self.session.add(user)
        await self.session.flush()
        return user

    async def get_users(self, limit: int, offset: int) -> list[UserModel]:
        query = select(UserModel).order_by(UserModel.id).limit(limit).offset(offset)
        rows = await self.session.execute(query)
        return list(rows.scalars().fetchall())

    async def get_user(self, user_id: UUID) -> UserModel | None:
        return await self.session.get(UserModel, user_id)

    async def rename_user(self, user_id: UUID, name: str) -> UserModel | None:
        user = await self.get_user(user_id)
        if user is not None:
            user.name = name
            await self.session.flush()
        return user
