"""A service of 2.0 with edits and rows gets accounts by `make update`, and loses them again."""

import re
from pathlib import Path

import httpx
import pytest

from harness.databases import Server, server_of
from harness.owners import project_files
from harness.project import Project, keep_environment
from harness.releases import Releases, commit, edit, git, tagged_clone
from harness.smtp import receiving_mail, token_of
from harness.switched_service import (
    GUARDS,
    add_guards,
    assert_names_open_routes,
    lived_service,
)
from harness.template import Answers
from harness.update_command import run_update
from harness.updates import conflicts, share_environment, start_service, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(180)]

TABLES = {
    "api_keys",
    "credentials",
    "email_tokens",
    "passkey_challenges",
    "passkeys",
    "recovery_codes",
    "roles",
    "sessions",
    "sign_in_limits",
    "user_roles",
}
COLUMN = ("    is_active: ", "    phone_number: Mapped[str | None]\n    is_active: ")
USER = (
    "INSERT INTO users (id, email, name, phone_number) VALUES"
    " ('01890000000070008000000000000001', 'ada@example.com', 'Ada', '12')"
)
PASSWORD = "a long enough password of Ada"
ALLOW_DROP = "# db-lint: allow ban-drop-table: sign-in was removed\n"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


@pytest.fixture
def server(accounts_project: Project) -> Server:
    return server_of(accounts_project)


@pytest.fixture
def lived(accounts_project: Project, releases: Releases, url: str, tmp_path: Path) -> Project:
    """Return a service of 2.0.0 with edits, a column and a user of its own."""
    answers: Answers = {"database": accounts_project.database, "deploy": ["docker"]}
    folder = start_service(releases, tmp_path / "orders", "2.0.0", answers)
    service = share_environment(folder, accounts_project, url)
    edit(folder / "app/models/user.py", *COLUMN)
    lived_service(folder)
    service.alembic(url, "upgrade", "head")
    service.alembic(url, "revision", "--autogenerate", "-m", "add phone number")
    service.alembic(url, "upgrade", "head")
    server_of(accounts_project).query(url, USER)
    commit(folder, "Phone numbers")
    return service


def switch(service: Project, answer: str, releases: Releases) -> None:
    """Change the answer with copier; the service's own files stay as they are."""
    own_files = project_files(service.folder)
    update(service.folder, releases.next, data={"auth": answer})
    assert_clean(service, own_files)


def assert_clean(service: Project, own_files: dict[str, bytes]) -> None:
    """The update has no conflicts and has not changed the project's files; commit it."""
    assert not conflicts(service.folder)
    assert project_files(service.folder) == own_files
    assert "# Ours.\n" in (service.folder / "Dockerfile").read_text("utf-8")
    commit(service.folder, "Update")
    keep_environment(service)


def apply(service: Project, url: str) -> None:
    """Apply the new revision, which `make test` of a service also rolls back."""
    service.alembic(url, "upgrade", "head")
    service.alembic(url, "check")


def add_tables(service: Project, url: str) -> None:
    """Write the revision that adds the tables, and apply it."""
    service.alembic(url, "revision", "--autogenerate", "-m", "add accounts")
    assert "nothing dangerous" in service.script("lint").stdout
    apply(service, url)
    commit(service.folder, "Add accounts")


def assert_user_gets_a_password(service: Project, log: Path) -> None:
    """A user who has never had a password sets one by mail, and reads the account."""
    with receiving_mail() as mail:
        command = ("python", "-m", "app")
        with service.serve(*command, env=mail.settings(), log=log) as running:
            client = httpx.Client(base_url=running.address)
            assert client.get("/greeting").json() == "Hello"
            assert client.get("/users").status_code == 401
            wrong = {"email": "ada@example.com", "password": PASSWORD, "transport": "bearer"}
            assert client.post("/auth/sign-in", json=wrong).status_code == 401
            address = {"email": "ada@example.com"}
            assert client.post("/auth/password-reset", json=address).status_code == 202
            token = token_of(mail.wait_for_message(to="ada@example.com"))
            chosen = {"token": token, "password": PASSWORD, "transport": "bearer"}
            session = client.post("/auth/password-reset/confirm", json=chosen)
            assert session.status_code == 201
            client.headers["Authorization"] = f"Bearer {session.json()['token']}"
            assert client.get("/auth/me").json()["subject"].endswith("000000000001")
            # She has no role yet.
            assert client.get("/users").status_code == 403


def assert_drop_is_reviewed(service: Project, url: str) -> None:
    """No command drops the tables before a revision that the team has accepted."""
    failed = service.alembic(url, "check", code=None)
    assert "no model has these tables of the database: api_keys" in failed.stdout
    assert "make db-revision" in failed.stdout
    written = service.alembic(url, "revision", "--autogenerate", "-m", "drop accounts")
    assert "This revision drops tables with their rows: api_keys" in written.stdout
    revision = service.revisions[-1]
    if service.database == "postgresql":
        # It waits for the rollout, and refuses while the base branch uses a table.
        guarded = re.findall(r'require_unused\("(\w+)"\)', revision.read_text("utf-8"))
        assert {*guarded} == TABLES
        service.script("lint")
        return
    linted = service.script("lint", code=None)
    assert {name for name in TABLES if f"DROP TABLE {name};" in linted.stdout} == TABLES
    assert "concurrent" not in linted.stdout
    edit(revision, "def upgrade", f"{ALLOW_DROP}def upgrade")
    service.script("lint")


def assert_tables_are_dropped(service: Project, url: str, server: Server) -> None:
    """After the review; what the team added to the users stays."""
    assert not [*service.folder.glob("kit/_internal/auth/accounts/**/*.py")]
    assert_drop_is_reviewed(service, url)
    apply(service, url)
    commit(service.folder, "Drop accounts")
    assert not server.tables(url) & TABLES
    assert server.query(url, "SELECT phone_number FROM users") == [("12",)]


def assert_names_what_is_missing(service: Project) -> None:
    """The start names the settings, and each route that does not say who may call it."""
    stopped = service.run("python", "-m", "app", code=3, timeout=60)
    assert "ORDERS_MAIL_URL: is not set" in stopped.stderr
    assert_names_open_routes(stopped.stderr)


@pytest.mark.parametrize("accounts_project", ["postgresql"], indirect=True)
def test_service_gets_accounts_and_loses_them(
    lived: Project, releases: Releases, url: str, server: Server, tmp_path: Path
) -> None:
    own_files = project_files(lived.folder)
    run_update(lived.folder, to=releases.next, data="auth=accounts")
    assert_clean(lived, own_files)
    git("tag", "updated", cwd=lived.folder)

    failed = lived.make("db-check", code=2)
    assert "the database does not have the tables of auth=accounts" in failed.stdout
    assert 'make db-revision m="add accounts" && make db-migrate' in failed.stdout
    add_tables(lived, url)
    assert_names_what_is_missing(lived)
    add_guards(lived.folder)
    keep_environment(lived)
    lived.make("test", timeout=600)
    assert_user_gets_a_password(lived, tmp_path / "log")

    switch(lived, "none", releases)
    assert_tables_are_dropped(lived, url, server)
    lived.make("lint", "test", timeout=600)
    changed = set(git("diff", "--name-only", "updated", cwd=lived.folder).split())
    assert changed & own_files.keys() == GUARDS.keys()


@pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)
def test_tables_of_accounts_survive_another_answer(
    lived: Project, releases: Releases, url: str, server: Server, tmp_path: Path
) -> None:
    """Tokens of a provider instead of accounts, and back: the team keeps the rows, until it drops them."""
    switch(lived, "oidc", releases)
    lived.alembic(url, "check")
    add_guards(lived.folder)
    switch(lived, "accounts", releases)
    add_tables(lived, url)
    assert_user_gets_a_password(lived, tmp_path / "log")
    server.query(url, "INSERT INTO roles (name, permissions) VALUES ('admin', '[\"*\"]')")

    switch(lived, "oidc", releases)
    lived.alembic(url, "check", code=None)
    excluded = f"exclude_tables = {' '.join(TABLES)}"
    edit(lived.folder / "alembic.ini", "exclude_tables =", excluded)
    commit(lived.folder, "Keep the tables of accounts")
    lived.alembic(url, "check")
    switch(lived, "accounts", releases)
    lived.alembic(url, "check")
    assert server.query(url, "SELECT name FROM roles") == [("admin",)]

    edit(lived.folder / "alembic.ini", excluded, "exclude_tables =")
    commit(lived.folder, "Drop the tables of accounts")
    switch(lived, "none", releases)
    assert_tables_are_dropped(lived, url, server)
