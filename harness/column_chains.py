"""Chains of revisions for changed columns, in a project of PostgreSQL."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.chains import WRITE, Chain, identifier, write_models
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
class ColumnChain(Chain):
    """The chain of changed columns."""

    # What `make db-revision` has printed.
    output: str

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


def write_revisions(project: Project, url: str, message: str) -> tuple[list[Path], str]:
    """Write what the models need; return the new files in their order, and the output."""
    before = set(project.revisions)
    done = project.alembic(url, *WRITE, message)
    return sorted(set(project.revisions) - before), done.stdout + done.stderr


def write_chain(project: Project, server: Server, url: str, cases: dict[str, Case]) -> ColumnChain:
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
    return ColumnChain(project, server, url, identifier(start), paths, DEFINITIONS, output)
