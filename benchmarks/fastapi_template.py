"""The service that `fastapi_template` from PyPI generates, with SQLAlchemy and PostgreSQL."""

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
# Workloads of wrk.lua for which it has a route: none changes a row.
WORKLOADS = frozenset({"by_id", "list", "post", "missing"})
# Versions of Python that it supports.
PYTHONS = ["3.14", "3.13", "3.12"]
# A route by id, which it lacks, in its own style.
VIEW = '''

from fastapi import HTTPException


@router.get("/{dummy_id}", response_model=DummyModelDTO)
async def get_dummy_model(
    dummy_id: int,
    dummy_dao: DummyDAO = Depends(),
) -> DummyModel:
    """Retrieve a dummy object from the database."""
    dummy = await dummy_dao.get_dummy(dummy_id)
    if dummy is None:
        raise HTTPException(404)
    return dummy
'''
QUERY = '''
    async def get_dummy(self, dummy_id: int) -> DummyModel | None:
        """Get a dummy model."""
        return await self.session.get(DummyModel, dummy_id)
'''
SEED = "INSERT INTO dummy_model (name) SELECT 'Seeded ' || i FROM generate_series(1, {}) AS i"


def environment(url: str, port: int = 0) -> dict[str, str]:
    """Return its settings for the server of this database URL, and its own database there."""
    parts = urlsplit(url)
    return {
        "PEER_DB_HOST": str(parts.hostname),
        "PEER_DB_PORT": str(parts.port),
        "PEER_DB_USER": str(parts.username),
        "PEER_DB_PASS": "any",
        "PEER_DB_BASE": DATABASE,
        "PEER_PORT": str(port),
    }


def generate(folder: Path, url: str, rows: int) -> Path | None:
    """Return its project with packages installed, and rows in a database on the same server.

    None without a Python that it supports.
    """
    python = working_python(PYTHONS)
    if python is None:
        return None
    search = {"PATH": f"{uv_folder()}:{clean_environment()['PATH']}", "UV_PYTHON": python}
    run("uvx", "--from", PACKAGE, "fastapi_template", *OPTIONS.split(), cwd=folder, env=search)
    project = folder / "peer"
    run("uv", "sync", "--quiet", "--no-dev", cwd=project, env=search)
    append(project / "peer/web/api/dummy/views.py", VIEW)
    append(project / "peer/db/dao/dummy_dao.py", QUERY)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    run(".venv/bin/alembic", "upgrade", "head", cwd=project, env={**search, **environment(url)})
    with psycopg.connect(urlsplit(url)._replace(path=DATABASE).geturl()) as connection:
        connection.execute(SEED.format(rows))
    return project


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
