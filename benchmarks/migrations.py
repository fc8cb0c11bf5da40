"""The commands of Alembic, with this template's environment and with the one of `alembic init`.

Both environments have the same revisions, models and packages.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.imports import costliest_imports
from benchmarks.migration_environments import (
    COMMANDS,
    Environment,
    Size,
    stock_environment,
    template_environment,
    write_stock_url,
)
from benchmarks.migration_tables import cost_table, growth_table, plot_growth
from benchmarks.report import Report, versions
from benchmarks.revision_files import revision_chain, write_models
from harness.databases import Server, server_of
from harness.project import Project, set_up
from harness.template import copy_of_working_tree, render

# Numbers of revisions or tables, and rounds that count: disturbances affect long commands less.
Rounds = dict[int, int]
REVISIONS: dict[str, Rounds] = {
    "postgresql": {1: 11, 100: 5, 1000: 3},
    "sqlite": {1: 11, 100: 5, 1000: 2},
}
TABLES: dict[str, Rounds] = {
    "postgresql": {10: 9, 100: 5, 500: 3},
    "sqlite": {10: 9, 100: 5, 500: 2},
}
QUICK_REVISIONS: dict[str, Rounds] = {"sqlite": {1: 1, 20: 1}}
QUICK_TABLES: dict[str, Rounds] = {"sqlite": {5: 1}}


class Measurement:
    """Measures both environments of a service in turns."""

    def __init__(self, project: Project, scratch: Path) -> None:
        self.project = project
        self.server: Server = server_of(project)
        self.scratch = scratch
        self.template = template_environment(project)
        self.environments = [self.template, stock_environment(project)]
        # What was measured, by its text in the tables.
        self.revision_sizes: dict[str, Size] = {}
        self.table_sizes: dict[str, Size] = {}

    def measure_revisions(self, number: int, rounds: int) -> None:
        """Measure with that many revisions, and the table that the template has."""
        for environment in self.environments:
            environment.write(revision_chain(self.project, number))
        self.revision_sizes[f"{number:,}"] = Size(number, 1)
        self.measure(Size(number, 1), rounds)

    def measure_tables(self, number: int, rounds: int) -> None:
        """Measure with a second revision, which creates that many tables."""
        files = revision_chain(self.project, 1)
        self.template.write(files)
        write_models(self.project, number)
        with self.server.empty_database(self.scratch) as url:
            self.project.alembic(url, "upgrade", "head")
            self.project.alembic(url, "revision", "--autogenerate", "-m", "tables")
        (second,) = self.template.versions.glob("*tables*.py")
        files[second.name] = second.read_text("utf-8")
        for environment in self.environments:
            environment.write(files)
        self.table_sizes[f"{number:,}"] = Size(2, number + 1)
        self.measure(Size(2, number + 1), rounds)

    def measure(self, size: Size, rounds: int) -> None:
        """Run the commands in turns, after a run that compiles the revisions to bytecode.

        A single round only checks that the commands work, and compiles them itself.
        """
        if rounds > 1:
            with self.empty_databases() as databases:
                for environment, url in databases:
                    environment.run("current", url)
        for number in range(rounds):
            with self.empty_databases() as databases:
                order = databases[:: 1 if number % 2 else -1]
                for command in COMMANDS:
                    for environment, url in order:
                        environment.measure(command, url, size)

    @contextlib.contextmanager
    def empty_databases(self) -> Iterator[list[tuple[Environment, str]]]:
        """Yield each environment with the URL of an empty database of its own."""
        with contextlib.ExitStack() as stack:
            databases = []
            for environment in self.environments:
                url = stack.enter_context(self.server.empty_database(self.scratch))
                databases.append((environment, url))
            write_stock_url(self.project, url)
            yield databases

    def import_logs(self) -> dict[str, str]:
        """Return the import log of each environment."""
        logs = {}
        with self.server.empty_database(self.scratch) as url:
            write_stock_url(self.project, url)
            for environment in self.environments:
                logs[environment.name] = environment.import_log(url)
        return logs


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL and on SQLite; quick: few and small, on SQLite only."""
    report = Report()
    revisions, tables = (QUICK_REVISIONS, QUICK_TABLES) if quick else (REVISIONS, TABLES)
    source = copy_of_working_tree(folder / "template")
    for database in revisions:
        rendered = render(source, folder / database / "orders", {"database": database})
        with set_up(rendered, database) as project:
            measurement = Measurement(project, folder)
            imports = costliest_imports(measurement.import_logs())
            for number, rounds in revisions[database].items():
                measurement.measure_revisions(number, rounds)
            for number, rounds in tables[database].items():
                measurement.measure_tables(number, rounds)
            packages = versions(project.folder / ".venv/bin/python", "alembic", "sqlalchemy")
        is_first = not report.tables
        add_tables(report, measurement, database)
        if is_first:
            report.tables["imports"] = imports
            report.versions = packages
            add_growth(report, measurement)
    return report


def add_tables(report: Report, measurement: Measurement, database: str) -> None:
    environments = measurement.environments
    by_revisions = cost_table(environments, measurement.revision_sizes, "revisions")
    by_tables = cost_table(environments, measurement.table_sizes, "tables")
    report.tables[f"revisions-{database}"] = by_revisions
    report.tables[f"tables-{database}"] = by_tables


def add_growth(report: Report, measurement: Measurement) -> None:
    """Add the cost of each additional revision, as a table and a plot."""
    environments = measurement.environments
    sizes = list(measurement.revision_sizes.values())
    report.tables["growth"] = growth_table(environments, sizes)
    report.plots["growth"] = lambda axes: plot_growth(axes, environments, sizes)
