"""Operations that Alembic does not have, and how they are written into a revision."""

from collections.abc import Sequence
from textwrap import dedent, indent
from typing import Any

from alembic.autogenerate import render_op_text, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ExecuteSQLOp, MigrateOperation

from kit._internal.migrations.rendering import escape_colons

# What fits into a line of 100 columns, behind `    op.execute("`.
LONGEST = 80


class AutocommitOp(MigrateOperation):
    """Runs operations outside of a transaction: CREATE INDEX CONCURRENTLY refuses one."""

    def __init__(self, ops: Sequence[MigrateOperation]) -> None:
        self.ops = list(ops)


class CommentOp(MigrateOperation):
    """Writes comments, such as `# db-lint: allow renaming-column: no release runs`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CommentOp):
            return NotImplemented
        return other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class NothingOp(CommentOp):
    """Comments why a downgrade has nothing to undo."""


class CallOp(MigrateOperation):
    """Calls a function of kit, such as require_backfill() of kit.revisions."""

    def __init__(
        self,
        function: str,
        *args: object,
        module: str = "kit.revisions",
        **kwargs: object,
    ) -> None:
        self.function = function
        self.args = args
        self.module = module
        self.kwargs = kwargs

    @property
    def is_guard(self) -> bool:
        """Whether it raises if the revision may not run yet."""
        return self.function.startswith("require_")

    def __str__(self) -> str:
        arguments = [repr(value) for value in self.args]
        arguments += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.function}({', '.join(arguments)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CallOp):
            return NotImplemented
        return (other.module, str(other)) == (self.module, str(self))

    def __hash__(self) -> int:
        return hash((self.module, str(self)))


class SqlOp(ExecuteSQLOp):
    """Executes SQL, which is written into the revision over several lines if it is long."""


def sql(text: str) -> SqlOp:
    """Return an operation that executes SQL, which may have parameters' colons in it."""
    return SqlOp(escape_colons(dedent(text).strip("\n")))


def statement(*clauses: str) -> SqlOp:
    """Return an operation that executes a statement: in one line, or with a line per clause."""
    present = [clause for clause in clauses if clause]
    line = " ".join(present)
    if len(line) <= LONGEST:
        return sql(line)
    return sql("\n  ".join(present))


@renderers.dispatch_for(AutocommitOp)
def render_autocommit(context: AutogenContext, operation: AutocommitOp) -> str:
    lines = ["with op.get_context().autocommit_block():"]
    lines += [indent(render_op_text(context, step), "    ") for step in operation.ops]
    # As one text: Alembic's printer would indent only the first line of each operation.
    return "\n".join(lines)


@renderers.dispatch_for(CommentOp)
def render_comment(_context: AutogenContext, operation: CommentOp) -> str:
    return indent(operation.text, "# ", lambda _: True)


@renderers.dispatch_for(NothingOp)
def render_nothing(_context: AutogenContext, operation: NothingOp) -> str:
    return indent(operation.text, "# ", lambda _: True) + "\npass"


@renderers.dispatch_for(CallOp)
def render_call(context: AutogenContext, operation: CallOp) -> str:
    context.imports.add(f"from {operation.module} import {operation.function}")
    return str(operation)


@renderers.dispatch_for(SqlOp)
def render_sql(_context: AutogenContext, operation: SqlOp) -> str:
    text: Any = operation.sqltext
    if "\n" not in text and len(text) <= LONGEST:
        return f"op.execute({text!r})"
    if "\\" in text or '"""' in text:
        text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'op.execute("""\n{indent(text, "    ")}\n""")'
