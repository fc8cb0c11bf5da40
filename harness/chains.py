"""Chains of revisions: what the tests of `make db-revision` write, and how they read it."""

from dataclasses import dataclass
from pathlib import Path

from harness.chain_models import FORMER, HEAD, LATER, PARTITIONS, ROWS
from harness.databases import Server
from harness.processes import only
from harness.project import Project

WRITE = ("revision", "--autogenerate", "-m")


@dataclass(frozen=True)
class Chain:
    """A project whose models have changed, its revisions, and its database with rows."""

    project: Project
    server: Server
    url: str
    # The revision of the old models.
    base: str
    paths: list[Path]
    # A query of what the tables consist of.
    definitions_query: str

    @property
    def texts(self) -> list[str]:
        return [path.read_text("utf-8") for path in self.paths]

    def text_of(self, title: str) -> str:
        """Return the revision whose file name ends so."""
        path = only([path for path in self.paths if path.stem.endswith(f"-{title}")])
        return path.read_text("utf-8")

    def definitions(self) -> list[tuple[object, ...]]:
        return self.server.query(self.url, self.definitions_query)


def write_models(project: Project, models: str) -> None:
    """Write a module of models, and import it where the project imports its own."""
    (project.folder / "app/models/cases.py").write_text(models, "utf-8")
    hub = project.folder / "app/models/__init__.py"
    if "cases" not in hub.read_text("utf-8"):
        hub.write_text(hub.read_text("utf-8") + "from app.models import cases\n", "utf-8")


def write_revisions(project: Project, url: str, message: str, *options: str) -> list[Path]:
    """Write what the models need; return the new files in their order."""
    before = set(project.revisions)
    project.alembic(url, *options, *WRITE, message)
    return sorted(set(project.revisions) - before)


def prepare(project: Project, server: Server, url: str) -> str:
    """Create the tables of FORMER with rows, write the models of LATER; return the revision."""
    server.query(url, 'CREATE SCHEMA "shop-1"')
    project.alembic(url, "upgrade", "head")
    write_models(project, HEAD + FORMER)
    path = only(write_revisions(project, url, "start"))
    project.alembic(url, "upgrade", "head")
    server.query(url, PARTITIONS)
    server.query(url, ROWS)
    write_models(project, HEAD + LATER)
    return identifier(path)


def identifier(path: Path) -> str:
    return path.read_text("utf-8").partition("Revision ID: ")[2].split()[0]
