"""Request and response bodies of the users API, as fastapi_template has them for its example."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr


class UserDTO(BaseModel):
    id: UUID
    email: str
    name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime

    model_config = ConfigDict(from_attributes=True)


class UserInputDTO(BaseModel):
    email: EmailStr
    name: str


class UserNameDTO(BaseModel):
    name: str
