"""Finds dangerous SQL of a revision on SQLite."""

import re
from collections.abc import Iterator

from sqlalchemy.dialects import registry

# SQLAlchemy's default: with SQLite's, Alembic reads a table in order to copy it.
DIALECT = "default"
UNUSED = "Release code that does not use it, and drop it one release later."
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
NOT_YET = "The deployed code may break it. First release code that does not, and fix the rows."
TABLE = r"ALTER TABLE (\S+)"
PATTERNS = {
    "ban-drop-column": (rf"{TABLE} DROP (?!CONSTRAINT).*", UNUSED),
    "ban-drop-table": (r"DROP TABLE (?:IF EXISTS )?([^\s;]+).*", UNUSED),
    "renaming-column": (rf"{TABLE} RENAME (?!TO ).*", GO_OVER),
    "renaming-table": (rf"{TABLE} RENAME TO .*", GO_OVER),
    "adding-required-field": (
        rf"{TABLE} ADD (?!CONSTRAINT|CHECK)(?!.* DEFAULT ).* NOT NULL.*",
        "The deployed code and existing rows have no value for it. Add a server_default.",
    ),
    "adding-not-nullable-field": (rf"{TABLE} ALTER .* SET NOT NULL.*", NOT_YET),
    "changing-column-type": (rf"{TABLE} ALTER .* TYPE .*", GO_OVER),
    "adding-constraint": (rf"{TABLE} ADD (?:CONSTRAINT|FOREIGN|UNIQUE|CHECK|PRIMARY) .*", NOT_YET),
}


def register_dialect() -> str:
    """Return the name of the dialect in which the SQL of revisions is checked."""
    registry.register(DIALECT, "sqlalchemy.engine.default", "StrCompileDialect")
    return DIALECT


def find_source_hazards(_source: str) -> Iterator[tuple[str, str]]:
    """Yield nothing: SQLite has no types of its own."""
    yield from ()


def find_hazards(sql: str) -> Iterator[tuple[str, str]]:
    """Yield rules, and statements with advice, for tables older than this revision."""
    new_tables = re.findall(r"CREATE TABLE (\S+)", sql)
    for rule, (pattern, advice) in PATTERNS.items():
        for statement in re.finditer(pattern, sql):
            if statement[1] not in new_tables:
                yield rule, f"{statement[0]}\n    {advice}"
