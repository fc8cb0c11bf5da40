"""What is dangerous in the SQL of a revision on SQLite."""

import re
from collections.abc import Iterator

from sqlalchemy.dialects import registry

# Writes ALTER TABLE where SQLite would copy the table, which it has to look at for that.
DIALECT = "default"
registry.register(DIALECT, "sqlalchemy.engine.default", "StrCompileDialect")
UNUSED = "Release code that does not use it, and drop it one release later."
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
MEND = "The deployed code may break it. First release code that does not, and mend the rows."
TABLE = r"ALTER TABLE (\S+)"
PATTERNS = {
    "ban-drop-column": (rf"{TABLE} DROP (?!CONSTRAINT).*", UNUSED),
    "ban-drop-table": (r"DROP TABLE (?:IF EXISTS )?([^\s;]+).*", UNUSED),
    "renaming-column": (rf"{TABLE} RENAME (?!TO ).*", GO_OVER),
    "renaming-table": (rf"{TABLE} RENAME TO .*", GO_OVER),
    "adding-required-field": (
        rf"{TABLE} ADD (?!CONSTRAINT|CHECK)(?!.* DEFAULT ).* NOT NULL.*",
        "The deployed code does not fill it, nor do the rows there are. Give it a server_default.",
    ),
    "adding-not-nullable-field": (rf"{TABLE} ALTER .* SET NOT NULL.*", MEND),
    "changing-column-type": (rf"{TABLE} ALTER .* TYPE .*", GO_OVER),
    "adding-constraint": (rf"{TABLE} ADD (?:CONSTRAINT|FOREIGN|UNIQUE|CHECK|PRIMARY) .*", MEND),
}


def find_source_hazards(_source: str) -> Iterator[tuple[str, str]]:
    """Yield nothing: SQLite has no types of its own."""
    yield from ()


def find_hazards(sql: str) -> Iterator[tuple[str, str]]:
    """Yield rule, and what there is and should be, for tables older than this revision."""
    new = re.findall(r"CREATE TABLE (\S+)", sql)
    for rule, (pattern, advice) in PATTERNS.items():
        for found in re.finditer(pattern, sql):
            if found[1] not in new:
                yield rule, f"{found[0]}\n    {advice}"
