"""Users with passwords and roles, who sign in to the service and call it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, cast

import pyotp
from httpx import AsyncClient, Response
from sqlalchemy import insert

from app.models import User
from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.authenticator import AccountsAuthenticator
from kit.application import Service
from kit.db import Database
from kit.testing import client_of

PASSWORD = "correct horse battery staple"
ALL_ROLES = {
    "admin": ["*"],
    "reader": ["users:read"],
    "support": ["accounts:read", "accounts:write", "users:read"],
}


def accounts_of(app: Service) -> Accounts:
    return cast("AccountsAuthenticator", app.authenticator).accounts


def database_of(app: Service) -> Database:
    database: Database = app.state.database
    return database


@dataclass(frozen=True)
class Person:
    """A user, and the token of a session."""

    app: Service
    email: str
    user_id: Any
    token: str = ""

    async def call(self, method: str, path: str, json: object = None) -> Response:
        """Send a request with the token."""
        async with client_of(self.app) as client:
            headers = {"Authorization": f"Bearer {self.token}"}
            return await client.request(method, path, headers=headers, json=json)

    async def sign_in(self, code: str | None = None) -> "Person":
        """Return this user with a new session."""
        response = await self.try_to_sign_in(code)
        assert response.status_code == 201, response.text
        return replace(self, token=response.json()["token"])

    async def try_to_sign_in(
        self, code: str | None = None, client: AsyncClient | None = None
    ) -> Response:
        body = {"email": self.email, "password": PASSWORD, "transport": "bearer"}
        if code is not None:
            body["code"] = code
        if client is not None:
            return await client.post("/auth/sign-in", json=body)
        async with client_of(self.app) as own_client:
            return await own_client.post("/auth/sign-in", json=body)

    async def is_signed_in(self) -> bool:
        response = await self.call("GET", "/auth/me")
        assert response.status_code in {200, 401}, response.text
        return response.status_code == 200

    def with_token(self, token: str) -> "Person":
        return replace(self, token=token)


async def add_user(app: Service, email: str, *roles: str) -> Person:
    """Add a user with PASSWORD and these roles."""
    accounts = accounts_of(app)
    password_hash = await accounts.hasher.hash(PASSWORD)
    async with database_of(app).write_sessions.begin() as session:
        user = User(email=email, name=email.partition("@")[0].title())
        session.add(user)
        await session.flush()
        tables = accounts.tables
        values = {"user_id": user.id, "password_hash": password_hash}
        await session.execute(insert(tables.credentials).values(values))
        for role in roles:
            await accounts.roles.grant(session, user.id, role)
    return Person(app, email, user.id)


async def add_roles(app: Service) -> None:
    """Add the roles of ALL_ROLES."""
    async with database_of(app).write_sessions.begin() as session:
        for name, permissions in ALL_ROLES.items():
            await accounts_of(app).roles.store(session, name, permissions)


async def turn_on_second_factor(person: Person) -> tuple[Person, pyotp.TOTP, list[str]]:
    """Return the user with the new token, the codes of the app, and the recovery codes."""
    response = await person.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    assert response.status_code == 200, response.text
    totp = pyotp.TOTP(response.json()["secret"])
    body = {"code": totp.now(), "transport": "bearer"}
    response = await person.call("POST", "/auth/totp/confirm", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    return person.with_token(answer["token"]), totp, answer["recovery_codes"]


def counts(responses: Collection[Response]) -> dict[int, int]:
    """Return how many responses have each status."""
    result: dict[int, int] = {}
    for response in responses:
        result[response.status_code] = result.get(response.status_code, 0) + 1
    return result


async def set_roles(caller: Person, user: Person, *roles: str) -> Response:
    return await caller.call("PUT", f"/auth/users/{user.user_id}/roles", json={"roles": roles})


async def set_role(caller: Person, name: str, *permissions: str) -> Response:
    return await caller.call("PUT", f"/auth/roles/{name}", json={"permissions": permissions})


async def roles_of(caller: Person, user: Person) -> list[str]:
    response = await caller.call("GET", f"/auth/users/{user.user_id}/roles")
    roles: list[str] = response.json()["roles"]
    return roles
