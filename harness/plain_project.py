"""A small project with only Alembic and SQLAlchemy, to try recipes in."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.processes import Completed, clean_environment, run

INI = """
[alembic]
script_location = %(here)s/migrations
prepend_sys_path = %(here)s
path_separator = os
{option}
"""
# As `alembic init` writes it, without what a test does not need.
ENV = """
import os

from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
{line}
section = config.get_section(config.config_ini_section)
connectable = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
with connectable.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "aaaaaaaaaaa1"
down_revision = None


def upgrade():
    {before}
    op.create_table(
        "users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
    )


def downgrade():
    op.drop_table("users")
"""
IMPORTS = """
import os

import pytest
from sqlalchemy import create_engine

from models import Base, User
"""
# Waits for another process: both have seen then that the revision is missing.
MEET = """
    import os, pathlib, time
    pathlib.Path(f"here-{os.getpid()}").touch()
    end = time.monotonic() + 60
    while len(list(pathlib.Path().glob("here-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
"""
# The start of an application, without a server: its lifespan.
START = """
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import command
from alembic.config import Config
from fastapi import FastAPI

{lifespan}

async def main():
    async with lifespan(FastAPI()):
        pass

asyncio.run(main())
"""


@dataclass(frozen=True)
class PlainProject:
    """A folder, and the search path with the packages of a service."""

    folder: Path
    path: str

    def write(self, option: str = "", line: str = "", before: str = "pass") -> None:
        """Write its files: with an option of alembic.ini, a line of env.py, a line of the revision."""
        versions = self.folder / "migrations/versions"
        versions.mkdir(parents=True)
        revision = REVISION.replace("{before}", before.strip())
        (versions / "first.py").write_text(revision, "utf-8")
        (self.folder / "migrations/env.py").write_text(ENV.format(line=line), "utf-8")
        (self.folder / "alembic.ini").write_text(INI.format(option=option), "utf-8")
        (self.folder / "models.py").write_text(MODELS, "utf-8")

    def run(self, url: str, *command: str, **options: Any) -> Completed:
        environment = {"PATH": self.path, "DATABASE_URL": url, "PYTHONPATH": str(self.folder)}
        return run(*command, cwd=self.folder, env=environment, **options)

    def upgrade(self, url: str, **options: Any) -> Completed:
        return self.run(url, "alembic", "upgrade", "head", **options)


def run_twice(folder: Path, path: str, url: str, *command: str) -> list[Completed]:
    """Run a command in two processes at the same time."""
    environment = clean_environment({"PATH": path, "DATABASE_URL": url})

    def start(_number: int) -> Completed:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    with ThreadPoolExecutor() as pool:
        return list(pool.map(start, range(2)))
