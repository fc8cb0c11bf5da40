"""The template's environment of migrations, and the one that `alembic init` makes."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.resource_usage import Cost, best, now, since
from benchmarks.revision_files import RevisionFiles
from harness.project import Project

COMMANDS = {
    "upgrade": ["upgrade", "head"],
    "current": ["current"],
    "check": ["check"],
    "autogenerate": ["revision", "--autogenerate", "-m", "measured"],
}


class Size(NamedTuple):
    """How many revisions and tables a service has."""

    revisions: int
    tables: int


@dataclass
class Environment:
    """A folder of migrations with its env.py, and the costs of its commands so far."""

    name: str
    project: Project
    # Options of Alembic before the command.
    options: list[str]
    versions: Path
    costs: dict[tuple[str, Size], list[Cost]] = field(default_factory=dict)

    def write(self, files: RevisionFiles) -> None:
        """Replace all revisions."""
        shutil.rmtree(self.versions)
        self.versions.mkdir()
        for name, text in files.items():
            (self.versions / name).write_text(text, "utf-8")

    def run(self, command: str, url: str) -> Cost:
        """Run a command on a database; remove the revision that it may have written."""
        before = set(self.versions.glob("*.py"))
        start = now()
        self.project.alembic(url, *self.options, *COMMANDS[command])
        cost = since(start)
        for path in set(self.versions.glob("*.py")) - before:
            path.unlink()
        return cost

    def measure(self, command: str, url: str, size: Size) -> None:
        self.costs.setdefault((command, size), []).append(self.run(command, url))

    def best(self, command: str, size: Size) -> Cost:
        """Return the lowest cost of all rounds."""
        return best(self.costs[command, size])

    def import_log(self, url: str) -> str:
        """Return what `-X importtime` prints for `alembic current`."""
        command = ["python", "-X", "importtime", "-m", "alembic", *self.options, "current"]
        return self.project.run(*command, env={"DATABASE_URL": url}).stderr


def template_environment(project: Project) -> Environment:
    return Environment("template", project, [], project.folder / "migrations/versions")


def stock_environment(project: Project) -> Environment:
    """Run `alembic init` beside the service, and make the edits that it asks for."""
    project.run("alembic", "--config", "stock.ini", "init", "stock")
    env = project.folder / "stock/env.py"
    text = env.read_text("utf-8")
    assert text.count("target_metadata = None") == 1
    text = text.replace("target_metadata = None", "target_metadata = Base.metadata")
    env.write_text(f"from app.models import Base\n{text}", "utf-8")
    return Environment("stock", project, ["--config", "stock.ini"], env.parent / "versions")


def write_stock_url(project: Project, url: str) -> None:
    """Write the database URL to the configuration of the stock environment."""
    path = project.folder / "stock.ini"
    line = "sqlalchemy.url = " + url.replace("%", "%%")
    path.write_text(re.sub(r"(?m)^sqlalchemy\.url = .*", lambda _: line, path.read_text()), "utf-8")
