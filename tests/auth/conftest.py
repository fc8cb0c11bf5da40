"""The projects of these tests, with an answer to `auth`."""

from collections.abc import Callable, Iterator

import pytest

from harness.accounts_service import AccountsService, running_accounts
from harness.databases import server_of
from harness.project import Project
from harness.template import DATABASES

# They run inside generated projects: test_accounts_kit.py and test_kit.py.
collect_ignore = ["accounts_kit", "kit"]


@pytest.fixture(scope="session")
def oidc_project(projects: Callable[..., Project]) -> Project:
    """Return a project whose clients send tokens of an identity provider; do not change it."""
    return projects("sqlite", auth="oidc")


@pytest.fixture(scope="session")
def open_project(projects: Callable[..., Project]) -> Project:
    """Return a project that does not authenticate its clients; do not change it."""
    return projects("sqlite")


@pytest.fixture(scope="session", params=DATABASES)
def accounts_project(request: pytest.FixtureRequest, projects: Callable[..., Project]) -> Project:
    """Return a project of each database with users of its own; do not change it."""
    return projects(request.param, auth="accounts")


@pytest.fixture(scope="module")
def accounts(
    accounts_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    """Yield a running service with accounts; each test has users and clients of its own."""
    folder = tmp_path_factory.mktemp("accounts")
    with (
        server_of(accounts_project).empty_database(folder) as url,
        running_accounts(accounts_project, url, folder / "log") as service,
    ):
        yield service


@pytest.fixture(scope="session")
def light_accounts(projects: Callable[..., Project]) -> Project:
    """Return the project with accounts that is set up fastest; do not change it."""
    return projects("sqlite", auth="accounts")
