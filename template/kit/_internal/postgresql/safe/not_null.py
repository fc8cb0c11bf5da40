"""Plans NOT NULL for a column with rows: a validated CHECK replaces the scan under a lock.

SET NOT NULL reads all rows under ACCESS EXCLUSIVE, unless a valid CHECK proves that none is NULL.
PostgreSQL 18 also has NOT NULL ... NOT VALID. But the server on which a revision is generated may
be newer than those on which it runs, and SQLAlchemy reflects NOT NULL before it is valid.
"""

from dataclasses import dataclass
from typing import Any

from alembic.operations.ops import AlterColumnOp, MigrateOperation
from sqlalchemy import Column, literal, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from kit._internal.migrations.guards import UNKNOWN, Backfill
from kit._internal.postgresql.safe.chain import Change, Part, Phase, suffixed, undouble
from kit._internal.postgresql.safe.constraints import validate
from kit._internal.postgresql.safe.operations import CallOp, CommentOp, statement
from kit._internal.postgresql.safe.reasons import Reason

ALLOW_SET = CommentOp(
    "db-lint: allow adding-not-nullable-field: the CHECK proves it, no row is read"
)
REFUSED = (
    "ADD CONSTRAINT ... NOT VALID takes ACCESS EXCLUSIVE on {table} for a moment: it refuses NULL"
    " in {names} from now on, and reads no rows."
)
SET = (
    "SET NOT NULL takes ACCESS EXCLUSIVE on {} for a moment: the valid CHECK proves that no row is"
    " NULL, so it reads none. Then NOT NULL replaces the CHECK."
)
KEY = text("""
    SELECT attname FROM pg_index JOIN pg_attribute
        ON attrelid = indrelid AND attnum = indkey[0] AND indisunique AND indpred IS NULL
    WHERE indrelid = to_regclass(:name) ORDER BY indisprimary DESC, attname LIMIT 1
""")


@dataclass(frozen=True)
class NotNull:
    """A column that becomes NOT NULL, and the guards of its revisions."""

    change: Change
    column: str
    type: TypeEngine[Any]
    guards: list[CallOp]
    # Why it waits, in a sentence.
    reason: str

    @property
    def check(self) -> str:
        """The name of the temporary CHECK."""
        return suffixed(f"ck_{self.change.table}_{self.column}", "_not_null")

    @property
    def table(self) -> str:
        return f"ALTER TABLE {self.change.name}"

    def parts(self) -> list[Part]:
        """Return the parts: add the CHECK, validate it, set NOT NULL and drop the CHECK."""
        return [self.add(), self.validate(), self.set()]

    def add(self) -> Part:
        reasons: list[str] = [
            self.reason,
            Reason(REFUSED.format(table=self.change.table, names="{}"), self.column),
        ]
        upgrade: list[MigrateOperation] = [*self.guards, self.add_check()]
        title = f"refuse NULL in {self.column}"
        return Part(Phase.TIGHTEN, title, upgrade, [self.drop_check()], reasons)

    def validate(self) -> Part:
        part = validate(self.change, self.check)
        part.phase = Phase.TIGHTEN_VALIDATE
        part.upgrade = [*self.guards, *part.upgrade]
        return part

    def set(self) -> Part:
        set_not_null = alter(self.change, self.column, self.type, nullable=False)
        upgrade = [*self.guards, ALLOW_SET, set_not_null, self.drop_check()]
        downgrade = [self.add_check(), set_not_null.reverse()]
        reasons: list[str] = [Reason(SET, self.change.table)]
        title = f"set {self.column} not null"
        return Part(Phase.TIGHTEN_SET, title, upgrade, downgrade, reasons)

    def add_check(self) -> MigrateOperation:
        check, column = self.change.quote(self.check), self.change.quote(self.column)
        condition = f"CHECK ({column} IS NOT NULL) NOT VALID"
        return statement(self.table, f"ADD CONSTRAINT {check}", condition)

    def drop_check(self) -> MigrateOperation:
        return statement(self.table, f"DROP CONSTRAINT {self.change.quote(self.check)}")


def alter(
    change: Change,
    column: str,
    existing_type: TypeEngine[Any] | None,
    *,
    nullable: bool,
) -> AlterColumnOp:
    """Return the operation that sets or drops NOT NULL."""
    return AlterColumnOp(
        change.table,
        column,
        schema=change.schema,
        existing_type=existing_type,
        existing_nullable=not nullable,
        modify_nullable=nullable,
    )


def require_backfill(change: Change, **arguments: str) -> CallOp:
    """Return the guard that refuses to run while rows match `where`; `set` fills them."""
    table = change.table
    if change.schema is not None:
        table = f"{change.schema}.{table}"
    key = find_key(change)
    if key != "id":
        arguments["key"] = key
    return CallOp("require_backfill", table, **arguments)


def find_key(change: Change) -> str:
    """Return the column that orders the batches of a backfill: the first of a unique index."""
    connection = change.context.connection
    if connection is None:
        return "id"
    return connection.scalar(KEY, {"name": change.name}) or "id"


def backfill_value(change: Change, column: Column[Any]) -> str:
    """Return SQL of the value for rows without one: the default of the column, or UNKNOWN."""
    compiler: Any = change.context.dialect.ddl_compiler(change.context.dialect, None)  # type: ignore[arg-type]
    default = compiler.get_column_default_string(column)
    if default is not None:
        return undouble(str(default))
    scalar: Any = column.default
    if scalar is None or not scalar.is_scalar:
        return UNKNOWN
    value = literal(scalar.arg, column.type)
    try:
        compiled = value.compile(
            dialect=change.context.dialect, compile_kwargs={"literal_binds": True}
        )
    except SQLAlchemyError:
        return UNKNOWN
    return undouble(str(compiled))


def fill(change: Change, column: Column[Any]) -> CallOp:
    """Return the guard against rows in which a column is NULL."""
    name = change.quote(column.name)
    value = backfill_value(change, column)
    return require_backfill(change, set=f"{name} = {value}", where=f"{name} IS NULL")


def command(guard: CallOp) -> str:
    """Return the command of the backfill that a guard requires."""
    table, arguments = str(guard.args[0]), {**guard.kwargs}
    backfill = Backfill(
        table,
        str(arguments["set"]),
        str(arguments["where"]),
        str(arguments.get("key", "id")),
    )
    return backfill.command()
