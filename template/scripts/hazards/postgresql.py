"""What is dangerous in the SQL of a revision, as squawk sees it (squawkhq.com/docs/rules)."""

import ast
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

NATIVE_ENUM = (
    "Going back leaves its type behind, and adding the column does not create it. Use"
    " Enum(..., native_enum=False, length=32);"
    " or create_type=False, with CREATE TYPE and DROP TYPE."
)


def find_source_hazards(source: str) -> Iterator[tuple[str, str]]:
    """Yield rule, and what there is and should be, where the SQL does not show it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        is_safe = "False" in {options.get("native_enum"), options.get("create_type")}
        if node.func.attr in {"Enum", "ENUM"} and not is_safe:
            yield "native-enum", f"{ast.unparse(node)}\n    {NATIVE_ENUM}"


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
