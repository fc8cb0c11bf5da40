"""Asks which removed column or table has a new name: autogenerate finds one removed and one added.

`-x rename=users.phone_number:phone` answers without a question; several are separated by spaces.
With `:at-once` after it, nothing runs on the database, so the column itself may be renamed.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

from alembic import context
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateTableOp,
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
)
from alembic.util import CommandError
from sqlalchemy import Column, Dialect

AT_ONCE = ":at-once"
Removed = DropColumnOp | DropTableOp
Added = AddColumnOp | CreateTableOp


class Answer(Enum):
    """What the developer knows about a removed and an added column or table."""

    OVERLAP = "y"
    """It is a new name, and releases with either name may run at the same time."""
    AT_ONCE = "r"
    """It is a new name, and no release runs."""
    NO = "n"
    """They are different."""
    UNKNOWN = ""
    """Not asked: there is no terminal."""


class Answers:
    """The answers of the command line, and of the terminal.

    `choices` are the answers that a question offers, with their texts.
    """

    def __init__(self, choices: dict[Answer, str]) -> None:
        self.choices = choices
        self.requested = parse_requests()

    def ask(self, former: str, new: str) -> Answer:
        """Return whether `new` is a new name of `former`, such as users.phone_number."""
        name = new.rpartition(".")[2]
        request = self.requested.get(former)
        if request is not None:
            if request.removesuffix(AT_ONCE) not in {name, new}:
                return Answer.NO
            del self.requested[former]
            answer = Answer.OVERLAP
            if request.endswith(AT_ONCE):
                answer = Answer.AT_ONCE
            if answer not in self.choices:
                answer = next(iter(self.choices))
            return answer
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return Answer.UNKNOWN
        return self.prompt(former, new)

    def prompt(self, former: str, new: str) -> Answer:
        """Ask in the terminal until the answer is one of the choices."""
        texts = " / ".join(self.choices.values())
        letters = {choice.value: choice for choice in self.choices}
        while True:
            try:
                answer = input(f"Is {new} a new name of {former}? {texts}: ")
            except EOFError:
                raise CommandError("no answer, no revision") from None
            choice = letters.get(answer.strip().lower()[:1])
            if choice is not None:
                return choice

    def refuse_unused(self) -> None:
        """Raise CommandError if the command line names what autogenerate has not found."""
        for former, new in self.requested.items():
            raise CommandError(
                f"rename={former}:{new}: the models must have the new name and no longer the old"
                " one, with the same type; for a table, with the same columns"
            )


def parse_requests() -> dict[str, str]:
    """Return the new name by the old one, as in `-x rename=users.phone_number:phone`."""
    requests = {}
    for argument in context.get_x_argument():
        key, _, value = argument.partition("=")
        if key != "rename":
            continue
        for request in value.replace(",", " ").split():
            former, _, new = request.partition(":")
            if not new:
                raise CommandError(f"rename={request}: expected rename=users.phone_number:phone")
            requests[former] = new
    return requests


def find_renames(
    operations: Iterable[MigrateOperation],
    dialect: Dialect,
    ask: Callable[[str, str], Answer],
) -> Iterator[tuple[Removed, Added, Answer]]:
    """Yield removed and added columns or tables that could be the same, with the answer.

    Each is yielded with the answer OVERLAP or AT_ONCE only once.
    """
    operations = list(operations)
    removed = [item for item in operations if isinstance(item, Removed)]
    taken: list[MigrateOperation] = []
    for added in operations:
        if not isinstance(added, Added):
            continue
        for former in removed:
            if former in taken or not is_alike(former, added, dialect):
                continue
            answer = ask(name_of(former), name_of(added))
            yield former, added, answer
            if answer in {Answer.OVERLAP, Answer.AT_ONCE}:
                taken.append(former)
                break


def is_alike(former: Removed, added: Added, dialect: Dialect) -> bool:
    """Return whether two columns of a table have the same type, or two tables the same columns."""
    if former.schema != added.schema:
        return False
    if isinstance(former, DropColumnOp) and isinstance(added, AddColumnOp):
        if former.table_name != added.table_name:
            return False
        return type_of(former.to_column(), dialect) == type_of(added.column, dialect)
    if isinstance(former, DropTableOp) and isinstance(added, CreateTableOp):
        return columns_of(former, dialect) == columns_of(added, dialect)
    return False


def columns_of(operation: DropTableOp | CreateTableOp, dialect: Dialect) -> dict[str, str]:
    columns = {}
    for column in operation.to_table().columns:
        columns[column.name] = f"{type_of(column, dialect)} {column.nullable}"
    return columns


def type_of(column: Column[Any], dialect: Dialect) -> str:
    return column.type.dialect_impl(dialect).compile(dialect)


def name_of(operation: Removed | Added) -> str:
    """Return the name of a table or column, with its table and schema."""
    parts = [operation.schema, operation.table_name]
    if isinstance(operation, DropColumnOp):
        parts.append(operation.column_name)
    if isinstance(operation, AddColumnOp):
        parts.append(operation.column.name)
    return ".".join(part for part in parts if part)


def alter_difference(former: Column[Any], new: Column[Any], added: AddColumnOp) -> AlterColumnOp:
    """Return the operation that gives a renamed column the NULL and the default of the new one."""
    changes: dict[str, Any] = {}
    if former.nullable != new.nullable:
        changes["modify_nullable"] = new.nullable
    if default_text(former) != default_text(new):
        changes["modify_server_default"] = new.server_default
    return AlterColumnOp(
        added.table_name,
        new.name,
        schema=added.schema,
        existing_type=new.type,
        existing_nullable=former.nullable,
        existing_server_default=former.server_default,
        **changes,
    )


def default_text(column: Column[Any]) -> str | None:
    """Return the SQL of a server default, as far as it is known."""
    if column.server_default is None:
        return None
    default = getattr(column.server_default, "arg", column.server_default)
    return str(getattr(default, "text", default))
