"""Finds values that a native enum of the models has, and the type in the database does not.

Alembic does not compare them. PostgreSQL cannot remove a value, so only new ones are written.
"""

from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import ARRAY, Connection, Enum, text
from sqlalchemy.types import TypeDecorator

from kit._internal.migrations.rendering import escape_colons
from kit._internal.postgresql.safe.chain import Change, Part, Phase, qualify
from kit._internal.postgresql.safe.operations import NothingOp, SqlOp, render_sql

PLUGIN = "kit.enums"
LABELS = text(
    "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(:name) ORDER BY enumsortorder"
)
IRREVERSIBLE = NothingOp(
    "db-lint: allow no-downgrade: PostgreSQL cannot remove a value, and nothing needs it to"
)


class AddEnumValueOp(SqlOp):
    """Adds a value to a native enum."""

    def __init__(self, kind: str, value: str, position: str) -> None:
        self.kind = kind
        self.value = value
        statement = f"ALTER TYPE {kind} ADD VALUE IF NOT EXISTS {value} {position}"
        super().__init__(escape_colons(statement))

    def reverse(self) -> MigrateOperation:
        return IRREVERSIBLE

    def to_diff_tuple(self) -> tuple[str, str]:
        return ("add_enum_value", f"{self.kind} {self.value}")


renderers.dispatch_for(AddEnumValueOp)(render_sql)


def plan_enum(change: Change) -> list[Part] | None:
    """Return the part of a new value; None for other changes."""
    if not isinstance(change.op, AddEnumValueOp):
        return None
    reason = (
        "ADD VALUE takes no lock on tables. Its revision comes before all others, as a value cannot"
        " be used in the transaction that adds it. The running release does not know"
        f" {change.op.value} of {change.op.kind}, and fails if it reads it."
    )
    return [Part(Phase.PREPARE, f"add {change.op.value}", [change.op], [IRREVERSIBLE], [reason])]


def find_new_values(autogen: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Add an operation for each value that a type of the database lacks."""
    connection, context = autogen.connection, autogen.migration_context
    known: set[str] = set()
    for kind in enums_of(autogen):
        name = qualify(context, str(kind.name), kind.schema)
        if connection is not None and name not in known:
            known.add(name)
            upgrade_ops.ops.extend(missing_values(connection, name, kind.enums))
    return PriorityDispatchResult.CONTINUE


def enums_of(autogen: AutogenContext) -> Iterator[Enum]:
    """Yield the types of the models' columns that are native enums."""
    for table in autogen.sorted_tables:
        for column in table.columns:
            kind: Any = column.type
            while isinstance(kind, TypeDecorator | ARRAY):
                kind = kind.item_type if isinstance(kind, ARRAY) else kind.impl_instance
            if isinstance(kind, Enum) and kind.native_enum and kind.name:
                yield kind


def missing_values(
    connection: Connection, name: str, values: list[str]
) -> Iterator[AddEnumValueOp]:
    """Yield operations that add values in the order of the models; none for an unknown type."""
    labels = list(connection.scalars(LABELS, {"name": name}))
    if not labels:
        return
    position = f"BEFORE {literal(labels[0])}"
    for value in values:
        if value not in labels:
            yield AddEnumValueOp(name, literal(value), position)
        position = f"AFTER {literal(value)}"


def literal(value: str) -> str:
    """Return a text as a literal of SQL."""
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def register_plugin() -> None:
    """Register the plugin once per process."""
    try:
        plugin = Plugin(PLUGIN)
    except ValueError:
        return
    plugin.add_autogenerate_comparator(find_new_values, "autogenerate")


register_plugin()
