"""The SQL of a backfill."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    MetaData,
    Row,
    Table,
    func,
    literal_column,
    select,
    update,
)

# The key of each changed row, and whether the condition still holds for it.
Rows = Sequence[Row[Any, bool]]


class Change:
    """The change of a column in the rows that match a condition, in batches.

    `value` and `where` are SQL; `batch` is the number of rows per transaction.
    """

    def __init__(
        self, table: str, column: str, value: str, where: str, key: str, batch: int
    ) -> None:
        schema, _, name = table.rpartition(".")
        self.key: Column[Any] = Column(key)
        target: Column[Any] = Column(column)
        self.table = Table(name, MetaData(), self.key, target, schema=schema or None)
        self.where = literal_column(f"({where})", Boolean)
        # Skips rows that others have locked.
        self.batch = (
            select(self.key)
            .where(self.where)
            .order_by(self.key)
            .limit(max(1, batch))
            .with_for_update(key_share=True, skip_locked=True)
        )
        self.statement = (
            update(self.table)
            .where(self.where)
            .values({target: literal_column(value)})
            .returning(self.key, self.where)
        )

    def count(self, connection: Connection) -> int:
        """Return the number of rows to do."""
        statement = select(func.count()).select_from(self.table).where(self.where)
        return connection.scalar(statement) or 0

    def execute(self, connection: Connection, last: object) -> Rows:
        """Change the batch after the key `last`, or the first batch if None; return its rows."""
        batch = self.batch
        if last is not None:
            batch = batch.where(self.key > last)
        chosen = select(batch.cte("batch"))
        return connection.execute(self.statement.where(self.key.in_(chosen))).all()
