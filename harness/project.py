"""A generated project with a virtual environment, and the commands that its users run."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uv

from harness.package_cache import keep_bytecode
from harness.processes import DEADLINE, Completed, Environment, only, run
from harness.servers import RunningService, free_port, serving

if TYPE_CHECKING:
    from harness.migrators import Migrators

# The id of the revision that every project begins with.
FIRST = "8c1f4b6d2e0a"
# Targets that may take longer than a minute: they install, test or update.
LONG = {".venv/.synced", "check", "db-diagram", "setup", "test", "typecheck", "update"}
# What a copy of a project leaves out: environment, databases and caches.
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".postgres", "*.db", "*.db-*", ".*_cache", "__pycache__"
)


@dataclass(frozen=True)
class Project:
    """A rendered project whose `make setup` has run, and its database."""

    folder: Path
    database: str
    # Runs alembic and scripts/ in processes that have imported everything; None runs them as usual.
    migrators: "Migrators | None" = None

    @property
    def path(self) -> str:
        """The PATH: this project's environment first, then uv, then the system."""
        return f"{self.folder / '.venv/bin'}:{uv_folder()}:{os.environ['PATH']}"

    @property
    def versions(self) -> Path:
        return self.folder / "migrations/versions"

    @property
    def revisions(self) -> list[Path]:
        return sorted(self.versions.glob("*.py"))

    @property
    def new_revision(self) -> Path:
        """The only revision after the first."""
        return only({*self.revisions} - {*self.versions.glob("*create_users*")})

    @property
    def environment_file(self) -> dict[str, str]:
        """The variables in .env."""
        return dict(re.findall(r"(?m)^(\w+)=(.*)$", (self.folder / ".env").read_text("utf-8")))

    def run(
        self, *command: str | Path, env: Environment | None = None, **options: Any
    ) -> Completed:
        return run(*command, cwd=self.folder, env={"PATH": self.path, **(env or {})}, **options)

    def make(self, *arguments: str, **options: Any) -> Completed:
        """Run targets of the Makefile; all but those of LONG have to end within a minute."""
        if not LONG & {*arguments}:
            options.setdefault("timeout", DEADLINE)
        return self.run("make", "--no-print-directory", *arguments, **options)

    def alembic(self, url: str, *arguments: str, **options: Any) -> Completed:
        return self.run_python("alembic", *arguments, env={"DATABASE_URL": url}, **options)

    def script(
        self, name: str, *arguments: str, env: Environment | None = None, **options: Any
    ) -> Completed:
        """Run a script as a target of the Makefile does; variables of make are in the environment."""
        return self.run_python(
            "python", "-m", f"scripts.{name}", *arguments, env=env or {}, **options
        )

    def run_python(self, *command: str, env: Environment, **options: Any) -> Completed:
        """Run alembic or a script, in one of the prepared processes of `migrators` if possible."""
        options |= {"cwd": self.folder, "env": {"PATH": self.path, **env}, "timeout": DEADLINE}
        if self.migrators is None:
            return run(*command, **options)
        return self.migrators.run(*command, **options)

    @contextlib.contextmanager
    def serve(
        self, *command: str, url: str | None = None, env: Environment | None = None, log: Path
    ) -> Iterator[RunningService]:
        """Run the service on a free port with one of the project's commands, such as `make dev`."""
        port = free_port()
        settings = {"PATH": self.path, "PORT": str(port), **(env or {})}
        if url:
            settings["DATABASE_URL"] = url
        with serving(*command, cwd=self.folder, env=settings, log_file=log, port=port) as server:
            yield server

    def copy(self, folder: Path, url: str) -> "Project":
        """Copy the files; share the environment, in which nothing of the project is installed."""
        shutil.copytree(self.folder, folder, ignore=NOT_COPIED)
        (folder / ".venv").symlink_to(self.folder / ".venv")
        (folder / ".env").write_text(f"DATABASE_URL={url}\n", "utf-8")
        return replace(self, folder=folder)


def link_environment(folder: Path, database: str) -> None:
    """Link the environment that `make mutants` has set up for all projects of this database."""
    if "PROJECT_ENVIRONMENTS" not in os.environ:
        return
    shared = Path(os.environ["PROJECT_ENVIRONMENTS"], database)
    shutil.copy2(shared / "uv.lock", folder)
    (folder / ".venv").symlink_to(shared / ".venv")
    (folder / ".venv/.synced").touch()


def uv_folder() -> Path:
    """Return a folder with links to uv and uvx of these tests, for a PATH that lacks them."""
    folder = Path(sys.prefix) / "only-uv"
    folder.mkdir(exist_ok=True)
    program = Path(uv.find_uv_bin())
    for name in ("uv", "uvx"):
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(program.with_name(name))
    return folder


def keep_environment(project: Project) -> None:
    """Make pyproject.toml look older than the shared environment, so that make does not sync it."""
    for name in ("pyproject.toml", "kit/pyproject.toml"):
        if (project.folder / name).exists():
            os.utime(project.folder / name, (0, 0))


@contextlib.contextmanager
def stopped(project: Project) -> Iterator[Project]:
    """Stop the project's database server after the block."""
    try:
        yield project
    finally:
        if (project.folder / ".venv/.synced").exists():
            project.make("db-stop")
        process_files = list(project.folder.glob(".*/postmaster.pid"))
        assert not process_files, f"a server still runs in {project.folder}"


@contextlib.contextmanager
def set_up(
    folder: Path, database: str, *arguments: str, env: Environment | None = None
) -> Iterator[Project]:
    """Run `make setup` in a rendered project; stop its database server after the block.

    The bytecode of its packages is kept for environments that are created later.
    """
    with stopped(Project(folder, database)) as project:
        project.make("setup", *arguments, env=env)
        keep_bytecode(folder / ".venv")
        yield project
        keep_bytecode(folder / ".venv")
