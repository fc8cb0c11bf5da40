"""The four routes of the service, as fastapi_template has them for its example."""

# The generator writes dependencies like this.
# ruff: noqa: B008

from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.param_functions import Depends
from peer.db.dao.user_dao import UserDAO
from peer.db.models.user_model import UserModel
from peer.web.api.users.schema import UserDTO, UserInputDTO, UserNameDTO

router = APIRouter()


@router.get("", response_model=list[UserDTO])
async def get_users(
    limit: int = 10, offset: int = 0, user_dao: UserDAO = Depends()
) -> list[UserModel]:
    return await user_dao.get_users(limit=limit, offset=offset)


@router.post("", response_model=UserDTO, status_code=201)
async def create_user(new_user: UserInputDTO, user_dao: UserDAO = Depends()) -> UserModel:
    return await user_dao.create_user(email=new_user.email, name=new_user.name)


@router.get("/{user_id}", response_model=UserDTO)
async def get_user(user_id: UUID, user_dao: UserDAO = Depends()) -> UserModel:
    user = await user_dao.get_user(user_id)
    if user is None:
        raise HTTPException(404)
    return user


@router.patch("/{user_id}", response_model=UserDTO)
async def rename_user(
    user_id: UUID, changes: UserNameDTO, user_dao: UserDAO = Depends()
) -> UserModel:
    user = await user_dao.rename_user(user_id, changes.name)
    if user is None:
        raise HTTPException(404)
    return user
