"""Fixtures of the tests of `make resource`: a project with all resources of the table."""

from collections.abc import Callable, Iterator

import pytest

from harness.accounts_service import AccountsService, running_accounts
from harness.databases import server_of
from harness.project import Project
from harness.resource_client import ResourceClient
from harness.resource_table import resources_of
from harness.template import DATABASES

# Its tests run inside a generated project: test_names.py copies them there.
collect_ignore = ["in_project"]
SETTINGS = {
    "ORDERS_WORKERS": "2",
    "ORDERS_AUTH_ATTEMPTS_PER_ADDRESS": "1000000",
}


@pytest.fixture(scope="module", params=DATABASES)
def table_project(
    request: pytest.FixtureRequest,
    projects: Callable[..., Project],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Yield a project with all resources and their revision; its database is migrated."""
    folder = tmp_path_factory.mktemp("resources")
    origin = projects(request.param, auth="accounts")
    with server_of(origin).empty_database(folder) as url:
        project = origin.copy(folder / "orders", url)
        for entry in resources_of(request.param):
            project.script("resource", env=entry.arguments)
        project.alembic(url, "upgrade", "head")
        project.alembic(url, "revision", "--autogenerate", "-m", "add resources")
        project.alembic(url, "upgrade", "head")
        yield project


@pytest.fixture(scope="module")
def table_service(
    table_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    """Yield the service on two processes."""
    log = tmp_path_factory.mktemp("service") / "log"
    url = table_project.environment_file["DATABASE_URL"]
    with running_accounts(table_project, url, log, **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def clients(table_service: AccountsService) -> Iterator[list[ResourceClient]]:
    """Yield clients of two users, neither of which sees the rows of all owners."""
    entries = resources_of(table_service.project.database)
    permissions = []
    for entry in entries:
        permissions += [f"{entry.table}:read", f"{entry.table}:write"]
    made = []
    for _ in range(2):
        headers = {"Authorization": f"Bearer {table_service.signed_in(*permissions).token}"}
        made.append(ResourceClient(table_service.address, headers, entries))
    yield made
    for client in made:
        client.http.close()


@pytest.fixture(scope="module")
def client(clients: list[ResourceClient]) -> ResourceClient:
    return clients[0]
