"""Invitations: the roles are at most what the administrator may, also when they are accepted."""

from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import URL, delete, select, update

from app.models import User
from tests.auth.flows_support import (
    ADA,
    OTHER_PASSWORD,
    PASSWORD,
    add_role,
    add_user,
    bearer,
    confirm,
    request_sign_up,
    sign_in,
    token_of,
)
from tests.auth.people import accounts_of, database_of
from kit.application import Service
from kit.testing import TestedService, assert_problem, client_of
from kit.testing.accounts import Mails

GRACE = "grace@example.com"


@pytest.fixture
async def support(visitor: AsyncClient, app: Service) -> str:
    """Return the session of a user who may invite, and read users."""
    await add_role(app, "support", "accounts:write", "users:read")
    await add_role(app, "reader", "users:read")
    await add_role(app, "writer", "users:write")
    await add_role(app, "admin", "*")
    await add_user(app, ADA, roles=["support"])
    return await sign_in(visitor)


async def invite(client: AsyncClient, session: str, *roles: str, email: str = GRACE) -> Response:
    body = {"email": email, "name": "Grace Hopper", "roles": list(roles)}
    return await client.post("/auth/invitations", json=body, headers=bearer(session))


async def token_for(
    client: AsyncClient, session: str, mails: Mails, *roles: str, email: str = GRACE
) -> str:
    """Return the token in the next invitation to this address."""
    number = len(mails.to(email)) + 1
    assert (await invite(client, session, *roles, email=email)).status_code == 202
    return (await mails.wait_for(email, number)).token


async def test_invited_user_gets_the_roles(
    visitor: AsyncClient, support: str, mails: Mails
) -> None:
    token = await token_for(visitor, support, mails, "reader")
    mail = mails.all[0]
    assert (mail.kind, mail.to) == ("invitation", GRACE)
    assert mail.link == f"https://tests.invalid/accept-invitation#token={token}"
    assert "7 days" in str(mail.message)
    session = token_of(await confirm(visitor, "sign-up", token))
    me = await visitor.get("/auth/me", headers=bearer(session))
    assert me.json()["permissions"] == ["users:read"]
    assert await sign_in(visitor, GRACE)


async def test_nobody_invites_with_more_rights_than_his_own(
    visitor: AsyncClient, support: str, mails: Mails
) -> None:
    for role, missing in (("writer", ["users:write"]), ("admin", ["*"])):
        problem = assert_problem(
            await invite(visitor, support, "reader", role), 403, "missing-permission"
        )
        assert problem["missing"] == missing
    assert mails.all == []


async def test_administrator_invites_another_one(
    visitor: AsyncClient, app: Service, support: str, mails: Mails
) -> None:
    await add_user(app, "root@example.com", roles=["admin"])
    root = await sign_in(visitor, "root@example.com")
    session = token_of(
        await confirm(visitor, "sign-up", await token_for(visitor, root, mails, "admin"))
    )
    me = await visitor.get("/auth/me", headers=bearer(session))
    assert "*" in me.json()["permissions"]


async def test_unknown_role_is_named(visitor: AsyncClient, support: str, mails: Mails) -> None:
    response = await invite(visitor, support, "reader", "raeder")
    assert assert_problem(response, 422, "unknown-role")["unknown"] == ["raeder"]
    assert mails.all == []


async def test_address_with_an_account_is_a_conflict(
    visitor: AsyncClient, support: str, mails: Mails
) -> None:
    assert_problem(await invite(visitor, support, email=ADA), 409, "email-taken")
    assert mails.all == []


async def test_invitations_need_the_permission(
    visitor: AsyncClient, app: Service, support: str, client: AsyncClient
) -> None:
    await add_user(app, "eve@example.com", roles=["reader"])
    response = await invite(visitor, await sign_in(visitor, "eve@example.com"))
    assert_problem(response, 403, "missing-permission")
    body = {"email": GRACE, "name": "Grace Hopper"}
    assert_problem(await visitor.post("/auth/invitations", json=body), 401, "missing-credentials")
    assert_problem(await client.post("/auth/invitations", json=body), 403, "session-required")


@pytest.mark.parametrize("change", ["demoted", "inactive", "deleted", "role-grew"])
async def test_invitation_ends_with_the_rights_of_who_sent_it(
    visitor: AsyncClient, app: Service, support: str, mails: Mails, change: str
) -> None:
    token = await token_for(visitor, support, mails, "reader")
    tables = accounts_of(app).tables
    changes = {
        "demoted": delete(tables.user_roles),
        "inactive": update(User).values(is_active=False),
        "deleted": delete(User),
        "role-grew": update(tables.roles)
        .where(tables.roles.c.name == "reader")
        .values(permissions=["users:read", "users:write"]),
    }
    await database_of(app).rows(changes[change])
    assert_problem(await confirm(visitor, "sign-up", token), 400, "invalid-token")
    assert await database_of(app).rows(select(User.id).where(User.email == GRACE)) == []


async def test_invitations_of_a_stolen_account_end_with_its_password(
    visitor: AsyncClient, support: str, mails: Mails
) -> None:
    token = await token_for(visitor, support, mails, "reader")
    body = {"current_password": PASSWORD, "password": OTHER_PASSWORD}
    response = await visitor.post("/auth/password", json=body, headers=bearer(support))
    assert response.status_code == 200
    assert_problem(await confirm(visitor, "sign-up", token), 400, "invalid-token")


async def test_role_that_was_deleted_is_left_out(
    visitor: AsyncClient, app: Service, support: str, mails: Mails
) -> None:
    token = await token_for(visitor, support, mails, "reader", "support")
    roles = accounts_of(app).tables.roles
    await database_of(app).rows(delete(roles).where(roles.c.name == "reader"))
    session = token_of(await confirm(visitor, "sign-up", token))
    me = await visitor.get("/auth/me", headers=bearer(session))
    assert me.json()["permissions"] == ["accounts:write", "users:read"]


async def test_sign_up_of_anybody_does_not_replace_an_invitation(
    visitor: AsyncClient, support: str, mails: Mails
) -> None:
    invitation = await token_for(visitor, support, mails, "reader")
    sign_up = await request_sign_up(visitor, mails, GRACE)
    token_of(await confirm(visitor, "sign-up", invitation))
    assert_problem(await confirm(visitor, "sign-up", sign_up), 400, "invalid-token")


@pytest.mark.parametrize(("setting", "status"), [("open", 202), ("invitation", 202), ("off", 403)])
async def test_setting_says_whether_users_are_invited(
    service: TestedService[Any], own_url: URL, mails: Mails, setting: str, status: int
) -> None:
    settings = service.settings_for(own_url, auth_sign_up=setting)
    async with service.serve(settings) as app, client_of(app) as client:
        await add_role(app, "admin", "*")
        await add_user(app, ADA, roles=["admin"])
        response = await invite(client, await sign_in(client), "admin")
        assert response.status_code == status
        if status == 403:
            assert_problem(response, 403, "sign-up-closed")
            token = await accounts_of(app).email_tokens.create(
                database_of(app), "invitation", GRACE, 60, details={"name": "Grace", "roles": []}
            )
            assert_problem(await confirm(client, "sign-up", token), 403, "sign-up-closed")
        else:
            token_of(await confirm(client, "sign-up", (await mails.wait_for(GRACE)).token))
