"""`make user-create`, `make user-promote` and `make auth-clean`, as their users run them."""

import os
import pty
import re
import select
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.databases import Server, server_of
from harness.processes import DEADLINE, Completed, only
from harness.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]
# Where the database has no part in it.
light = pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)

PASSWORD = "correct horse battery staple"
ADA = "email=ada@example.com"
# Commands on each database: all of them explain its errors by the same function.
UNMIGRATED = [("postgresql", "user-create"), ("sqlite", "user-promote"), ("sqlite", "auth-clean")]
NO_ANSWER = [("postgresql", "user-create"), ("sqlite", "auth-clean")]
# Arguments, the password, and the beginning of the error.
MISTAKES = [
    ([ADA, "role=nobody"], PASSWORD, "no role has the name nobody; roles: admin"),
    (["email=nonsense"], PASSWORD, "the e-mail address 'nonsense' is not valid: "),
    ([ADA], "short", "The password needs at least 15 characters."),
    ([ADA], "", "password required: "),
    ([ADA, "name=\u202e"], PASSWORD, "the name "),
]


@pytest.fixture
def server(accounts_project: Project) -> Server:
    return server_of(accounts_project)


@pytest.fixture
def empty(accounts_project: Project, url: str, tmp_path: Path) -> Project:
    """Return a project whose database is not migrated."""
    return accounts_project.copy(tmp_path / "orders", url)


@pytest.fixture
def orders(empty: Project, url: str) -> Project:
    """Return a project whose database is migrated; no setting of mail is set."""
    empty.alembic(url, "upgrade", "head")
    return empty


def create(
    project: Project, *arguments: str, password: str = PASSWORD, **options: Any
) -> Completed:
    return project.make("user-create", *arguments, stdin=f"{password}\n", **options)


def error_of(done: Completed) -> str:
    """Return the single line of an error, without that of make."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def roles_of(server: Server, url: str) -> list[tuple[Any, ...]]:
    query = "SELECT email, role FROM users LEFT JOIN user_roles ON user_id = id ORDER BY email"
    return server.query(url, query)


def test_first_user_may_do_everything(orders: Project, server: Server, url: str) -> None:
    done = create(orders, ADA, "name=Ada Lovelace", "role=admin")
    assert done.stdout == "created ada@example.com, who has the role admin\n"
    assert roles_of(server, url) == [("ada@example.com", "admin")]
    permissions = str(server.query(url, "SELECT permissions FROM roles")[0][0])
    assert re.sub(r"\W", "", permissions) == "", "only *"
    assert "*" in permissions
    assert server.query(url, "SELECT password_hash FROM credentials")[0][0].startswith("$argon2id$")
    assert server.query(url, "SELECT name FROM users")[0][0] == "Ada Lovelace"


@light
def test_mistake_is_a_line(orders: Project, server: Server, url: str) -> None:
    """Also without make, as in an image."""
    for arguments, password, reason in MISTAKES:
        options = [f"--{argument}" for argument in arguments]
        command = ("python", "-m", "scripts.accounts", "create", *options)
        failed = orders.run(*command, stdin=f"{password}\n", code=1)
        assert error_of(failed).startswith(reason)
    assert roles_of(server, url) == []


@light
def test_user_who_exists_stays_the_same(orders: Project, server: Server, url: str) -> None:
    assert "no role" in create(orders, "email=Ada@Example.com").stdout
    query = "SELECT password_hash FROM credentials"
    before = server.query(url, query)
    done = create(orders, "email=ADA@example.com", "role=admin", password=f"{PASSWORD}!", code=2)
    assert error_of(done).startswith("a user has the e-mail address ada@example.com: make user-")
    assert server.query(url, query) == before
    assert roles_of(server, url) == [("ada@example.com", None)]


@pytest.mark.parametrize(
    ("target", "arguments"),
    [("user-create", []), ("user-create", ["email="]), ("user-promote", [ADA])],
)
@light
def test_argument_is_required(empty: Project, target: str, arguments: list[str]) -> None:
    done = empty.make(target, *arguments, code=2)
    assert re.search("required: make user-|email is empty", error_of(done))


@pytest.mark.parametrize(("accounts_project", "command"), UNMIGRATED, indirect=["accounts_project"])
def test_database_that_is_not_migrated_is_named(empty: Project, command: str) -> None:
    done = empty.make(command, ADA, "role=admin", stdin=f"{PASSWORD}\n", code=2)
    assert "the database is not migrated, make db-migrate: " in error_of(done)


@pytest.mark.parametrize(("accounts_project", "command"), NO_ANSWER, indirect=["accounts_project"])
def test_database_that_does_not_answer_is_named(
    empty: Project, server: Server, command: str
) -> None:
    env = {"DATABASE_URL": server.UNREACHABLE}
    done = empty.make(command, ADA, stdin=f"{PASSWORD}\n", env=env, code=2)
    assert "the database does not answer, make db-start starts the local one: " in error_of(done)
    assert "s3cret" not in done.stderr


@light
def test_promotion_ends_the_sessions_of_the_user(orders: Project, server: Server, url: str) -> None:
    create(orders, ADA)
    add_session(server, url, "a" * 64, datetime.now(UTC) + timedelta(days=1))
    done = orders.make("user-promote", ADA, "role=admin")
    assert done.stdout == "ada@example.com has the role admin from the next sign-in on\n"
    assert roles_of(server, url) == [("ada@example.com", "admin")]
    assert server.query(url, "SELECT * FROM sessions") == []
    again = orders.make("user-promote", ADA, "role=admin")
    assert again.stdout == "nothing to do: ada@example.com has the role admin\n"
    done = orders.make("user-promote", "email=eve@example.com", "role=admin", code=2)
    assert "no user has the e-mail address eve@example.com" in error_of(done)


def add_session(server: Server, url: str, token_hash: str, expires_at: datetime) -> None:
    """Add a session of the only user, used just now."""
    expires, now = (f"{time:%Y-%m-%d %H:%M:%S.%f}" for time in (expires_at, datetime.now(UTC)))
    if server.name(url).endswith(".db") or url.startswith("sqlite"):
        key = f"'{token_hash[:32]}'"
    else:
        expires, now = f"{expires}+00", f"{now}+00"
        key = f"'{token_hash[:32]}'::uuid"
    server.run_script(
        url,
        "INSERT INTO sessions (id, token_hash, user_id, created_at, last_seen_at, expires_at, device,"
        f" authenticated_at) SELECT {key}, '{token_hash}', id, '{now}', '{now}', '{expires}', '',"
        f" '{now}' FROM users;",
    )


@pytest.mark.parametrize("accounts_project", ["postgresql"], indirect=True)
def test_what_has_expired_is_deleted_by_several_at_once(
    orders: Project, server: Server, url: str
) -> None:
    create(orders, ADA)
    add_session(server, url, "a" * 64, datetime.now(UTC) + timedelta(days=1))
    for number in range(20):
        add_session(server, url, f"{number:064x}"[::-1], datetime.now(UTC) - timedelta(seconds=1))
    command = ("python", "-m", "scripts.accounts", "clean")
    environment = {**os.environ, "PATH": orders.path}
    processes = []
    for _ in range(3):
        processes.append(
            subprocess.Popen(command, cwd=orders.folder, env=environment, stdout=subprocess.PIPE)
        )
    total = 0
    for process in processes:
        output, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        match = re.fullmatch(rb"deleted: (\d+) sessions, 0 tokens of mails, .*\n", output)
        assert match, output
        total += int(match[1])
    assert total == 20
    assert server.query(url, "SELECT token_hash FROM sessions") == [("a" * 64,)]


def answer_prompts(project: Project, *lines: str) -> tuple[int, str]:
    """Create a user on a terminal; return the exit code, and what the terminal shows."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project.folder)
        command = ["make", "--no-print-directory", "user-create", ADA]
        os.execvpe("make", command, {**os.environ, "PATH": project.path})
    shown = b""
    answers = list(lines)
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            shown += os.read(terminal, 1000) if ready else b""
        except OSError:
            break
        if answers and shown.count(b": ") > len(lines) - len(answers):
            os.write(terminal, f"{answers.pop(0)}\n".encode())
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


@light
def test_terminal_does_not_show_the_password(orders: Project, server: Server, url: str) -> None:
    code, shown = answer_prompts(orders, PASSWORD, PASSWORD)
    assert code == 0, shown
    assert "created ada@example.com" in shown
    assert "horse" not in shown
    assert roles_of(server, url) == [("ada@example.com", None)]


@light
def test_password_is_entered_twice(orders: Project, server: Server, url: str) -> None:
    code, shown = answer_prompts(orders, PASSWORD, f"{PASSWORD}!")
    assert code == 2, shown
    assert "the passwords differ: nothing was created" in shown
    assert roles_of(server, url) == []


@light
def test_targets_are_listed_in_a_group_of_their_own(accounts_project: Project) -> None:
    groups = accounts_project.make().stdout.split("\n\n")
    group = only([text for text in groups if text.startswith("Accounts\n")])
    names = [line.split()[0] for line in group.splitlines()]
    assert names == ["Accounts", "user-create", "user-promote", "auth-clean"]


@light
def test_own_target_may_call_that_of_accounts(orders: Project) -> None:
    with (orders.folder / "Makefile").open("a", encoding="utf-8") as file:
        file.write("\nauth-clean: kit-auth-clean ## Clean, and say so\n\t@echo cleaned\n")
    done = orders.make("auth-clean")
    assert done.stdout.splitlines()[-1] == "cleaned"
    assert done.stdout.startswith("deleted: 0 sessions")
