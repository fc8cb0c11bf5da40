"""Users of these tests, what they do with the links in their mails, and what the database has."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from httpx import AsyncClient, Response
from sqlalchemy import FromClause, func, insert, select, update

from app.models import User
from tests.auth.people import accounts_of, database_of
from kit.application import Service
from kit.models import utc_now
from kit.testing.accounts import Mails

ADA = "ada@example.com"
PASSWORD = "a lighthouse made of old paper"
OTHER_PASSWORD = "seven whales under the harbour"


async def add_user(
    app: Service, email: str = ADA, password: str | None = PASSWORD, roles: Sequence[str] = ()
) -> UUID:
    """Add a user, and return the id; without a password, as users were before accounts."""
    accounts = accounts_of(app)
    async with database_of(app).write_sessions.begin() as session:
        user = User(email=email, name="Ada Lovelace")
        session.add(user)
        await session.flush()
        if password is not None:
            password_hash = await accounts.hasher.hash(password)
            await accounts.credentials.store_password(session, user.id, password_hash)
        for role in roles:
            values = {"user_id": user.id, "role": role}
            await session.execute(insert(accounts.tables.user_roles).values(values))
    return user.id


async def add_role(app: Service, name: str, *permissions: str) -> None:
    table = accounts_of(app).tables.roles
    values = {"name": name, "permissions": list(permissions)}
    async with database_of(app).write_sessions.begin() as session:
        await session.execute(insert(table).values(values))


async def count_rows(app: Service, table: FromClause) -> int:
    rows = await database_of(app).rows(select(func.count().label("count")).select_from(table))
    count: int = rows[0]["count"]
    return count


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def try_to_sign_in(
    client: AsyncClient, email: str = ADA, password: str = PASSWORD, **body: str
) -> Response:
    json = {"email": email, "password": password, "transport": "bearer", **body}
    return await client.post("/auth/sign-in", json=json)


async def sign_in(client: AsyncClient, email: str = ADA, password: str = PASSWORD) -> str:
    """Return the token of a new session."""
    return token_of(await try_to_sign_in(client, email, password))


def token_of(response: Response) -> str:
    assert response.status_code in {200, 201}, response.text
    token: str = response.json()["token"]
    return token


async def is_signed_in(client: AsyncClient, token: str) -> bool:
    response = await client.get("/auth/me", headers=bearer(token))
    assert response.status_code in {200, 401}, response.text
    return response.status_code == 200


async def confirm(
    client: AsyncClient, flow: str, token: str, password: str = PASSWORD, **body: str
) -> Response:
    """Follow the link of a mail: `flow` is sign-up or password-reset."""
    json = {"token": token, "password": password, "transport": "bearer", **body}
    return await client.post(f"/auth/{flow}/confirm", json=json)


async def request_sign_up(client: AsyncClient, mails: Mails, email: str = ADA) -> str:
    """Return the token in the next mail to this address."""
    number = len(mails.to(email)) + 1
    response = await client.post("/auth/sign-up", json={"email": email, "name": "Ada Lovelace"})
    assert response.status_code == 202, response.text
    return (await mails.wait_for(email, number)).token


async def request_reset(client: AsyncClient, mails: Mails, email: str = ADA) -> str:
    """Return the token in the next mail to this address."""
    number = len(mails.to(email)) + 1
    response = await client.post("/auth/password-reset", json={"email": email})
    assert response.status_code == 202, response.text
    return (await mails.wait_for(email, number)).token


async def expire_token(app: Service) -> timedelta:
    """Let the only token of a mail expire now; return how long it was valid."""
    table = accounts_of(app).tables.email_tokens
    rows = await database_of(app).rows(table.select())
    await database_of(app).rows(update(table).values(expires_at=utc_now()))
    lifetime: timedelta = rows[0]["expires_at"] - rows[0]["created_at"]
    return lifetime


def statuses(responses: Sequence[Response]) -> dict[int, int]:
    """Return how many responses have each status."""
    return dict(Counter(response.status_code for response in responses))
