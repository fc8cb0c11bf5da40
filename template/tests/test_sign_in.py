"""Users sign up by mail and sign in; their roles say what they may call.

Fixtures of kit: `visitor` below sends no credentials, `client` has all permissions, `mails` has the
mails that the service would send.
"""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from kit.application import Service
from kit.testing import assert_problem, client_of
from kit.testing.accounts import Mails

EMAIL = "ada@example.com"
PASSWORD = "a lighthouse made of old paper"


@pytest.fixture
async def visitor(app: Service) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


async def sign_up(visitor: AsyncClient, mails: Mails) -> None:
    """Request the mail, and set a password with its link."""
    response = await visitor.post("/auth/sign-up", json={"email": EMAIL, "name": "Ada Lovelace"})
    assert response.status_code == 202, response.text
    mail = await mails.wait_for(EMAIL)
    assert mail.kind == "sign_up"
    body = {"token": mail.token, "password": PASSWORD}
    response = await visitor.post("/auth/sign-up/confirm", json=body)
    assert response.status_code == 201, response.text


async def sign_in(visitor: AsyncClient) -> dict[str, str]:
    """Return the headers of a program that has signed in; browsers get a cookie instead."""
    body = {"email": EMAIL, "password": PASSWORD, "transport": "bearer"}
    response = await visitor.post("/auth/sign-in", json=body)
    assert response.status_code == 201, response.text
    return {"Authorization": f"Bearer {response.json()['token']}"}


async def test_roles_say_what_a_user_may_call(
    visitor: AsyncClient, client: AsyncClient, mails: Mails
) -> None:
    await sign_up(visitor, mails)
    headers = await sign_in(visitor)
    response = await visitor.get("/users", headers=headers)
    assert_problem(response, 403, "missing-permission")

    user_id = (await visitor.get("/auth/me", headers=headers)).json()["subject"]
    await client.put("/auth/roles/reader", json={"permissions": ["users:read"]})
    await client.put(f"/auth/users/{user_id}/roles", json={"roles": ["reader"]})
    # A change of roles ends the sessions of the user.
    assert_problem(await visitor.get("/users", headers=headers), 401, "invalid-credentials")
    headers = await sign_in(visitor)
    assert (await visitor.get("/users", headers=headers)).status_code == 200
    response = await visitor.delete(f"/users/{user_id}", headers=headers)
    assert_problem(response, 403, "missing-permission")


async def test_users_are_read_after_signing_in_only(visitor: AsyncClient) -> None:
    assert_problem(await visitor.get("/users"), 401, "missing-credentials")


async def test_wrong_password_is_refused(visitor: AsyncClient, mails: Mails) -> None:
    await sign_up(visitor, mails)
    body = {"email": EMAIL, "password": "another lighthouse made of paper"}
    assert_problem(await visitor.post("/auth/sign-in", json=body), 401, "wrong-password")
