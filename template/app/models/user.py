"""People who use the service."""

from sqlalchemy import CheckConstraint, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.models.base import Base, Timestamped, UUIDKey


class User(UUIDKey, Timestamped, Base):
    """A person, known by an e-mail address that nobody else has in any spelling."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        # Stored in lower case, so that "unique" means "whatever the case", on every database.
        CheckConstraint("email = lower(email)", name="email_lower_case"),
    )

    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))

    @validates("email")
    def lower_case(self, _key: str, email: str) -> str:
        return email.lower()
