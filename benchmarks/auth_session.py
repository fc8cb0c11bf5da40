"""Begins a session of a user, and prints its token: `python -c ... URL`, inside of a service."""

import sys
from datetime import timedelta

from kit._internal.auth.accounts.tables import add_tables
from kit._internal.auth.accounts.tokens import hash_of, new_session_token
from kit.models import utc_now
from sqlalchemy import create_engine, insert, select

ROLE = "benchmark"
PERMISSIONS = ["users:read", "users:write"]
DAY = timedelta(days=1)


def main() -> None:
    # Of the project in which this runs.
    from app.models import Base

    engine = create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))
    tables = add_tables(Base.metadata, "users")
    # The database is that of all servers: it may be one of a service without accounts.
    Base.metadata.create_all(engine)
    token, now = new_session_token(), utc_now()
    with engine.begin() as connection:
        user_id = connection.scalar(select(tables.users.c.id).limit(1))
        connection.execute(insert(tables.roles).values(name=ROLE, permissions=PERMISSIONS))
        connection.execute(insert(tables.user_roles).values(user_id=user_id, role=ROLE))
        session = {
            "token_hash": hash_of(token),
            "user_id": user_id,
            "last_seen_at": now,
            "authenticated_at": now,
            "expires_at": now + DAY,
            "device": "benchmark",
        }
        connection.execute(insert(tables.sessions).values(session))
    print(token)


if __name__ == "__main__":
    main()
