"""The whole schema: every model is imported here, so that migrations see every table."""

from app.models.base import Base as Base
from app.models.user import User as User
