"""The process of a service: which host it may listen on, and what keeps it from starting."""

from pathlib import Path

import httpx
import pytest

from harness.processes import Completed
from harness.project import Project
from harness.releases import edit
from harness.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# A name of 127.0.0.1 that no one knows to be loopback.
OTHER_HOST = {"ORDERS_HOST": "127.1"}
ALLOWED = {"ORDERS_ALLOW_ANONYMOUS": "true"}
PROVIDER = {"ORDERS_AUTH_ISSUER": "http://127.0.0.1:9", "ORDERS_AUTH_AUDIENCE": "orders"}
GUARD = ', dependencies=[require_for("users")]'
URL = "sqlite:///orders.db"
OPEN_ROUTES = """\
these routes do not say who may call them; add to each:
  app/users/routes.py:29 POST /users: dependencies=[require("users:write")]
  app/users/routes.py:39 GET /users: dependencies=[require("users:read")]
  app/users/routes.py:55 GET /users/{user_id}: dependencies=[require("users:read")]
  app/users/routes.py:63 PATCH /users/{user_id}: dependencies=[require("users:write")]
  app/users/routes.py:72 DELETE /users/{user_id}: dependencies=[require("users:write")]
or to app.include_router(), for all: dependencies=[require_for("users")]
or dependencies=[public], if everyone may call them
from kit.auth import public, require, require_for
"""


@pytest.fixture
def open_copy(open_project: Project, tmp_path: Path) -> Project:
    """Return a service that does not authenticate its clients, to be changed."""
    return open_project.copy(tmp_path / "orders", URL)


@pytest.fixture
def unguarded(oidc_project: Project, tmp_path: Path) -> Project:
    """Return a service that authenticates, and has no guards, as after switching auth on."""
    copy = oidc_project.copy(tmp_path / "orders", URL)
    edit(copy.folder / "app/main.py", GUARD, "")
    return copy


def start(project: Project, *command: str, code: int, **variables: str) -> Completed:
    """Run a command that has to end by itself."""
    variables["PORT"] = str(free_port())
    return project.run(*command, env=variables, code=code, timeout=60)


def test_open_service_refuses_another_host(open_project: Project) -> None:
    ended = start(open_project, "python", "-m", "app", code=1, **OTHER_HOST)
    assert ended.stderr == (
        "cannot listen on 127.1: clients are not authenticated, so everyone who reaches the port may"
        " call every route; set ORDERS_ALLOW_ANONYMOUS=true if they may, or ORDERS_HOST=127.0.0.1\n"
    )


@pytest.mark.parametrize("host", [{"ORDERS_HOST": "localhost"}, {**OTHER_HOST, **ALLOWED}])
def test_open_service_serves_if_it_may(
    open_project: Project, tmp_path: Path, host: dict[str, str]
) -> None:
    with open_project.serve("python", "-m", "app", env=host, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.address}/users").status_code == 200
    assert "not authenticated" not in server.log


def test_service_of_an_older_release_only_warns(open_copy: Project, tmp_path: Path) -> None:
    """Its settings do not have the line that new services have."""
    edit(open_copy.folder / "app/settings.py", "    allow_anonymous: bool = False\n", "")
    open_copy.alembic(URL, "upgrade", "head")
    with open_copy.serve("python", "-m", "app", env=OTHER_HOST, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.address}/users").status_code == 200
    assert "set ORDERS_ALLOW_ANONYMOUS=true if they may" in server.log
    assert server.log.count("clients are not authenticated") == 1


def test_authenticating_service_serves_on_every_host(oidc_project: Project, tmp_path: Path) -> None:
    variables = {**OTHER_HOST, **PROVIDER}
    with oidc_project.serve("python", "-m", "app", env=variables, log=tmp_path / "log") as server:
        response = httpx.get(f"{server.address}/users")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert httpx.get(f"{server.address}/docs").status_code == 200
    assert "Traceback" not in server.log


def test_missing_settings_are_named(oidc_project: Project) -> None:
    ended = start(oidc_project, "python", "-m", "app", code=3)
    assert ended.stderr == (
        "ORDERS_AUTH_ISSUER: is not set; set it in the environment or in .env\n"
        "ORDERS_AUTH_AUDIENCE: is not set; set it in the environment or in .env\n"
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_open_routes_are_named_when_it_starts(unguarded: Project, workers: str) -> None:
    variables = {**PROVIDER, "ORDERS_WORKERS": workers}
    ended = start(unguarded, "python", "-m", "app", code=3, **variables)
    assert OPEN_ROUTES in ended.stderr
    assert "Traceback" not in ended.stderr


def test_other_servers_do_not_start_it_either(unguarded: Project) -> None:
    ended = start(unguarded, "uvicorn", "app.main:app", "--port", "1", code=3, **PROVIDER)
    assert 'GET /users: dependencies=[require("users:read")]' in ended.stderr


def test_make_routes_shows_guards(oidc_project: Project) -> None:
    lines = oidc_project.make("routes", env=PROVIDER).stdout.splitlines()
    assert [line.split() for line in lines if "/users" in line] == [
        ["POST", "/users", "create_user", "users:write", "app/users/routes.py:29"],
        ["GET", "/users", "list_users", "users:read", "app/users/routes.py:39"],
        ["GET", "/users/{user_id}", "get_user", "users:read", "app/users/routes.py:55"],
        ["PATCH", "/users/{user_id}", "update_user", "users:write", "app/users/routes.py:63"],
        ["DELETE", "/users/{user_id}", "delete_user", "users:write", "app/users/routes.py:72"],
    ]
    assert lines[1].split() == ["GET", "/openapi.json", "openapi", "public", "built", "in"]


def test_make_routes_says_that_an_api_is_open(open_project: Project) -> None:
    output = open_project.make("routes").stdout
    assert "the API is open: clients are not authenticated" in output
    assert "these routes do not say" not in output


def test_make_routes_names_open_routes(unguarded: Project) -> None:
    assert unguarded.make("routes", env=PROVIDER).stdout.endswith(OPEN_ROUTES)
