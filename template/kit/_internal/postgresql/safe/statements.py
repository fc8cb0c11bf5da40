"""ALTER TABLE in SQL, for what Alembic's operations do not say."""

from kit._internal.postgresql.safe.chain import Change
from kit._internal.postgresql.safe.operations import SqlOp, sql

# Longer statements are written over several lines, which are indented.
LONGEST = 88


def alter_table(change: Change, *actions: str) -> SqlOp:
    """Return the operation of an action, whose parts are on several lines if they are long."""
    statement = " ".join(["ALTER TABLE", change.name, *actions])
    if len(statement) > LONGEST or "\n" in statement:
        statement = "\n  ".join([f"ALTER TABLE {change.name}", *actions])
    return sql(statement)
