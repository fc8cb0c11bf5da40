"""What is dangerous in the SQL of a revision on SQLite."""

import re
from collections.abc import Iterator

from sqlalchemy.dialects.sqlite.base import SQLiteDialect

UNUSED = (
    "The deployed code uses it. Release code that does not use it, and drop it one release later."
)
GO_OVER = "Add a column, write both, backfill, read the new one, drop the old one a release later."
OLD = "The deployed code knows the old name only."
ALTER = r"ALTER TABLE (\S+)"
PATTERNS = {
    "ban-drop-column": (rf"{ALTER} DROP (?!CONSTRAINT)", UNUSED),
    "ban-drop-table": (r"DROP TABLE (?:IF EXISTS )?([^\s;]+)", UNUSED),
    "renaming-column": (rf"{ALTER} RENAME (?!TO )", f"{OLD} {GO_OVER}"),
    "renaming-table": (
        rf"{ALTER} RENAME TO ",
        f"{OLD} Rename the class only, and keep its __tablename__.",
    ),
    "adding-required-field": (
        rf"{ALTER} ADD (?!CONSTRAINT|CHECK)(?!.* DEFAULT ).* NOT NULL",
        "The deployed code does not fill it, nor do the rows there are. Give it a server_default.",
    ),
    "adding-not-nullable-field": (
        rf"{ALTER} ALTER .* SET NOT NULL",
        "The deployed code may leave it empty. First release code that does not, and backfill.",
    ),
    "changing-column-type": (
        rf"{ALTER} ALTER .* TYPE ",
        f"The table is copied while nobody can write. {GO_OVER}",
    ),
    "adding-constraint": (
        rf"{ALTER} ADD (?:CONSTRAINT|FOREIGN|UNIQUE|CHECK|PRIMARY) ",
        "The deployed code may break it. First release code that does not, and mend the rows.",
    ),
}


class Plain(SQLiteDialect):
    """Writes ALTER TABLE where SQLite would copy the table, which it has to look at for that."""

    name = "default"
    supports_statement_cache = True


DIALECT = Plain()


def find_hazards(sql: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, rule and advice, for tables that are older than this revision."""
    new = re.findall(r"CREATE TABLE (\S+)", sql)
    for rule, (pattern, advice) in PATTERNS.items():
        for found in re.finditer(pattern, sql):
            if found[1] not in new:
                yield sql.count("\n", 0, found.start()), rule, advice
