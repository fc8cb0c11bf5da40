"""Finds dangerous SQL of a revision with squawk (squawkhq.com/docs/rules)."""

import ast
import json
import subprocess
from collections.abc import Iterator

DIALECT = "postgresql"
# Rules of style, timeouts that migrations set anyway, and changes that break no deployed code.
EXCLUDED = (
    "ban-drop-constraint,ban-drop-not-null,prefer-bigint-over-int,prefer-bigint-over-smallint,"
    "prefer-identity,prefer-text-field,require-lock-timeout,require-statement-timeout"
)
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
ALONE = "In a revision of its own: autocommit_block(), postgresql_concurrently, if_not_exists=True."
# The safe way by a part of the rule's name, if squawk has none or Alembic's code differs.
ADVICE = {
    "ban-drop": "Release code that does not use it, and drop it one release later.",
    "changing": GO_OVER,
    "concurrent": ALONE,
    "renaming": GO_OVER,
    "robust": ALONE,
}

NATIVE_ENUM = (
    "A downgrade leaves its type behind, and adding the column does not create it. Use"
    " Enum(..., native_enum=False, length=32);"
    " or create_type=False, with CREATE TYPE and DROP TYPE."
)


def register_dialect() -> str:
    """Return the name of the dialect in which the SQL of revisions is checked."""
    return DIALECT


def find_source_hazards(source: str) -> Iterator[tuple[str, str]]:
    """Yield rules, and code with advice, for hazards that the SQL does not show."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        is_safe = "False" in {options.get("native_enum"), options.get("create_type")}
        if node.func.attr in {"Enum", "ENUM"} and not is_safe:
            yield "native-enum", f"{ast.unparse(node)}\n    {NATIVE_ENUM}"


def find_hazards(sql: str) -> Iterator[tuple[str, str]]:
    """Yield rules, and statements with advice."""
    if sql.find("COMMIT;") > 0:
        yield "mixed-autocommit", f"COMMIT;\n    What comes before stays if the rest fails. {ALONE}"
    text = f"BEGIN;\n\n{sql}COMMIT;\n"
    squawk = ["squawk", "--reporter", "json", "--exclude", EXCLUDED]
    done = subprocess.run(squawk, input=text, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    lines = text.split("\n")
    for violation in json.loads(done.stdout):
        rule, line = violation["rule_name"], lines[violation["line"]]
        # squawk has another rule for foreign keys, with better advice.
        is_key = "CHECK" not in line and "EXCLUDE" not in line
        if rule == "constraint-missing-not-valid" and is_key:
            continue
        yield rule, f"{line}\n    {violation['message']} {advice_on(rule) or violation['help']}"


def advice_on(rule: str) -> str:
    """Return the safe way, or an empty string to use squawk's advice."""
    for part, advice in ADVICE.items():
        if part in rule:
            return advice
    return ""
