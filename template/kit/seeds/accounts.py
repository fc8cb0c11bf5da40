"""Seeds of users who can sign in, for services with auth=accounts.

In seeds.py:

    async def seed(session: AsyncSession) -> None:
        await ensure_account(
            session,
            email="ada@example.com",
            name="Ada Lovelace",
            password="correct horse battery staple",
            role="admin",
        )
"""

from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.permissions import ALL
from kit._internal.auth.accounts.users import key_of
from kit.schemas import Email
from kit.seeds import SERVICE_KEY

__all__ = ["ensure_account", "ensure_role"]

# This role has all permissions, and need not be ensured.
ADMIN = "admin"


async def ensure_role(session: AsyncSession, name: str, permissions: Collection[str]) -> None:
    """Add a role with these permissions; one that exists stays as it is."""
    roles = accounts_of(session).roles
    if name not in await roles.lock(session):
        await roles.store(session, name, permissions)


async def ensure_account(
    session: AsyncSession, *, email: str, name: str, password: str, role: str | None = None
) -> Any:  # noqa: ANN401
    """Add a user who can sign in, and who has a role; return the row of the project's model.

    A user who has this e-mail address and a password stays as it is; one without a password gets
    the password and the role. Raises ValueError for an invalid e-mail address, and for a role that
    does not exist, other than admin; WeakPasswordError for a password that is too easy to guess.
    """
    accounts = accounts_of(session)
    email = TypeAdapter(Email).validate_python(email)
    users = accounts.tables.users
    user = await session.scalar(select(accounts.model).where(users.columns["email"] == email))
    if user is None:
        user = accounts.new_user(email, name)
        session.add(user)
        await session.flush()
    user_id = key_of(accounts.model, users, user)
    account = await accounts.lookup.lock(session, user_id)
    if account is not None and account.password_hash is not None:
        return user
    accounts.check_password(password, email, name)
    async with accounts.hasher.serve():
        password_hash = await accounts.hasher.hash(password)
    await accounts.credentials.store_password(session, user_id, password_hash)
    if role is not None:
        await grant(session, user_id, role)
    return user


async def grant(session: AsyncSession, user_id: object, role: str) -> None:
    """Give a user a role; raise ValueError if there is none of this name."""
    roles = accounts_of(session).roles
    known = await roles.lock(session)
    if role not in known:
        if role != ADMIN:
            raise ValueError(f"no role has the name {role}: add it by ensure_role()")
        await roles.store(session, ADMIN, [ALL])
    if role not in await roles.names_of(session, user_id):
        await roles.grant(session, user_id, role)


def accounts_of(session: AsyncSession) -> Accounts:
    """Return accounts like those of the service whose rows are inserted.

    Raises RuntimeError for other sessions than those of `make db-seed` and kit.seeds.run().
    """
    service = session.info.get(SERVICE_KEY)
    if service is None:
        raise RuntimeError("accounts are seeded in a session of make db-seed or kit.seeds.run()")
    # Those of the service itself may be serving, and their threads in use.
    return Accounts(service.state.settings, service.new_user)
