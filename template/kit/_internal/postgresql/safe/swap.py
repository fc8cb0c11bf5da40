"""Replaces a column by one of another type: write both, backfill, exchange the names, drop."""

from dataclasses import dataclass, field
from typing import Any

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    MigrateOperation,
)
from sqlalchemy import Column

from kit._internal.postgresql.safe.chain import Change, Part, Phase, suffixed
from kit._internal.postgresql.safe.conversions import can_use
from kit._internal.postgresql.safe.copies import Copies
from kit._internal.postgresql.safe.dependents import Dependent
from kit._internal.postgresql.safe.not_null import NotNull, command, fill, require_backfill
from kit._internal.postgresql.safe.operations import CallOp, CommentOp, sql
from kit._internal.postgresql.safe.triggers import (
    ALLOW_DROP,
    Pair,
    create_trigger,
    drop_trigger,
    pair_of,
)

BOTH = CommentOp("db-lint: allow renaming-column: releases can use the column with either type")
OBJECTS = CommentOp("db-lint: allow renaming-object: no query names an index or a constraint")
DEFAULT = CommentOp("db-lint: allow ban-drop-default: no release writes the old column")
UNUSED = (
    CommentOp("db-lint: allow ban-drop-column: no release has used this name"),
    CommentOp("db-lint: allow still-used: no release has used this name"),
    CommentOp("db-lint: allow possible-rename: a trigger has copied the values"),
)


@dataclass
class Replacement:
    """A column whose type changes, and the new column that replaces it."""

    change: Change
    op: AlterColumnOp
    column: Column[Any]
    dependents: list[Dependent]
    source: str
    target: str
    pair: Pair = field(init=False)
    copies: Copies = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.op.column_name
        self.new = suffixed(self.name, "_new")
        self.old = suffixed(self.name, "_old")
        self.pair = pair_of(self.change, self.name, self.new, self.source, self.target)
        self.copies = Copies(self.change, self.name, self.new, self.old, self.dependents)
        self.was_nullable = self.op.existing_nullable is not False
        self.is_nullable = self.was_nullable
        if self.op.modify_nullable is not None:
            self.is_nullable = self.op.modify_nullable
        self.default: Any = self.column.server_default
        if self.op.modify_server_default is False and self.default is None:
            self.default = self.op.existing_server_default

    def parts(self) -> list[Part]:
        """Return all parts, from the new column to the end of the old one."""
        guards = self.guards()
        parts = [self.expand(), *self.copies.build(), *self.copies.validate(guards)]
        if not self.is_nullable:
            reason = f"{self.name} is NOT NULL, so {self.new} becomes it, too."
            kind: Any = self.op.modify_type
            parts += NotNull(self.change, self.new, kind, guards, reason).parts()
        return [*parts, self.exchange(guards), self.contract()]

    def guards(self) -> list[CallOp]:
        """Return the guards of the revisions that need the values of all rows."""
        guards = [require_backfill(self.change, **self.pair.backfill)]
        if self.op.modify_nullable is False:
            guards.insert(0, fill(self.change, self.column))
        return guards

    def expand(self) -> Part:
        change, pair = self.change, self.pair
        new_column: Column[Any] = Column(self.new, self.op.modify_type, nullable=True)
        upgrade: list[MigrateOperation] = [
            AddColumnOp(change.table, new_column, schema=change.schema),
            *create_trigger(pair),
            *self.copies.add(),
        ]
        downgrade: list[MigrateOperation] = [
            *drop_trigger(pair),
            DropColumnOp(change.table, self.new, schema=change.schema),
        ]
        if self.op.modify_nullable:
            kind = self.op.existing_type
            upgrade.append(self.alter(self.name, kind, modify_nullable=True))
            downgrade.append(self.alter(self.name, kind, modify_nullable=False))
        rewrite = (
            f"ALTER COLUMN TYPE from {self.source} to {self.target} would rewrite {change.table}"
            f" under ACCESS EXCLUSIVE. So {self.new} gets the values, and takes the name"
            f" {self.name} when it has all of them. The trigger keeps both columns in step,"
            f" whichever a statement writes; it refuses values that {self.target} cannot have."
        )
        locks = (
            f"ADD COLUMN takes ACCESS EXCLUSIVE on {change.table}, CREATE TRIGGER takes SHARE ROW"
            " EXCLUSIVE, each for a moment. Then fill the other rows:"
            f" {command(self.guards()[-1])}"
        )
        return Part(Phase.EXPAND, f"add {self.new}", upgrade, downgrade, [rewrite, locks])

    def exchange(self, guards: list[CallOp]) -> Part:
        """Return the part in which the two columns exchange their names."""
        change = self.change
        upgrade: list[MigrateOperation] = [
            *guards,
            *self.permissions(),
            *drop_trigger(self.pair),
            *self.copies.drop(),
            self.rename(self.name, self.old),
            self.rename(self.new, self.name),
            *self.copies.exchange(),
            *self.move_properties(),
        ]
        downgrade: list[MigrateOperation] = [
            sql(f"LOCK TABLE {change.name} IN SHARE ROW EXCLUSIVE MODE"),
            sql(self.copy_back()),
            self.rename(self.name, self.new),
            self.rename(self.old, self.name),
            *self.copies.exchange_back(),
            *self.restore_properties(),
            *self.copies.restore(),
            *create_trigger(self.pair),
        ]
        names = (
            f"In one transaction, {self.name} becomes {self.old} and {self.new} becomes"
            f" {self.name}: ACCESS EXCLUSIVE on {change.table} for a moment, no row is read. A"
            " process whose connections have prepared a statement for the old type fails once,"
            " and prepares it again."
        )
        rollback = (
            f"Rolling back copies what was written meanwhile to {self.old}, and blocks writes to"
            f" {change.table} while it does."
        )
        reasons = [names, self.explain_releases(), rollback]
        return Part(Phase.SWAP, f"exchange {self.name}", upgrade, downgrade, reasons)

    def contract(self) -> Part:
        change = self.change
        table = str(self.guards()[0].args[0])
        former: Column[Any] = Column(self.old, self.op.existing_type, nullable=True)
        drop = DropColumnOp(change.table, self.old, schema=change.schema)
        downgrade = [
            AddColumnOp(change.table, former, schema=change.schema),
            *self.copies.rebuild(),
        ]
        reason = (
            f"DROP COLUMN takes ACCESS EXCLUSIVE on {change.table} for a moment, and drops the"
            f" indexes of {self.old}, too. Before it, a rollback of the previous revision copies"
            " only the rows that were written since."
        )
        guard = CallOp("require_unused", table, self.old)
        upgrade = [guard, *UNUSED, drop]
        return Part(Phase.CONTRACT, f"drop {self.old}", upgrade, downgrade, [reason])

    def permissions(self) -> list[MigrateOperation]:
        """Return comments for `make db-lint`, if the exchange is as safe as they say."""
        comments: list[MigrateOperation] = [ALLOW_DROP]
        if self.is_usable:
            comments.append(BOTH)
        if self.copies.exchange():
            comments.append(OBJECTS)
        if self.op.existing_server_default is not None:
            comments.append(DEFAULT)
        return comments

    @property
    def is_usable(self) -> bool:
        """Whether the new release can use the column before it has the new type."""
        return can_use(self.change.context.connection, self.target, self.source)

    def explain_releases(self) -> str:
        if self.is_usable:
            return (
                "The new release runs before this revision, too: PostgreSQL converts"
                f" {self.target} to {self.source} when it writes, and compares the two. But"
                f" {self.name} only holds values of {self.source} until then."
            )
        return (
            f"Not safe while the new release runs: until this revision, it cannot write"
            f" {self.target} to {self.name}, or compare the two. Stop the service while you deploy"
            " it, or give the new type to a column of a new name."
        )

    def copy_back(self) -> str:
        new, old = self.change.quote(self.name), self.change.quote(self.old)
        return (
            f"UPDATE {self.change.name} SET {old} = {self.pair.backward.assign(new)}\n"  # noqa: S608
            f"WHERE {self.pair.forward.differs(new, old)}"
        )

    def move_properties(self) -> list[MigrateOperation]:
        """Return what gives the default and the comment to the new column."""
        steps: list[MigrateOperation] = []
        former: dict[str, Any] = {}
        if not self.was_nullable or self.op.modify_nullable:
            former["modify_nullable"] = True
        if self.op.existing_server_default is not None:
            former["modify_server_default"] = None
        if former:
            steps.append(self.alter(self.old, self.op.existing_type, **former))
        present: dict[str, Any] = {}
        if self.default is not None:
            present["modify_server_default"] = self.default
        if self.column.comment is not None:
            present["modify_comment"] = self.column.comment
        if present:
            steps.append(self.alter(self.name, self.op.modify_type, **present))
        return steps

    def restore_properties(self) -> list[MigrateOperation]:
        """Return what undoes move_properties()."""
        steps: list[MigrateOperation] = []
        if self.default is not None:
            kind = self.op.modify_type
            steps.append(self.alter(self.new, kind, modify_server_default=None))
        former: dict[str, Any] = {}
        if not self.was_nullable and not self.op.modify_nullable:
            former["modify_nullable"] = False
        if self.op.existing_server_default is not None:
            former["modify_server_default"] = self.op.existing_server_default
        if self.op.existing_comment is not None:
            former["modify_comment"] = self.op.existing_comment
        if former:
            steps.append(self.alter(self.name, self.op.existing_type, **former))
        return steps

    def alter(self, column: str, existing_type: Any, **changes: Any) -> AlterColumnOp:  # noqa: ANN401
        return AlterColumnOp(
            self.change.table,
            column,
            schema=self.change.schema,
            existing_type=existing_type,
            **changes,
        )

    def rename(self, column: str, name: str) -> AlterColumnOp:
        return AlterColumnOp(self.change.table, column, schema=self.change.schema, modify_name=name)
