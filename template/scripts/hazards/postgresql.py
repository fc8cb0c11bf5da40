"""What is dangerous in the SQL of a revision, as squawk sees it (squawkhq.com/docs/rules)."""

import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.dialects.postgresql.base import PGDialect

DIALECT = PGDialect()  # type: ignore[no-untyped-call]
SQUAWK = Path(sysconfig.get_path("scripts"), "squawk")
# Matters of taste, what the connection of migrations sets, and what breaks no deployed code.
EXCLUDED = (
    "ban-drop-constraint,ban-drop-not-null,prefer-bigint-over-int,prefer-bigint-over-smallint,"
    "prefer-identity,prefer-text-field,require-lock-timeout,require-statement-timeout,"
    "require-timeout-settings"
)
ALONE = "Put it into a revision of its own, `with op.get_context().autocommit_block():`"
CONCURRENTLY = (
    f"{ALONE}, with postgresql_concurrently=True and if_not_exists=True or if_exists=True."
)
GO_OVER = "Add a column, write both, backfill, read the new one, drop the old one a release later."
UNUSED = "Release code that does not use it, and drop it one release later."
VALIDATE = "Give it postgresql_not_valid=True, and VALIDATE CONSTRAINT in a later revision."
# The safe way, where squawk knows none or Alembic has words of its own for it.
ADVICE = {
    "adding-foreign-key-constraint": VALIDATE,
    "adding-not-nullable-field": "Do it after VALIDATE CONSTRAINT of a CHECK (... IS NOT NULL).",
    "ban-concurrent-index-creation-in-transaction": f"{ALONE}.",
    "ban-drop-column": UNUSED,
    "ban-drop-table": UNUSED,
    "changing-column-type": f"{GO_OVER} Allow it where a VARCHAR only grows.",
    "constraint-missing-not-valid": VALIDATE,
    "prefer-robust-stmts": "Give it if_not_exists=True, or if_exists=True.",
    "renaming-column": GO_OVER,
    "renaming-table": "Rename the class only, and keep its __tablename__.",
    "require-concurrent-index-creation": CONCURRENTLY,
    "require-concurrent-index-deletion": CONCURRENTLY,
}


def find_hazards(sql: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, rule and advice."""
    command = [str(SQUAWK), "--reporter", "json", "--exclude", EXCLUDED, "--stdin-filepath", "sql"]
    done = subprocess.run(command, input=sql, capture_output=True, encoding="utf-8", check=False)
    if done.returncode and not done.stdout:
        raise SystemExit(done.stderr.strip())
    lines = sql.split("\n")
    for found in json.loads(done.stdout or "[]"):
        line, rule = found["line"], found["rule_name"]
        # Keys have a rule of their own, which says more.
        if rule == "constraint-missing-not-valid" and re.search("KEY|UNIQUE", lines[line]):
            continue
        yield line, rule, f"{found['message']} {ADVICE.get(rule, found['help'] or '')}".strip()
    # What stands between a COMMIT and the next BEGIN runs without a transaction.
    parts = re.split(r"(?m)^(?:BEGIN|COMMIT);\n\n", sql)
    if any(parts[1::2]) and any(parts[2::2]):
        advice = f"This commits what comes before, which stays when the rest fails. {ALONE}."
        yield sql[: sql.index("COMMIT;")].count("\n"), "mixed-autocommit", advice
