"""The API of a service with accounts, fuzzed from its own description, with and without a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.accounts_service import AccountsService, running_accounts
from harness.databases import server_of
from harness.fuzzing import fuzz
from harness.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Seconds for each client.
MAX_TIME = 6
# Otherwise most of the answers would be 429, or 503 while mails wait.
SETTINGS = {"ORDERS_AUTH_ATTEMPTS_PER_ADDRESS": "1000000", "ORDERS_AUTH_ARGON2_QUEUE": "1000"}
# They end the session of the client.
EXCLUDED = ("/auth/sign-out", "/auth/sign-out-everywhere")
# By the name of the client.
PERMISSIONS: dict[str, tuple[str, ...] | None] = {
    "nobody": None,
    "a user": (),
    "an administrator": ("*",),
}
# Only administrators reach all statements of the service.
CLIENTS = [("sqlite", "nobody"), ("sqlite", "a user"), ("postgresql", "an administrator")]


@pytest.fixture(scope="module")
def service(
    accounts_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    folder = tmp_path_factory.mktemp("fuzz")
    with (
        server_of(accounts_project).empty_database(folder) as url,
        running_accounts(accounts_project, url, folder / "log", **SETTINGS) as service,
    ):
        yield service


@pytest.mark.parametrize(("accounts_project", "client"), CLIENTS, indirect=["accounts_project"])
def test_api_does_what_it_says(client: str, service: AccountsService, tmp_path: Path) -> None:
    """No 5xx, no undocumented status or content type, no body that its schema does not allow."""
    # Steps that depend on each other would delete the user who calls.
    options = ["--phases", "coverage,fuzzing"]
    permissions = PERMISSIONS[client]
    if permissions is not None:
        options += ["--header", f"Authorization: Bearer {service.signed_in(*permissions).token}"]
        for path in EXCLUDED:
            options += ["--exclude-path", path]
    fuzz(service.address, tmp_path, *options, examples=20, seconds=MAX_TIME)
    assert "unexpected error" not in service.log
