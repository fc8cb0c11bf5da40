"""Chains of revisions for changed columns, in a project of PostgreSQL."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.column_cases import Case, models, rows
from harness.databases import Server
from harness.processes import only
from harness.project import Project

BACKFILL = re.compile(r"make db-backfill .*")
# Columns, constraints, indexes and functions, without what every version of PostgreSQL names.
DEFINITIONS = """
    SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text,
        pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relnamespace::regnamespace::text = ANY ({schemas})
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
    FROM pg_constraint WHERE contype <> 'n' AND connamespace::regnamespace::text = ANY ({schemas})
    UNION ALL SELECT tablename, indexname, indexdef, '', '', ''
    FROM pg_indexes WHERE schemaname = ANY ({schemas})
    UNION ALL SELECT proname, '', '', '', '', ''
    FROM pg_proc WHERE pronamespace::regnamespace::text = ANY ({schemas})
    ORDER BY 1, 2, 3
""".format(schemas="ARRAY['public', 'billing']")
VIEW = "CREATE VIEW seen AS SELECT c FROM viewed"


@dataclass(frozen=True)
class Chain:
    """A project whose models have changed, its revisions, and its database with rows."""

    project: Project
    server: Server
    url: str
    # The revision of the old models.
    base: str
    paths: list[Path]
    output: str

    @property
    def texts(self) -> list[str]:
        return [path.read_text("utf-8") for path in self.paths]

    def definitions(self) -> list[tuple[object, ...]]:
        return self.server.query(self.url, DEFINITIONS)

    def upgrade(self) -> str | None:
        """Upgrade to the head; return the command of the backfill that a revision waits for."""
        try:
            self.project.alembic(self.url, "upgrade", "head")
        except AssertionError as refusal:
            return only({*BACKFILL.findall(str(refusal))})
        return None

    def backfill(self, command: str) -> None:
        """Run the command that a revision has printed, without make, which takes longer."""
        words = dict(word.split("=", 1) for word in shlex.split(command)[2:])
        options = ["--set", words["set"], "--where", words["where"]]
        self.project.script("backfill", words["table"], *options, env={"DATABASE_URL": self.url})


def write_models(project: Project, text: str) -> None:
    (project.folder / "app/models/cases.py").write_text(text, "utf-8")
    hub = project.folder / "app/models/__init__.py"
    if "cases" not in hub.read_text("utf-8"):
        hub.write_text(hub.read_text("utf-8") + "from app.models import cases\n", "utf-8")


def write_revisions(project: Project, url: str, message: str) -> tuple[list[Path], str]:
    """Write what the models need; return the new files in their order, and the output."""
    before = set(project.revisions)
    done = project.alembic(url, "revision", "--autogenerate", "-m", message)
    return sorted(set(project.revisions) - before), done.stdout + done.stderr


def write_chain(project: Project, server: Server, url: str, cases: dict[str, Case]) -> Chain:
    """Create the tables of the cases, with rows; change the models, and write the revisions."""
    server.query(url, "CREATE SCHEMA billing")
    project.alembic(url, "upgrade", "head")
    write_models(project, models(cases, changed=False))
    start = only(write_revisions(project, url, "start")[0])
    project.alembic(url, "upgrade", "head")
    if "viewed" in cases:
        server.query(url, VIEW)
    server.query(url, rows(cases))
    write_models(project, models(cases, changed=True))
    paths, output = write_revisions(project, url, "change columns")
    base = start.read_text("utf-8").partition("Revision ID: ")[2].split()[0]
    return Chain(project, server, url, base, paths, output)
