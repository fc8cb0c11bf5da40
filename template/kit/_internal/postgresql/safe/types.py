"""Plans type changes: in place if only the catalogue changes, otherwise by a new column."""

import re
from dataclasses import dataclass
from typing import Any

from alembic.operations.ops import (
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
)
from alembic.util import CommandError
from sqlalchemy import Column, Enum

from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.constraints import validate
from kit._internal.postgresql.safe.dependents import (
    CHECK,
    Dependent,
    describe,
    find_dependents,
)
from kit._internal.postgresql.safe.operations import CommentOp, statement
from kit._internal.postgresql.safe.swap import Replacement

# A type as SQLAlchemy compiles it: the name, up to two arguments, and the rest of the name.
TYPE = re.compile(
    r"(?P<name>[A-Z ]+?)(?:\((?P<first>\d+)(?:, ?(?P<second>\d+))?\))?(?P<rest> WITH.*)?"
)
# Types whose argument may grow: the values stay as they are.
GROWING = {
    "BIT VARYING",
    "INTERVAL",
    "TIME WITH TIME ZONE",
    "TIME WITHOUT TIME ZONE",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP WITHOUT TIME ZONE",
    "VARCHAR",
}
SAME_VALUES = {("VARCHAR", "TEXT"), ("TEXT", "VARCHAR"), ("CIDR", "INET")}
# Digits of seconds, if the type does not say it.
PRECISION = 6
ALLOW = CommentOp("db-lint: allow changing-column-type: PostgreSQL only changes the catalogue")


@dataclass(frozen=True)
class SqlType:
    """The name of a type, and its arguments; None for one that it does not have."""

    name: str
    first: int | None
    second: int | None


def parse_type(text: str) -> SqlType | None:
    """Return the parts of a type; None for arrays, collations and types of the database."""
    match = TYPE.fullmatch(text)
    if match is None:
        return None
    first, second = (int(text) if text else None for text in match.group("first", "second"))
    name = match["name"] + (match["rest"] or "")
    if first is None and ("TIME" in name or name == "INTERVAL"):
        first = PRECISION
    return SqlType(name, first, second)


def is_catalogue_only(source: str, target: str) -> bool:
    """Return whether ALTER COLUMN TYPE neither rewrites nor reads rows, on PostgreSQL 13 to 18.

    Measured: the table keeps its relfilenode, and is not scanned. TIMESTAMP with and without time
    zone are not among them, although neither happens while the TimeZone of the session is UTC: the
    code of the release before would read times with a zone, which it cannot compare with its own.
    """
    if source == target:
        return True
    old, new = parse_type(source), parse_type(target)
    return old is not None and new is not None and keeps_values(old, new)


def keeps_values(old: SqlType, new: SqlType) -> bool:
    """Return whether all values of a type are stored as those of the other."""
    if (old.name, new.name) in SAME_VALUES:
        return new.first is None
    if old.name != new.name:
        return False
    if new.name == "NUMERIC":
        is_same_scale = (old.second or 0) == (new.second or 0)
        return new.first is None or (is_same_scale and (old.first or new.first + 1) <= new.first)
    if new.name in GROWING:
        return new.first is None or (old.first is not None and old.first <= new.first)
    return False


def plan_type(change: Change, op: AlterColumnOp, column: Column[object]) -> list[Part]:
    """Return the parts of a type change.

    If it is in place, they leave other changes of the column to the caller.
    """
    source, target = compile_type(change, op.existing_type), compile_type(change, op.modify_type)
    dependents = list_dependents(change, op)
    is_rebuilt = any(item.has_expression for item in dependents)
    if is_catalogue_only(source, target) and not is_rebuilt:
        return plan_in_place(change, op, dependents, f"{source} to {target}")
    obstacles = describe(dependents)
    if isinstance(op.modify_type, Enum) and op.modify_type.native_enum:
        obstacles = f"the type {target}, which the revision has to create"
    if obstacles:
        return [plain(change, op, obstacles)]
    refuse_additions(change, op.column_name)
    return Replacement(change, op, column, dependents, source, target).parts()


def compile_type(change: Change, kind: Any) -> str:  # noqa: ANN401
    """Return a type in SQL."""
    compiled: str = kind.compile(change.context.dialect)
    return compiled


def list_dependents(change: Change, op: AlterColumnOp) -> list[Dependent]:
    """Return what depends on the column, and is not dropped by the script."""
    connection = change.context.connection
    if connection is None:
        return []
    dropped = set()
    for operation in change.operations:
        if isinstance(operation, DropConstraintOp):
            dropped.add(operation.constraint_name)
        if isinstance(operation, DropIndexOp):
            dropped.add(operation.index_name)
    dependents = find_dependents(connection, change.name, op.column_name)
    return [item for item in dependents if item.name not in dropped]


def type_only(op: AlterColumnOp) -> AlterColumnOp:
    """Return the operation without its other changes."""
    # Only MySQL has AUTO_INCREMENT, of which Alembic would warn.
    options = {key: value for key, value in op.kw.items() if key != "existing_autoincrement"}
    return AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=op.existing_type,
        existing_nullable=op.existing_nullable,
        existing_server_default=op.existing_server_default,
        modify_type=op.modify_type,
        **options,
    )


def plan_in_place(
    change: Change, op: AlterColumnOp, dependents: list[Dependent], kinds: str
) -> list[Part]:
    """Return the parts for a type that only the catalogue changes.

    PostgreSQL checks every CHECK of the column again, under the lock: they are validated later.
    """
    alter = type_only(op)
    table = f"ALTER TABLE {change.name}"
    reason = (
        f"From {kinds}, PostgreSQL only changes the catalogue: ACCESS EXCLUSIVE on {change.table}"
        " for a moment, no row is read or written."
    )
    upgrade: list[MigrateOperation] = [ALLOW, alter]
    part = Part(Phase.EXPAND, f"change {op.column_name}", upgrade, [alter.reverse()], [reason])
    parts = [part]
    checks = [item for item in dependents if item.kind == CHECK and is_checked(item)]
    for item in checks:
        name = change.quote(item.name)
        upgrade.insert(1, statement(table, f"DROP CONSTRAINT {name}"))
        upgrade.append(statement(table, f"ADD CONSTRAINT {name}", f"{item.definition} NOT VALID"))
        part.reasons.append(
            f"With {item.name} in place, it would read all rows. So the same CHECK replaces it as"
            " NOT VALID: it checks what is written from now on, and the next revision the rest."
        )
        parts.append(validate(change, item.name))
    return parts


def is_checked(check: Dependent) -> bool:
    """Return whether a CHECK is enforced and valid."""
    return check.options not in {"NOT VALID", "NOT ENFORCED"}


def plain(change: Change, op: AlterColumnOp, obstacles: str) -> Part:
    """Return what Alembic writes, which `make db-lint` finds."""
    reason = (
        f"Not safe: ALTER COLUMN TYPE rewrites {change.table} under ACCESS EXCLUSIVE, so that no"
        f" query reads or writes. A new column cannot replace {op.column_name} because of:"
        f" {obstacles}. Stop the service for it, or give the new type to a column of a new name."
    )
    alter = type_only(op)
    return Part(Phase.EXPAND, f"change {op.column_name}", [alter], [alter.reverse()], [reason])


def refuse_additions(change: Change, column: str) -> None:
    """Raise CommandError if the script adds an index or constraint of the column."""
    added = []
    for operation in change.operations:
        if (getattr(operation, "table_name", None), getattr(operation, "schema", None)) != (
            change.table,
            change.schema,
        ) and not isinstance(operation, CreateForeignKeyOp):
            continue
        if column in columns_of(operation):
            added.append(name_of(operation))
    if added:
        raise CommandError(
            f"{change.table}.{column} changes its type, which replaces the column: add"
            f" {', '.join(added)} in a second revision (or write plain Alembic: unsafe=1)"
        )


def name_of(operation: MigrateOperation) -> str:
    """Return the name of the index or constraint that an operation adds."""
    if isinstance(operation, CreateIndexOp):
        return str(operation.index_name)
    return str(getattr(operation, "constraint_name", "a constraint"))


def columns_of(operation: MigrateOperation) -> set[str]:
    """Return the columns of an operation that adds an index or constraint."""
    if isinstance(operation, CreateIndexOp):
        return {*operation.to_index().columns.keys()}
    if isinstance(operation, CreateUniqueConstraintOp):
        return {*operation.columns}
    if isinstance(operation, CreateForeignKeyOp):
        return {*operation.local_cols}
    if isinstance(operation, CreateCheckConstraintOp):
        return {*re.findall(r"\w+", str(operation.condition))}
    return set()
