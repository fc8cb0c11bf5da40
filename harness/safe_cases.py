"""Runs the cases of model_changes in a project with PostgreSQL: writes their revisions, applies them."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from harness.changed_tables import Case, Tables
from harness.databases import PostgreSQL
from harness.processes import only
from harness.project import FIRST, Project
from harness.working_copy import add_file, commit, init_repository

NUMBERS = itertools.count(1)
MODELS = "app/models/cases.py"
PROGRAM = "case_commands.py"
REVISION = ("revision", "--autogenerate", "-m", "change it")
# What the program of a case imports, but not the models, which differ.
MODULES = (
    "kit.migrations",
    "kit.models",
    "kit._internal.migrations.autogenerate",
    "kit._internal.migrations.history",
    "kit._internal.postgresql.migrations",
    "scripts.hazards.postgresql",
    "scripts.rebase",
)
# Rows of tables whose files are rather copied than written to the log: with a checkpoint.
LARGE = 100_000
# Applies what the new code needs.
EXPAND = ("-x", "until=rollout", "upgrade", "head")
COMMENTS = """
    SELECT objoid::regclass::text, objsubid::text, description, '', '', '' FROM pg_description
    JOIN pg_class ON pg_class.oid = objoid AND classoid = 'pg_class'::regclass
    WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    ORDER BY 1, 2
"""
# Lists what a downgrade has to bring back.
SCHEMA = ("query", PostgreSQL.SCHEMA, COMMENTS)


class Execution(NamedTuple):
    """A command, its exit code and what it has printed."""

    command: list[str]
    code: int
    output: str

    def __str__(self) -> str:
        return f"$ {' '.join(self.command)}  # {self.code}\n{self.output}"


@dataclass
class Workshop:
    """A project in a repository, in which the models of one case after the other are changed."""

    project: Project
    folder: Path
    # A database for each kind of tables that is copied for each case, by its name and rows.
    templates: dict[tuple[str, int], str] = field(default_factory=dict)
    # The models of the base branch.
    committed: str = ""

    def __post_init__(self) -> None:
        self.server = PostgreSQL(self.project)
        add_file(self.project, PROGRAM, (Path(__file__).parent / PROGRAM).read_text("utf-8"))
        add_file(self.project, MODELS, "")
        with (self.project.folder / "app/models/__init__.py").open("a") as file:
            file.write("from app.models import cases\n")
        init_repository(self.project)
        self.first = set(self.project.revisions)

    def request(self, url: str, request: dict[str, object]) -> list[Execution]:
        """Have the program in the project execute a request."""
        path = self.folder / f"case-{next(NUMBERS)}.json"
        path.write_text(json.dumps(request), "utf-8")
        env = {"DATABASE_URL": url, "ORDERS_MIGRATION_TIMEOUT": "60"}
        # Not by run_python(): a backfill may take longer than other commands.
        command = ("python", "-m", "case_commands", str(path))
        options = {"cwd": self.project.folder, "env": {"PATH": self.project.path, **env}}
        assert self.project.migrators
        self.project.migrators.run(*command, **options, timeout=600)
        answer = json.loads(path.read_text("utf-8"))
        if isinstance(answer, dict):
            return []
        return [Execution(**execution) for execution in answer]

    def run(self, case: Case, url: str, *steps: Sequence[str]) -> list[Execution]:
        """Run the steps of a case, see case_commands; the last one that was executed may fail."""
        return self.request(url, {"backfill": case.backfill, "steps": steps})

    def template(self, tables: Tables, rows: int) -> str:
        """Return the name of a database with these tables, which is created once."""
        key = (tables.name, rows)
        if key not in self.templates:
            name = f"cases_{tables.name}_{rows}"
            url = self.url(name)
            self.administrate(f"CREATE DATABASE {name}")
            self.project.alembic(url, "upgrade", FIRST)
            self.write_models(Case("tables", tables, {}).before)
            create = {"before": tables.prepare, "after": tables.finish}
            self.request(url, {"create": create})
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in tables.fill if rows else ():
                    connection.execute(statement.format(rows=rows).encode())
                connection.execute("VACUUM (ANALYZE)")
            self.templates[key] = name
        return self.templates[key]

    @contextlib.contextmanager
    def begun(self, case: Case, rows: int) -> Iterator[str]:
        """Yield the URL of a database with the tables of a case; the models are the changed ones.

        The base branch has the models before the change, and no revision of another case is left.
        """
        template = self.template(case.tables, rows)
        self.change_models(case)
        name = f"case_{next(NUMBERS)}"
        strategy = "FILE_COPY" if rows >= LARGE else "WAL_LOG"
        self.administrate(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY {strategy}")
        try:
            yield self.url(name)
        finally:
            self.administrate(f"DROP DATABASE {name} WITH (FORCE)")

    def administrate(self, statement: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement))  # type: ignore[arg-type]

    def url(self, name: str) -> str:
        return re.sub(r"(@[^/]*/)[^?]*", rf"\g<1>{name}", self.server.url)

    def write_models(self, text: str) -> None:
        (self.project.folder / MODELS).write_text(text, "utf-8")

    def change_models(self, case: Case) -> None:
        """Commit the models before the change, and write those after it."""
        for path in self.written:
            path.unlink()
        self.write_models(case.before)
        if self.committed != case.before:
            commit(self.project, f"Before {case.name}")
            self.committed = case.before
        self.write_models(case.after)

    @property
    def written(self) -> list[Path]:
        """The revisions of the case."""
        return [path for path in self.project.revisions if path not in self.first]


def old_code(case: Case) -> tuple[str, ...]:
    """Return the step that executes the statements of the release before the change."""
    statements = [*case.tables.reads, *case.tables.writes] if case.has_rows else []
    return ("query", *(text.replace("%(id)s", "7").replace("%%", "%") for text in statements))


def expect_success(executions: list[Execution], last: str) -> None:
    """Raise AssertionError with all outputs unless the last command is this one and succeeded."""
    text = "\n".join(map(str, executions))
    assert executions, "nothing was executed"
    assert last in executions[-1].command, text
    assert not executions[-1].code, text


def rules(execution: Execution) -> list[str]:
    """Return the rules of what `make db-lint` has found."""
    return re.findall(r"(?m)^migrations/versions/\S+: (\S+): ", execution.output)


def schemas(executions: list[Execution]) -> list[str]:
    """Return what each step SCHEMA has found.

    A constraint may come back as NOT VALID, since reading all rows would block writes.
    """
    texts = []
    for done in executions:
        if done.command == ["query"] and "alembic_version" in done.output:
            texts.append(done.output.replace(" NOT VALID", ""))
    return texts


def named(executions: list[Execution], name: str) -> Execution:
    """Return the only execution of a command, such as `lint`."""
    return only(done for done in executions if name in done.command)
