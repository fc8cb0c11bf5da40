"""`make client`: the generated clients work with the service, and the same API gives the same files."""

import os
import shutil
from pathlib import Path

import pytest

from harness.output import messages_of
from harness.processes import Completed, lines_of, run
from harness.project import Project
from harness.working_copy import git, init_repository

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

needs_npx = pytest.mark.skipif(shutil.which("npx") is None, reason="Node.js is not installed")
# Uses the Python client; the argument is the URL of the service.
PROGRAM = """
import sys

from orders_client import Client
from orders_client.api.users import create_user, get_user, list_users, update_user
from orders_client.models import Problem, UserCreate, UserPage, UserRead, UserUpdate

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)

ada = create_user.sync(client=client, body=UserCreate(email="ada@example.com", name="Ada"))
assert isinstance(ada, UserRead), ada
assert ada.name == "Ada" and ada.is_active and ada.created_at.tzinfo is not None

page = list_users.sync(client=client, limit=1, email="ada@example.com")
assert isinstance(page, UserPage), page
assert [user.id for user in page.items] == [ada.id]

changed = update_user.sync(ada.id, client=client, body=UserUpdate(name="Ada Lovelace"))
assert isinstance(changed, UserRead) and changed.email == "ada@example.com", changed

taken = create_user.sync(client=client, body=UserCreate(email="ada@example.com", name="Bob"))
assert isinstance(taken, Problem), taken
assert taken.status == 409, taken

invalid = create_user.sync_detailed(client=client, body=UserCreate(email="nonsense", name=""))
assert invalid.status_code == 422
assert isinstance(invalid.parsed, Problem)
assert [error.location for error in invalid.parsed.errors] == [["body", "email"], ["body", "name"]]

missing = get_user.sync("019b0000-0000-7000-8000-000000000000", client=client)
assert isinstance(missing, Problem) and missing.status == 404, missing
print("ok")
"""
# Types that have to fit, and others that must not.
TYPES = """
import type { components, operations, paths } from "./api";

type User = components["schemas"]["UserRead"];
type Created = paths["/users"]["post"]["responses"][201]["content"]["application/json"];
type Taken = operations["create_user"]["responses"][409]["content"]["application/problem+json"];

export const create: components["schemas"]["UserCreate"] = {
    email: "ada@example.com", name: "Ada", is_active: true,
};
export const name = (user: User): string => user.name;
export const created = (user: Created): User => user;
export const status = (problem: Taken): number => problem.status;
// @ts-expect-error: the name is required
export const incomplete: components["schemas"]["UserCreate"] = { email: "ada@example.com" };
// @ts-expect-error: a name is no number
export const wrong = (user: User): number => user.name;
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files in a folder by path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def error_of(done: Completed) -> str:
    """Return the single line of an error, without that of make."""
    lines = messages_of(done.stderr)
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def orders(light_project: Project, tmp_path: Path) -> Project:
    """Return a project in a git repository."""
    return init_repository(light_project.copy(tmp_path / "orders", "sqlite:///unused.db"))


@pytest.fixture(scope="module")
def without_npx(light_project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which npx is not installed."""
    programs = tmp_path_factory.mktemp("programs")
    for folder in light_project.path.split(":"):
        for program in Path(folder).glob("*"):
            if program.name != "npx" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    return {"PATH": str(programs)}


@pytest.fixture(scope="module")
def generated(
    light_project: Project, without_npx: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """Return a project in a git repository with a Python client, which tests must not change."""
    folder = tmp_path_factory.mktemp("generated") / "orders"
    orders = init_repository(light_project.copy(folder, f"sqlite:///{folder.parent}/orders.db"))
    orders.make("client", env=without_npx, timeout=300)
    return orders


def test_python_client_calls_the_service(generated: Project, tmp_path: Path) -> None:
    generated.alembic(generated.environment_file["DATABASE_URL"], "upgrade", "head")
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    uv = ("uv", "run", "--quiet", "--isolated", "--no-project", "--with", "clients/python")
    with generated.serve("make", "run", log=tmp_path / "log") as server:
        done = generated.run(*uv, "python", tmp_path / "program.py", server.address)
    assert done.stdout == "ok\n"


@needs_npx
def test_types_are_those_of_the_api(orders: Project) -> None:
    done = orders.make("client", timeout=300)
    assert done.stdout == "clients/python written\nclients/typescript/api.d.ts written\n"
    folder = orders.folder / "clients/typescript"
    (folder / "use.ts").write_text(TYPES, "utf-8")
    tsc = ("npx", "--yes", "--package", "typescript@5.9.3", "tsc", "--noEmit", "--strict")
    run(*tsc, "use.ts", cwd=folder, env={"PATH": os.environ["PATH"]})


def test_clients_are_ignored_by_git(generated: Project) -> None:
    assert git(generated, "status", "--porcelain") == ""


def test_same_api_gives_the_same_files_also_without_gitignore(
    generated: Project, without_npx: dict[str, str], tmp_path: Path
) -> None:
    """To commit clients, you delete the file that has git ignore them."""
    orders = generated.copy(tmp_path / "orders", "sqlite:///unused.db")
    (orders.folder / "clients/.gitignore").unlink()
    before = contents(orders.folder / "clients")
    (orders.folder / "clients/python/orders_client/removed.py").touch()
    orders.make("client", env=without_npx, timeout=300)
    assert contents(orders.folder / "clients") == before
    assert git(orders, "status", "--porcelain") == "?? clients/"
    # Committed clients are not linted.
    orders.make("lint")


def test_without_npx_only_the_types_are_skipped(
    orders: Project, without_npx: dict[str, str]
) -> None:
    done = orders.make("client", "to=../of orders", env=without_npx, timeout=300)
    assert lines_of(done.stdout) == [
        "../of orders/python written",
        "../of orders/typescript/api.d.ts skipped: npx is not installed, which Node.js brings",
    ]
    assert (orders.folder.parent / "of orders/python/orders_client/client.py").is_file()
    assert not (orders.folder / "clients").exists()


def test_other_files_are_never_overwritten(orders: Project) -> None:
    own = orders.folder / "clients/python/own.py"
    own.parent.mkdir(parents=True)
    own.touch()
    line = error_of(orders.script("client", code=1))
    assert line == "refused: clients/python was not generated; name another folder: to=..."
    assert own.exists()
    (orders.folder / "web/typescript").mkdir(parents=True)
    (orders.folder / "web/typescript/api.d.ts").write_text("export {};\n", "utf-8")
    line = error_of(orders.script("client", env={"to": "web"}, code=1))
    assert line == "refused: web/typescript/api.d.ts was not generated; name another folder: to=..."
    line = error_of(orders.script("client", env={"to": "alembic.ini"}, code=1))
    assert line == "refused: alembic.ini is not a folder; name another one: to=..."


def test_first_run_needs_a_network(orders: Project, tmp_path: Path) -> None:
    environment = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    line = error_of(orders.make("client", env=environment, code=2))
    assert line == "openapi-python-client cannot be installed: check the network"
    assert not (orders.folder / "clients").exists()


def test_failure_of_npx_is_a_line(orders: Project, tmp_path: Path) -> None:
    npx = tmp_path / "npx"
    npx.write_text("#!/bin/sh\necho npm error network >&2\nexit 1\n", "utf-8")
    npx.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{orders.path}"}
    done = orders.make("client", env=environment, timeout=300, code=2)
    assert error_of(done) == "npx failed: npm error network"
