"""The service that `fastapi_template` from PyPI makes, on SQLAlchemy and PostgreSQL."""

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
# It has no route for one row; this is one in its own style.
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
    """Return its settings, for a database at this address."""
    parts = urlsplit(url)
    settings = {
        "DB_HOST": parts.hostname,
        "DB_PORT": parts.port,
        "DB_USER": parts.username,
        "DB_PASS": "any",
        "DB_BASE": DATABASE,
        "PORT": port,
    }
    return {f"PEER_{key}": str(value) for key, value in settings.items()}


def generate(folder: Path, url: str, rows: int) -> Path | None:
    """Return the project, with its packages, and rows in a database of its own on the same server.

    None where no Python is installed that it runs on.
    """
    python = working_python(["3.14", "3.13", "3.12"])
    if python is None:
        return None
    search = {"PATH": f"{uv_folder()}:{clean_environment()['PATH']}", "UV_PYTHON": python}
    run("uvx", "--from", PACKAGE, "fastapi_template", *OPTIONS.split(), cwd=folder, env=search)
    project = folder / "peer"
    run("uv", "sync", "--quiet", "--no-dev", cwd=project, env=search)
    for name, text in (("web/api/dummy/views.py", VIEW), ("db/dao/dummy_dao.py", QUERY)):
        with (project / "peer" / name).open("a") as file:
            file.write(text)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    run(".venv/bin/alembic", "upgrade", "head", cwd=project, env={**search, **environment(url)})
    with psycopg.connect(urlsplit(url)._replace(path=DATABASE).geturl()) as connection:
        connection.execute(SEED.format(rows))
    return project
