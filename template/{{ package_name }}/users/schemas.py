"""Schemas of requests and responses of the users API."""

from datetime import datetime
from uuid import UUID

from pydantic import MISSING, Field

from kit.pagination import Page, PageQuery
from kit.schemas import Email, Input, Name, NamePart, Output, UTCTime

# Particular to users: Email, Name and NamePart of kit, in place of types with the lengths of the
# columns, such as Annotated[Line, Field(max_length=100)].


class UserCreate(Input):
    email: Email
    name: Name
    is_active: bool = True


class UserUpdate(Input):
    """The fields to change; fields that are left out keep their values."""

    email: Email | MISSING = MISSING
    name: Name | MISSING = MISSING
    is_active: bool | MISSING = MISSING


class UserRead(Output):
    id: UUID
    email: str
    name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class UserPage(Page[UserRead]):
    pass


class UserQuery(PageQuery):
    """Filters, and the page."""

    email: Email | None = None
    name: NamePart | None = Field(default=None, description="Part of the name, in any case")
    is_active: bool | None = None
    created_after: UTCTime | None = None
    created_before: UTCTime | None = None
