"""Converts values of a column to another type, in SQL."""

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

# Whether an assignment needs no cast: arrays are converted by element, and any type to text.
ASSIGNMENT = text("""
    WITH kinds AS (
        SELECT position, typcategory = 'S' AS is_text, CASE typcategory
            WHEN 'A' THEN typelem ELSE pg_type.oid END AS kind
        FROM (VALUES (1, CAST(:source AS text)), (2, :target)) AS names (position, name)
        JOIN pg_type ON pg_type.oid = to_regtype(name)
    )
    SELECT source.kind = target.kind OR target.is_text OR EXISTS (
        SELECT FROM pg_cast WHERE castcontext IN ('i', 'a')
            AND castsource = source.kind AND casttarget = target.kind
    )
    FROM kinds AS source JOIN kinds AS target ON source.position = 1 AND target.position = 2
""")
ZONED = "WITH TIME ZONE"


@dataclass(frozen=True)
class Conversion:
    """How values of the type `source` become values of the type `target`: names of types in SQL."""

    source: str
    target: str
    # Whether PostgreSQL converts them in INSERT and UPDATE without a cast.
    is_assignable: bool
    # Whether values of the target can be compared; those of json cannot.
    is_comparable: bool

    def convert(self, value: str) -> str:
        """Return SQL that converts a value; times without a zone are in UTC."""
        if self.source == self.target:
            return value
        if not self.changes_zone:
            return f"{value}::{self.target}"
        if self.source == "DATE":
            value = f"{value}::TIMESTAMP"
        value = f"({value} AT TIME ZONE 'UTC')"
        if self.target in {f"TIMESTAMP {ZONED}", "TIMESTAMP WITHOUT TIME ZONE"}:
            return value
        return f"{value}::{self.target}"

    def assign(self, value: str) -> str:
        """Return SQL of a value that is assigned: without a cast if it needs none.

        Only an explicit cast cuts off a text that is too long; an assignment refuses it.
        """
        if self.is_assignable and not self.changes_zone:
            return value
        return self.convert(value)

    def differs(self, target: str, source: str) -> str:
        """Return the condition that a value of the target does not come from that of the source."""
        converted = self.convert(source)
        if not self.is_comparable:
            return f"{target}::TEXT IS DISTINCT FROM {converted}::TEXT"
        return f"{target} IS DISTINCT FROM {converted}"

    @property
    def changes_zone(self) -> bool:
        """Whether the result would depend on the time zone of the session."""
        days = {
            kind == "DATE" or kind.startswith("TIMESTAMP") for kind in (self.source, self.target)
        }
        return days == {True} and self.source.endswith(ZONED) != self.target.endswith(ZONED)


def find_conversion(connection: Connection | None, source: str, target: str) -> Conversion:
    """Ask the server how it converts a type to another; without one, assume nothing."""
    if connection is None:
        return Conversion(source, target, is_assignable=False, is_comparable=False)
    is_assignable = connection.scalar(ASSIGNMENT, {"source": source, "target": target})
    is_comparable = can_compare(connection, target, target)
    return Conversion(source, target, bool(is_assignable), is_comparable)


def can_compare(connection: Connection, kind: str, other: str) -> bool:
    """Return whether values of two types can be compared without a cast."""
    try:
        with connection.begin_nested():
            connection.execute(text(f"SELECT CAST(NULL AS {kind}) = CAST(NULL AS {other})"))
    except DBAPIError:
        return False
    return True


def can_use(connection: Connection | None, code: str, column: str) -> bool:
    """Return whether code whose model has the type `code` can use a column of the type `column`.

    Its statements write parameters of its type into the column, and compare them with it.
    """
    if connection is None:
        return False
    if not find_conversion(connection, code, column).is_assignable:
        return False
    # Values of json are not comparable: no statement does it.
    return can_compare(connection, column, code) or not can_compare(connection, column, column)
