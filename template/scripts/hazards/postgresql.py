"""What is dangerous in the SQL of a revision, as squawk sees it (squawkhq.com/docs/rules)."""

import json
import subprocess
from collections.abc import Iterator

DIALECT = "postgresql"
# Matters of taste, what the connection of migrations sets, and what breaks no deployed code.
EXCLUDED = (
    "ban-drop-constraint,ban-drop-not-null,prefer-bigint-over-int,prefer-bigint-over-smallint,"
    "prefer-identity,prefer-text-field,require-lock-timeout,require-statement-timeout"
)
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
ALONE = "In a revision of its own: autocommit_block(), postgresql_concurrently, if_not_exists=True."
# The safe way, where squawk knows none or Alembic has words of its own, by parts of rules' names.
ADVICE = {
    "ban-drop": "Release code that does not use it, and drop it one release later.",
    "changing": GO_OVER,
    "concurrent": ALONE,
    "renaming": GO_OVER,
    "robust": ALONE,
}


def find_hazards(sql: str) -> Iterator[tuple[str, str]]:
    """Yield rule, and what there is and should be."""
    if sql.find("COMMIT;") > 0:
        yield "mixed-autocommit", f"COMMIT;\n    What comes before stays if the rest fails. {ALONE}"
    text = f"BEGIN;\n\n{sql}COMMIT;\n"
    squawk = ["squawk", "--reporter", "json", "--exclude", EXCLUDED]
    done = subprocess.run(squawk, input=text, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    for found in json.loads(done.stdout):
        rule, line = found["rule_name"], text.split("\n")[found["line"]]
        advice = next((ADVICE[part] for part in ADVICE if part in rule), found["help"])
        # Keys have a rule of their own, which says more.
        if rule != "constraint-missing-not-valid" or "CHECK" in line:
            yield rule, f"{line}\n    {found['message']} {advice}"
