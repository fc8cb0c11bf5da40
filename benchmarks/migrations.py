"""The commands of Alembic, with this template's environment and with the one of `alembic init`.

Both have the same revisions, the same models and the same environment of packages.
"""

import contextlib
import itertools
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.costs import Cost, best, costliest, now, since
from benchmarks.report import Report, Table, versions
from harness.databases import Server, server_of
from harness.project import FIRST, Project, set_up
from harness.template import copy_of_working_tree, render
from harness.working_copy import REVISION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How many there are, and how many rounds then count: what takes long is disturbed less.
Sizes = dict[int, int]
REVISIONS: dict[str, Sizes] = {
    "postgresql": {1: 11, 100: 5, 1000: 3},
    "sqlite": {1: 11, 100: 5, 1000: 2},
}
TABLES: dict[str, Sizes] = {
    "postgresql": {10: 9, 100: 5, 500: 3},
    "sqlite": {10: 9, 100: 5, 500: 2},
}
COMMANDS = {
    "upgrade": ["upgrade", "head"],
    "current": ["current"],
    "check": ["check"],
    "autogenerate": ["revision", "--autogenerate", "-m", "measured"],
}
MODEL = """

class Table{n}(UUIDKey, Base):
    __tablename__ = "table_{n}"

    name: Mapped[str] = mapped_column(String(100), index=True)
    number: Mapped[int]
    is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    other_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
"""
MODELS = '''"""Tables to compare."""

from uuid import UUID

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import UUIDKey
'''
STEP = """
def upgrade() -> None:
    op.{0}


def downgrade() -> None:
    op.{1}
"""
ADD = 'add_column("users", sa.Column("measured", sa.Integer()))'
DROP = 'drop_column("users", "measured")'


@dataclass
class Environment:
    """A folder of migrations, and what its commands have cost."""

    name: str
    project: Project
    options: list[str]
    versions: Path
    costs: dict[tuple[str, int, int], list[Cost]] = field(default_factory=dict)

    def run(self, url: str, *arguments: str) -> Cost:
        """Run a command of Alembic; return what it cost."""
        before = now()
        self.project.alembic(url, *self.options, *arguments)
        return since(before)

    def best(self, command: str, revisions: int, tables: int) -> Cost:
        return best(self.costs[command, revisions, tables])


def stock(project: Project) -> Environment:
    """Make what `alembic init` makes, beside the service, with the edits that it asks for."""
    project.run("alembic", "--config", "stock.ini", "init", "stock")
    env = project.folder / "stock/env.py"
    text = env.read_text("utf-8")
    assert text.count("target_metadata = None") == 1
    text = text.replace("target_metadata = None", "target_metadata = Base.metadata")
    env.write_text(f"from app.models import Base\n{text}", "utf-8")
    return Environment("stock", project, ["--config", "stock.ini"], env.parent / "versions")


def point(project: Project, url: str) -> None:
    """Write the address of the database where the stock environment reads it."""
    path = project.folder / "stock.ini"
    line = "sqlalchemy.url = " + url.replace("%", "%%")
    path.write_text(re.sub(r"(?m)^sqlalchemy\.url = .*", lambda _: line, path.read_text()), "utf-8")


def chain(project: Project, number: int) -> list[tuple[str, str]]:
    """Return names and texts of that many revisions, the template's first among them.

    They add a column and drop it again, so that the models need not change.
    """
    first = next((project.folder / "migrations/versions").glob("*-create_users.py"))
    found, after = [(first.name, first.read_text("utf-8"))], FIRST
    for count in range(1, number):
        steps = (ADD, DROP) if count % 2 else (DROP, ADD)
        if count == number - 1 and count % 2:
            steps = ('execute("SELECT 1")',) * 2
        revision = f"{count:012x}"
        header = REVISION.format(title=f"step {count}", revision=revision, after=after)
        found.append((f"2026_02_01_{count:06}-step.py", header + STEP.format(*steps)))
        after = revision
    return found


def write_tables(project: Project, number: int) -> None:
    models = "".join(MODEL.format(n=n) for n in range(number))
    (project.folder / "app/models/measured.py").write_text(MODELS + models, "utf-8")
    init = project.folder / "app/models/__init__.py"
    line = "from app.models import measured  # noqa: F401\n"
    init.write_text(init.read_text("utf-8").replace(line, "") + line, "utf-8")


class Measurement:
    """Measures both environments of one service in turns."""

    def __init__(self, project: Project, scratch: Path) -> None:
        self.project = project
        self.server: Server = server_of(project)
        self.scratch = scratch
        versions = project.folder / "migrations/versions"
        self.environments = [Environment("template", project, [], versions), stock(project)]

    def write(self, revisions: list[tuple[str, str]]) -> None:
        for environment in self.environments:
            shutil.rmtree(environment.versions)
            environment.versions.mkdir()
            for name, text in revisions:
                (environment.versions / name).write_text(text, "utf-8")

    def measure(self, revisions: int, tables: int, rounds: int) -> None:
        """Run each command in turns, each environment on an empty database of its own."""
        for number in range(rounds + 1):
            with contextlib.ExitStack() as stack:
                empty = self.server.empty_database
                urls = [stack.enter_context(empty(self.scratch)) for _ in self.environments]
                pairs = list(zip(self.environments, urls, strict=True))
                point(self.project, urls[-1])
                # The first time makes bytecode.
                for command in COMMANDS if number else ["current"]:
                    for environment, url in pairs[:: 1 if number % 2 else -1]:
                        cost = self.command(environment, url, command)
                        if number:
                            key = command, revisions, tables
                            environment.costs.setdefault(key, []).append(cost)

    def command(self, environment: Environment, url: str, command: str) -> Cost:
        """Run it; take away the revision that it may have made."""
        before = set(environment.versions.iterdir())
        cost = environment.run(url, *COMMANDS[command])
        for path in set(environment.versions.iterdir()) - before:
            if path.suffix == ".py":
                path.unlink()
        return cost

    def revisions(self, number: int, rounds: int) -> None:
        """Measure with that many revisions, and the one table that the template has."""
        self.write(chain(self.project, number))
        self.measure(number, 1, rounds)

    def tables(self, number: int, rounds: int) -> None:
        """Measure with a second revision, which makes so many tables."""
        first = chain(self.project, 1)
        self.write(first)
        write_tables(self.project, number)
        template = self.environments[0]
        with self.server.empty_database(self.scratch) as url:
            self.project.alembic(url, "upgrade", "head")
            self.project.alembic(url, "revision", "--autogenerate", "-m", "tables")
        (made,) = [path for path in template.versions.glob("*.py") if "tables" in path.name]
        self.write([*first, (made.name, made.read_text("utf-8"))])
        self.measure(2, number + 1, rounds)

    def import_logs(self) -> dict[str, str]:
        """Return what Python says about the imports of `alembic current`, by environment."""
        logs = {}
        with self.server.empty_database(self.scratch) as url:
            point(self.project, url)
            for one in self.environments:
                command = ["python", "-X", "importtime", "-m", "alembic", *one.options, "current"]
                done = self.project.run(*command, env={"DATABASE_URL": url})
                logs[one.name] = done.stderr
        return logs


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL and on SQLite; quick: few and small, on SQLite only."""
    report = Report()
    revisions = {"sqlite": {1: 1, 20: 1}} if quick else REVISIONS
    tables = {"sqlite": {5: 1}} if quick else TABLES
    source = copy_of_working_tree(folder / "template")
    for database in revisions:
        rendered = render(source, folder / database / "orders", {"database": database})
        with set_up(rendered, database) as project:
            found = Measurement(project, folder)
            logs = found.import_logs()
            for number, rounds in revisions[database].items():
                found.revisions(number, rounds)
            for number, rounds in tables[database].items():
                found.tables(number, rounds)
            python = project.folder / ".venv/bin/python"
            known = versions(python, "alembic", "sqlalchemy")
        keys = [(number, 1) for number in revisions[database]]
        report.tables[f"revisions-{database}"] = table(found, keys, "revisions")
        keys = [(2, number + 1) for number in tables[database]]
        report.tables[f"tables-{database}"] = table(found, keys, "tables")
        if not report.versions:
            report.tables["imports"] = costliest(logs)
            report.tables["growth"] = growth(found, list(revisions[database]))
            report.plots["growth"] = plot(found, list(revisions[database]))
            report.versions = known
    return report


def table(found: Measurement, sizes: list[tuple[int, int]], what: str) -> Table:
    """Return a row for each command and number of revisions, or of tables."""
    names = [one.name for one in found.environments]
    header = ["command", what, *(f"{name}, CPU s" for name in names), "ratio"]
    header += [f"{name}, s on the clock" for name in names]
    rows = []
    for command in COMMANDS:
        for revisions, tables in sizes:
            costs = [one.best(command, revisions, tables) for one in found.environments]
            own, stock_costs = costs
            size = revisions if what == "revisions" else tables - 1
            row = [" ".join(COMMANDS[command][:2]), f"{size:,}"]
            row += [f"{cost.cpu:.2f}" for cost in costs]
            row += [f"{own.cpu / stock_costs.cpu:.2f}", *(f"{cost.wall:.2f}" for cost in costs)]
            rows.append(row)
    return Table(header, rows)


def growth(found: Measurement, sizes: list[int]) -> Table:
    """Return milliseconds of CPU for one revision more, between each two sizes."""
    steps = list(itertools.pairwise(sizes))
    header = ["command"]
    header += [f"{one.name}, {a:,} to {b:,}" for one in found.environments for a, b in steps]
    rows = []
    for command in COMMANDS:
        row = [" ".join(COMMANDS[command][:2])]
        for one in found.environments:
            for less, more in steps:
                added = one.best(command, more, 1).cpu - one.best(command, less, 1).cpu
                row.append(f"{added / (more - less) * 1000:.2f}")
        rows.append(row)
    return Table(header, rows)


def plot(found: Measurement, sizes: list[int]) -> "Callable[[Axes], None]":
    """Return what draws the CPU of two commands by the number of revisions."""

    def draw(axes: "Axes") -> None:
        for one, line in zip(found.environments, ("-", "--"), strict=True):
            for command, colour in (("upgrade", "C0"), ("check", "C1")):
                costs = [one.best(command, size, 1).cpu for size in sizes]
                label = f"{' '.join(COMMANDS[command])}, {one.name}"
                axes.plot(sizes, costs, line, color=colour, marker="o", label=label)
        axes.set_xlabel("revisions")
        axes.set_ylabel("CPU seconds")
        axes.set_ylim(bottom=0)
        axes.legend()

    return draw
