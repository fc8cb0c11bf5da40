"""What depends on a column in the database: a column that replaces it needs the same."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

# Objects without those that come with every column. An index belongs to its constraint, if any.
DEPENDENTS = text("""
    SELECT DISTINCT
        coalesce(contype, relkind) AS kind,
        coalesce(conname, relname) AS name,
        pg_describe_object(classid, objid, objsubid) AS description,
        pg_get_constraintdef(pg_constraint.oid) AS constraint_definition,
        pg_get_indexdef(coalesce(nullif(conindid, 0), indexrelid)) AS index_definition,
        coalesce(indnullsnotdistinct, false) AS counts_nulls,
        coalesce(indexprs IS NOT NULL OR indpred IS NOT NULL, false) AS has_expression,
        coalesce(conrelid = refobjid AND attnum = ANY (conkey), true) AND deptype <> 'i'
            AND NOT coalesce(confrelid = refobjid AND attnum = ANY (confkey), false) AS is_own
    FROM pg_depend
    JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    LEFT JOIN pg_constraint ON classid = 'pg_constraint'::regclass AND pg_constraint.oid = objid
    LEFT JOIN pg_class ON classid = 'pg_class'::regclass AND pg_class.oid = objid
    LEFT JOIN pg_attrdef ON classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid
    LEFT JOIN pg_index ON indexrelid = pg_class.oid
        OR (contype IN ('p', 'u', 'x') AND indexrelid = conindid)
    WHERE refclassid = 'pg_class'::regclass AND refobjid = to_regclass(:table)
        AND attname = :column
        AND contype IS DISTINCT FROM 'n'
        AND (adrelid, adnum) IS DISTINCT FROM (refobjid, refobjsubid)
    ORDER BY kind, name
""")
# A word of an expression, behind what cannot be part of a column's name; or a text, or a name in
# quotes. A type follows a cast, a function has parentheses.
WORD = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<cast>::)?(?P<word>\w+|"(?:[^"]|"")*")(?P<call>\()?"""
)
# Words of SQL in expressions that may also name a column.
AMBIGUOUS = {
    *("array", "at", "case", "collate", "day", "hour", "interval", "minute", "month", "second"),
    *("text", "time", "timestamp", "varying", "with", "without", "year", "zone"),
}
INDEX = "index"
UNIQUE = "unique constraint"
CHECK = "check"
FOREIGN_KEY = "foreign key"
KINDS = {"i": INDEX, "u": UNIQUE, "c": CHECK, "f": FOREIGN_KEY}


@dataclass(frozen=True)
class Dependent:
    """An index or constraint of a column, with the definition in SQL."""

    kind: str
    name: str
    description: str
    definition: str
    # Whether PostgreSQL rebuilds it for every change of the column's type.
    has_expression: bool
    # Whether a column can get the same.
    is_portable: bool

    # What follows the columns of a constraint, such as DEFERRABLE.
    options: str

    def rename(self, column: str, new_column: str) -> str:
        """Return the definition for another column, whose name is SQL."""
        return rename_column(self.definition, column, new_column)


def find_dependents(connection: Connection, table: str, column: str) -> list[Dependent]:
    """Return what depends on a column; the table's name is SQL."""
    rows = connection.execute(DEPENDENTS, {"table": table, "column": column}).all()
    dependents = []
    for row in rows:
        kind = KINDS.get(row.kind, "")
        definition = row.constraint_definition or ""
        options = definition.rpartition(")")[2].strip()
        if kind in {INDEX, UNIQUE}:
            definition = row.index_definition
        is_portable = bool(kind) and row.is_own and not row.counts_nulls
        if kind in {INDEX, CHECK} and column in AMBIGUOUS:
            is_portable = False
        dependents.append(
            Dependent(
                kind,
                row.name or "",
                row.description,
                definition,
                row.has_expression,
                is_portable,
                options,
            )
        )
    return dependents


def rename_column(definition: str, column: str, new_column: str) -> str:
    """Replace a column in the definition of an index or constraint, as PostgreSQL prints it."""

    def replaced(match: re.Match[str]) -> str:
        word = match["word"] or ""
        if match["cast"] or match["call"] or word.strip('"').replace('""', '"') != column:
            return match[0]
        return new_column

    # Before it are the names of the index and the table, which may be called like the column.
    start, separator, rest = definition.partition(" USING ")
    if not definition.startswith("CREATE "):
        start, separator, rest = "", "", definition
    # After it, a foreign key names columns of another table.
    rest, referenced, target = rest.partition(" REFERENCES ")
    return start + separator + WORD.sub(replaced, rest) + referenced + target


def describe(dependents: Sequence[Dependent]) -> str:
    """Return what a new column cannot have, as a list for a sentence."""
    return ", ".join(item.description for item in dependents if not item.is_portable)
