"""Roles: names of sets of permissions, which the service has in its code."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from tests.auth.support import KnownTokens, add_guarded_routes, bearer
from kit._internal.auth.interface import Principal
from kit.application import Service
from kit.testing import ClientAs, assert_problem, client_of

ROLES = {"editor": {"notes:read", "notes:write"}, "auditor": ["notes:read"]}


class RolesOfUsers(KnownTokens):
    """Has users whose permissions are names of roles, as those of a provider."""

    async def authenticate(self, connection: Any) -> Principal | None:  # noqa: ANN401
        role = connection.headers.get("Authorization", "").removeprefix("Bearer ")
        return Principal(f"a user who is {role}", "user", frozenset({role, "other"}))


@pytest.fixture
def app(app: Service) -> Service:
    app.roles = ROLES
    app.authenticator = RolesOfUsers()
    add_guarded_routes(app)
    return app


@pytest.fixture
async def anyone(app: Service) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize(("role", "status"), [("editor", 200), ("auditor", 403), ("guest", 403)])
async def test_role_gives_its_permissions(anyone: AsyncClient, role: str, status: int) -> None:
    response = await anyone.post("/notes", headers=bearer(role))
    assert response.status_code == status, response.text


async def test_problem_names_the_permission_not_the_role(anyone: AsyncClient) -> None:
    response = await anyone.post("/notes", headers=bearer("auditor"))
    assert assert_problem(response, 403, "missing-permission")["missing"] == ["notes:write"]


async def test_clients_of_tests_have_roles(client_as: ClientAs) -> None:
    assert (await client_as("editor").post("/notes")).status_code == 200
    assert_problem(await client_as("auditor").post("/notes"), 403, "missing-permission")


def test_roles_are_an_argument_of_the_service(app: Service) -> None:
    settings = app.state.settings
    service = Service(settings, database=app.sources, roles=ROLES)
    assert service.roles == ROLES
    assert Service(settings, database=app.sources).roles == {}


def test_roles_have_sets_of_permissions(app: Service) -> None:
    roles: dict[str, Any] = {"editor": "notes:write"}
    with pytest.raises(TypeError, match="role editor"):
        Service(app.state.settings, database=app.sources, roles=roles)
    with pytest.raises(ValueError, match="no permission"):
        Service(app.state.settings, database=app.sources, roles={"editor": {"notes write"}})
