"""The service that `fastapi_template` from PyPI generates, with SQLAlchemy and PostgreSQL.

It gets the users of this service, in its own style: its example has a table of one column, a POST
that answers nothing, and no route that changes a row.
"""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from harness.processes import clean_environment, run
from harness.programs import working_python
from harness.project import uv_folder

PACKAGE = DATABASE = "fastapi_template"
OPTIONS = (
    "--quiet --force --name peer --api-type rest --db postgresql --orm sqlalchemy --ci none"
    " --migrations --dummy --routers"
)
# Versions of Python that it supports.
PYTHONS = ["3.14", "3.13", "3.12"]
# Its users, and the folders of the project in which they belong.
USERS = Path(__file__).with_name("fastapi_template_users")
FOLDERS = {
    "user_model.py": "peer/db/models",
    "user_dao.py": "peer/db/dao",
    "schema.py": "peer/web/api/users",
    "views.py": "peer/web/api/users",
}
ROUTER = """
from peer.web.api.users import views

api_router.include_router(views.router, prefix="/users", tags=["users"])
"""


def environment(url: str, port: int = 0) -> dict[str, str]:
    """Return its settings for the server of this database URL, and a database of its own there."""
    parts = urlsplit(url)
    return {
        "PEER_DB_HOST": str(parts.hostname),
        "PEER_DB_PORT": str(parts.port),
        "PEER_DB_USER": str(parts.username),
        "PEER_DB_PASS": "any",
        "PEER_DB_BASE": DATABASE,
        "PEER_PORT": str(port),
    }


def generate(folder: Path, url: str, seed: str) -> Path | None:
    """Return its project with packages installed, and a seeded database on the same server.

    None without a Python that it supports.
    """
    python = working_python(PYTHONS)
    if python is None:
        return None
    search = {"PATH": f"{uv_folder()}:{clean_environment()['PATH']}", "UV_PYTHON": python}
    run("uvx", "--from", PACKAGE, "fastapi_template", *OPTIONS.split(), cwd=folder, env=search)
    project = folder / "peer"
    # Pydantic's extra for e-mail addresses, which the users of the service need.
    run("uv", "add", "--quiet", "pydantic[email]", cwd=project, env=search)
    for name, target in FOLDERS.items():
        (project / target).mkdir(exist_ok=True)
        shutil.copy(USERS / name, project / target)
    with (project / "peer/web/api/router.py").open("a", encoding="utf-8") as router:
        router.write(ROUTER)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    migrate(project, {**search, **environment(url)})
    with psycopg.connect(urlsplit(url)._replace(path=DATABASE).geturl()) as connection:
        connection.execute(seed)
    return project


def migrate(project: Path, env: dict[str, str]) -> None:
    """Write a revision for the table of users, and apply all revisions."""
    # The revision is formatted by ruff, which is in the project's environment.
    for command in ("upgrade head", "revision --autogenerate --message users", "upgrade head"):
        run("uv", "run", "alembic", *command.split(), cwd=project, env=env)
