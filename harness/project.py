"""A generated project with an environment of its own, and the commands that its people type."""

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

from harness.processes import DEADLINE, Completed, Environment, only, run
from harness.servers import RunningService, free_port, serving

if TYPE_CHECKING:
    from harness.migrators import Migrators

FIRST = "8c1f4b6d2e0a"  # the template's revision
# Targets that may take longer than a minute.
LONG = {".venv/.synced", "check", "db-diagram", "setup", "test", "typecheck", "update"}
MADE = shutil.ignore_patterns(".venv", ".postgres", "*.db", "*.db-*", ".*_cache", "__pycache__")


@dataclass(frozen=True)
class Project:
    folder: Path
    database: str
    # Spares commands of Alembic and of scripts/ their imports.
    migrators: "Migrators | None" = None

    @property
    def path(self) -> str:
        """The search path: this project's environment first, then uv, then the system."""
        return f"{self.folder / '.venv/bin'}:{uv_folder()}:{os.environ['PATH']}"

    @property
    def revisions(self) -> list[Path]:
        return sorted((self.folder / "migrations/versions").glob("*.py"))

    @property
    def new_revision(self) -> Path:
        """The one revision beside the first, which is the template's."""
        path = only([path for path in self.revisions if "create_users" not in path.name])
        return path

    @property
    def environment_file(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text("utf-8").splitlines()
        return dict(re.findall(r"(?m)^(\w+)=(.*)$", "\n".join(lines)))

    def run(
        self, *command: str | Path, env: Environment | None = None, **options: Any
    ) -> Completed:
        return run(*command, cwd=self.folder, env={"PATH": self.path, **(env or {})}, **options)

    def make(self, *arguments: str, **options: Any) -> Completed:
        """Run targets; all but those that install, test or update have to end within a minute."""
        options.setdefault("timeout", 300 if LONG & {*arguments} else DEADLINE)
        return self.run("make", "--no-print-directory", *arguments, **options)

    def alembic(self, url: str, *arguments: str, **options: Any) -> Completed:
        return self.begin("alembic", *arguments, env={"DATABASE_URL": url}, **options)

    def script(
        self, name: str, *arguments: str, env: Environment | None = None, **options: Any
    ) -> Completed:
        """Run what a target of the Makefile runs; its variables are in the environment."""
        return self.begin("python", "-m", f"scripts.{name}", *arguments, env=env or {}, **options)

    def begin(self, *command: str, env: Environment, **options: Any) -> Completed:
        start = self.migrators.run if self.migrators else run
        environment = {"PATH": self.path, **env}
        return start(*command, cwd=self.folder, env=environment, timeout=DEADLINE, **options)

    @contextlib.contextmanager
    def serve(
        self, *command: str, url: str | None = None, env: Environment | None = None, log: Path
    ) -> Iterator[RunningService]:
        """Serve with one of the project's commands on a free port."""
        port = free_port()
        settings = {"PATH": self.path, "PORT": str(port), **(env or {})}
        if url:
            settings["DATABASE_URL"] = url
        with serving(*command, cwd=self.folder, env=settings, log_file=log, port=port) as server:
            yield server

    def copy(self, folder: Path, url: str) -> "Project":
        """Copy the files; share the environment, which none of them is installed in."""
        shutil.copytree(self.folder, folder, ignore=MADE)
        (folder / ".venv").symlink_to(self.folder / ".venv")
        (folder / ".env").write_text(f"DATABASE_URL={url}\n", "utf-8")
        return replace(self, folder=folder)


def link_environment(folder: Path, database: str) -> None:
    """Give a rendered project the environment that `make mutants` has made for all, if there is one."""
    if shared := os.environ.get("PROJECT_ENVIRONMENTS"):
        made = Path(shared) / database
        shutil.copy2(made / "uv.lock", folder)
        (folder / ".venv").symlink_to(made / ".venv")
        (folder / ".venv/.synced").touch()


def uv_folder() -> Path:
    """Return a folder with nothing but uv and uvx, for machines where they are not installed."""
    folder = Path(sys.prefix) / "only-uv"
    folder.mkdir(exist_ok=True)
    program = Path(uv.find_uv_bin())
    for name in ("uv", "uvx"):
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(program.with_name(name))
    return folder


def keep_environment(project: Project) -> None:
    """Have make take the environment, which is shared, for up to date."""
    for name in ("pyproject.toml", "kit/pyproject.toml"):
        if (project.folder / name).exists():
            os.utime(project.folder / name, (0, 0))


@contextlib.contextmanager
def stopped(project: Project) -> Iterator[Project]:
    """Stop the project's database in the end, whatever happens."""
    try:
        yield project
    finally:
        if (project.folder / ".venv/.synced").exists():
            project.make("db-stop")
        left = list(project.folder.glob(".*/postmaster.pid"))
        assert not left, f"a server still runs in {project.folder}"


@contextlib.contextmanager
def set_up(
    folder: Path, database: str, *arguments: str, env: Environment | None = None
) -> Iterator[Project]:
    """Run `make setup` in a rendered project."""
    with stopped(Project(folder, database)) as project:
        project.make("setup", *arguments, env=env)
        yield project
