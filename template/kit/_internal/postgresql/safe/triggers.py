"""Triggers that keep two columns of a table in step while two releases write to it.

pgroll does this with views and triggers (https://pgroll.com); here the releases use different
columns of the same table.
"""

from dataclasses import dataclass
from textwrap import indent

from alembic.operations.ops import MigrateOperation

from kit._internal.postgresql.safe.catalogue import is_partitioned
from kit._internal.postgresql.safe.chain import Change, qualify, suffixed
from kit._internal.postgresql.safe.conversions import Conversion, find_conversion
from kit._internal.postgresql.safe.operations import CommentOp, sql
from kit._internal.postgresql.safe.partitions import lock

# For the revision whose upgrade drops a trigger.
ALLOW_DROP = CommentOp("db-lint: allow ban-drop-function: only its trigger calls it")


@dataclass(frozen=True)
class Pair:
    """Two columns with the same values: the old release writes `old`, the new one `new`."""

    change: Change
    old: str
    new: str
    # From old to new, and back.
    forward: Conversion
    backward: Conversion

    @property
    def trigger(self) -> str:
        """The name of the trigger, and of its function."""
        return suffixed(f"{self.change.table}_{self.old}_{self.new}", "_sync")

    @property
    def backfill(self) -> dict[str, str]:
        """The arguments `set` and `where` of the backfill that fills the new column."""
        old, new = self.change.quote(self.old), self.change.quote(self.new)
        return {
            "set": f"{new} = {self.forward.assign(old)}",
            "where": self.forward.differs(new, old),
        }


def pair_of(change: Change, old: str, new: str, old_type: str, new_type: str) -> Pair:
    """Return the pair of two columns of the table of a change, whose types are SQL."""
    forward = find_conversion(change.context.connection, old_type, new_type)
    backward = find_conversion(change.context.connection, new_type, old_type)
    return Pair(change, old, new, forward, backward)


def create_trigger(pair: Pair) -> list[MigrateOperation]:
    """Return the operations that create the trigger of a pair, and its function.

    A column that a statement sets decides. If a statement sets both, or an INSERT gives both, the
    new one does; a new one that is still NULL is filled from the old one with the next UPDATE.
    """
    change = pair.change
    function = qualify(change.context, pair.trigger, change.schema)
    return [
        sql(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            f"BEGIN\n{indent(body_of(pair), '    ')}    RETURN NEW;\nEND\n$$"
        ),
        sql(
            f"CREATE TRIGGER {change.quote(pair.trigger)}\n"
            f"BEFORE INSERT OR UPDATE ON {change.name}\n"
            f"FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    ]


def drop_trigger(pair: Pair) -> list[MigrateOperation]:
    """Return the operations that drop the trigger of a pair, and its function."""
    change = pair.change
    function = qualify(change.context, pair.trigger, change.schema)
    locks = [lock(change)] if is_partitioned(change) else []
    return [
        *locks,
        sql(f"DROP TRIGGER {change.quote(pair.trigger)} ON {change.name}"),
        sql(f"DROP FUNCTION {function}()"),
    ]


def body_of(pair: Pair) -> str:
    """Return the statements of the trigger's function, in PL/pgSQL."""
    old, new = pair.change.quote(pair.old), pair.change.quote(pair.new)
    fill_new = f"NEW.{new} := {pair.forward.assign(f'NEW.{old}')};"
    fill_old = f"NEW.{old} := {pair.backward.assign(f'NEW.{new}')};\n"
    if pair.forward.source != pair.forward.target:
        # The value that the old one becomes may be rounded: it does not replace the old one.
        condition = pair.forward.differs(f"NEW.{new}", f"NEW.{old}")
        fill_old = f"IF {condition} THEN\n{indent(fill_old, '    ')}END IF;\n"
    return (
        f"IF TG_OP = 'INSERT' THEN\n"
        f"    IF NEW.{new} IS NULL THEN\n"
        f"        {fill_new}\n"
        f"    ELSE\n"
        f"{indent(fill_old, '        ')}"
        f"    END IF;\n"
        f"ELSIF {has_changed(new, pair.forward)} THEN\n"
        f"{indent(fill_old, '    ')}"
        f"ELSIF NEW.{new} IS NULL OR {has_changed(old, pair.backward)} THEN\n"
        f"    {fill_new}\n"
        f"END IF;\n"
    )


def has_changed(column: str, conversion: Conversion) -> str:
    """Return the condition that an UPDATE changes a column, to which the conversion leads."""
    if not conversion.is_comparable:
        return f"NEW.{column}::TEXT IS DISTINCT FROM OLD.{column}::TEXT"
    return f"NEW.{column} IS DISTINCT FROM OLD.{column}"
