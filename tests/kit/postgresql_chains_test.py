"""Chains of revisions: the order of their parts, and how they are written."""

import shlex
from pathlib import Path

import pytest
from alembic.autogenerate import render_op_text
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import DowngradeOps, MigrateOperation, MigrationScript, UpgradeOps
from alembic.runtime.migration import MigrationContext

from kit._internal.migrations.guards import Backfill
from kit._internal.postgresql.safe.chain import Part, Phase, suffixed, write_chain
from kit._internal.postgresql.safe.docstrings import add_paragraphs, allow_long_lines, explain
from kit._internal.postgresql.safe.operations import (
    AutocommitOp,
    CallOp,
    CommentOp,
    NothingOp,
    sql,
    statement,
)
from kit._internal.postgresql.safe.reasons import Reason, merge_reasons

WIDTH = 100
MESSAGE = "add it"


def new_script(message: str = MESSAGE) -> MigrationScript:
    return MigrationScript(
        "aaaaaaaaaaaa",
        UpgradeOps([], upgrade_token="upgrades"),
        DowngradeOps([], downgrade_token="downgrades"),
        message=message,
        head="head",
        branch_label="mine",
    )


def part(phase: Phase, name: str, *upgrade: MigrateOperation) -> Part:
    """Return a part that executes its name, after these operations."""
    return Part(phase, f"title {name}", [*upgrade, sql(name)], [sql(f"undo {name}")])


def render(operation: MigrateOperation, *, imports: set[str] | None = None) -> str:
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"target_metadata": None, "sqlalchemy_module_prefix": "sa."}
    )
    autogen = AutogenContext(context, autogenerate=False)
    text = render_op_text(autogen, operation)
    if imports is not None:
        imports.update(autogen.imports)
    return text


def executed(operations: MigrateOperation | None) -> list[str]:
    assert isinstance(operations, UpgradeOps | DowngradeOps)
    return [render(operation) for operation in operations.ops]


def test_parts_of_a_phase_are_one_revision_and_indexes_are_alone() -> None:
    chain = write_chain(
        new_script(),
        [
            part(Phase.VALIDATE, "v"),
            part(Phase.INDEX, "i1"),
            part(Phase.EXPAND, "e1"),
            part(Phase.INDEX, "i2"),
            part(Phase.EXPAND, "e2"),
        ],
    )
    assert [script.message for script in chain] == [
        MESSAGE,
        f"{MESSAGE}: title i1",
        f"{MESSAGE}: title i2",
        f"{MESSAGE}: title v",
    ]
    assert executed(chain[0].upgrade_ops) == ["op.execute('e1')", "op.execute('e2')"]
    assert executed(chain[0].downgrade_ops) == ["op.execute('undo e2')", "op.execute('undo e1')"]


def test_each_revision_follows_the_one_before() -> None:
    chain = write_chain(new_script(), [part(Phase.EXPAND, "e"), part(Phase.ATTACH, "a")])
    first, second = chain
    assert (first.rev_id, first.head, first.branch_label) == ("aaaaaaaaaaaa", "head", "mine")
    assert (second.head, second.branch_label) == ("aaaaaaaaaaaa", None)
    assert second.rev_id not in {None, first.rev_id}
    assert write_chain(new_script(), []) == []


def test_guards_and_comments_come_once() -> None:
    guard = CallOp("require_unused", "users", "phone")
    comment = CommentOp("db-lint: allow ban-drop-column: unused")
    chain = write_chain(
        new_script(),
        [part(Phase.CONTRACT, "a", comment, guard), part(Phase.CONTRACT, "b", comment, guard)],
    )
    assert executed(chain[0].upgrade_ops) == [
        "require_unused('users', 'phone')",
        "# db-lint: allow ban-drop-column: unused",
        "op.execute('a')",
        "op.execute('b')",
    ]


def test_nothing_is_written_only_if_nothing_else_is() -> None:
    nothing = Part(Phase.VALIDATE, "n", [sql("n")], [NothingOp("no rollback")])
    alone = write_chain(new_script(), [nothing, nothing])
    assert executed(alone[0].downgrade_ops) == ["# no rollback\npass"]
    other = write_chain(new_script(), [nothing, part(Phase.VALIDATE, "v")])
    assert executed(other[0].downgrade_ops) == ["op.execute('undo v')"]


def test_message_that_would_be_too_long_ends_with_the_phase() -> None:
    parts = [part(Phase.EXPAND, "e"), part(Phase.TIGHTEN_SET, "t" * 80)]
    chain = write_chain(new_script("a message of some length"), parts)
    assert chain[1].message == "a message of some length: tighten set"


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (AutocommitOp([sql("a"), sql("b")]), "op.execute('a')\n    op.execute('b')"),
        (CommentOp("a\nb"), "# a\n# b"),
        (sql("SELECT ':a', '::b', b::int"), r"""op.execute("SELECT '\\:a', '::b', b::int")"""),
        (sql("a\n  b"), 'op.execute("""\n    a\n      b\n""")'),
        (sql('a\n"""\\'), 'op.execute("""\n    a\n    \\"\\"\\"\\\\\n""")'),
        (statement("a", "", "b"), "op.execute('a b')"),
        (statement("a" * 50, "b" * 50), f'op.execute("""\n    {"a" * 50}\n      {"b" * 50}\n""")'),
    ],
)
def test_operations_are_written_readably(operation: MigrateOperation, text: str) -> None:
    assert render(operation).endswith(text)


def test_call_is_imported() -> None:
    imports: set[str] = set()
    call = CallOp("require_backfill", "users", where="a IS NULL")
    assert render(call, imports=imports) == "require_backfill('users', where='a IS NULL')"
    assert imports == {"from kit.revisions import require_backfill"}


def test_reasons_that_differ_in_names_are_merged() -> None:
    lock = "This takes EXCLUSIVE on {}."
    reasons = [Reason(lock, "a", "b"), "Alone.", Reason(lock, "b", "c"), "Alone."]
    assert merge_reasons(reasons) == ["This takes EXCLUSIVE on a, b and c.", "Alone."]


def test_long_names_are_shortened_and_stay_distinct() -> None:
    assert suffixed("ix_users_name", "_new") == "ix_users_name_new"
    names = {suffixed("x" * 59 + end, "_new") for end in ("é1", "é2")}
    assert len(names) == 2
    for name in names:
        assert len(name.encode()) <= 63
        assert name.endswith("_new")


def test_reasons_are_paragraphs_of_the_docstring() -> None:
    words = "word " * 30
    source = '"""add it\n\nRevision ID: a\n"""\n\nrevision = "a"\n'
    changed = add_paragraphs(source, [words, 'a "quoted" \\ name'])
    assert changed.startswith('"""add it\n\nword word')
    assert '\n\na "quoted" \\\\ name\n\nRevision ID: a\n"""\n' in changed
    assert max(map(len, changed.splitlines())) <= WIDTH


@pytest.mark.parametrize("length", [5, 70])
def test_command_can_be_copied_from_the_docstring(length: int) -> None:
    backfill = Backfill("users", f"name = '{'x' * length}'", 'name IS NULL OR "n n" = 1')
    reason = f"{'word ' * 15}fill them: {backfill.command()}"
    changed = add_paragraphs('"""add it"""\n', ["First.", reason, "Last."])
    assert max(map(len, changed.splitlines())) <= WIDTH
    paragraphs = changed.split("\n\n")
    assert paragraphs[2].endswith("fill them:")
    assert shlex.split(paragraphs[3].replace("\\\n", "")) == shlex.split(backfill.command())
    assert paragraphs[4].startswith("Last.")


@pytest.mark.parametrize(
    ("comment", "text"), [("", "a" * 120), ("long" * 30, "a"), ("short", "a"), ("", "a\n")]
)
def test_line_that_cannot_be_broken_is_allowed(comment: str, text: str) -> None:
    source = f'"""add it\n\nWhy.\n"""\n\n# {comment}\nSQL = {text!r}\n'
    expected = len(comment + text) > WIDTH
    assert ("# ruff: noqa: E501" in allow_long_lines(source)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""add it"""\n', '"""add it\n\nWhy.\n"""\n'),
        ('revision = "a"\n', 'revision = "a"\n'),
    ],
)
def test_own_templates_of_revisions_are_supported(source: str, expected: str) -> None:
    assert add_paragraphs(source, ["Why."]) == expected


def test_only_revisions_with_reasons_are_changed(tmp_path: Path) -> None:
    path = tmp_path / "revision.py"
    source = '"""add it"""\n\nrevision: str = "a"\n    # ### end Alembic commands ###\n'
    path.write_text(source, "utf-8")
    explain(str(path), {"reasons": {"b": ["Why."]}})
    assert path.read_text("utf-8") == source
    explain(str(path), {"reasons": {"a": ["Why."]}})
    assert path.read_text("utf-8") == '"""add it\n\nWhy.\n"""\n\nrevision: str = "a"\n'
