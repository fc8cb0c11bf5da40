"""Guards of revisions: which revisions wait, what the code needs, and throwaway databases."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from httpx import AsyncClient
from sqlalchemy import URL, Column, Connection, Integer, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.kit.support import SERVICE, serve, settings_for
from kit._internal.health import readiness
from kit._internal.migrations.guards import THROWAWAY, Backfill, Removal, quote
from kit._internal.migrations.waiting import CodeRevisions
from kit._internal.testing.queries import run
from kit._internal.testing.rows import fill_in
from kit.models import unused
from kit.revisions import require_backfill
from kit.testing import assert_problem, client_of, only

GUARD = "from kit.revisions import require_unused"
REVISION = """
{imports}
revision = {revision!r}
down_revision = {after!r}

def upgrade(): pass
def downgrade(): pass
"""


def code_of(folder: Path, *revisions: tuple[str, object, bool]) -> CodeRevisions:
    """Return the revisions of a folder: each an id, what it follows, and whether it waits."""
    versions = folder / "versions"
    versions.mkdir()
    for revision, after, waits in revisions:
        imports = GUARD if waits else ""
        source = REVISION.format(imports=imports, revision=revision, after=after)
        (versions / f"{revision}.py").write_text(source, "utf-8")
    return CodeRevisions(ScriptDirectory(str(folder)))


def waiting(code: CodeRevisions) -> list[str]:
    return [script.revision for script in code.waiting]


def test_last_revisions_wait(tmp_path: Path) -> None:
    code = code_of(
        tmp_path, ("a", None, False), ("b", "a", False), ("c", "b", True), ("d", "c", True)
    )
    assert (code.needed, waiting(code)) == ({"b"}, ["c", "d"])
    answers = {head: code.suffices([head]) for head in "abcd"}
    assert answers == {"a": False, "b": True, "c": True, "d": True}
    assert not code.suffices([])
    assert not code.suffices(["newer"])


def test_revision_before_another_is_needed(tmp_path: Path) -> None:
    code = code_of(tmp_path, ("a", None, False), ("b", "a", True), ("c", "b", False))
    assert (code.needed, waiting(code)) == ({"c"}, [])
    assert not code.suffices(["b"])


def test_branches(tmp_path: Path) -> None:
    """The revision that both follow is needed by the one that does not wait."""
    code = code_of(
        tmp_path, ("a", None, True), ("b", "a", True), ("c", "a", False), ("d", ("b", "c"), True)
    )
    assert waiting(code) == ["b", "d"]
    assert code.suffices(["c"])
    assert code.suffices(["b", "c"])
    assert not code.suffices(["b"])


def test_no_revision_is_needed(tmp_path: Path) -> None:
    assert code_of(tmp_path).suffices([])


@pytest.mark.parametrize(("head", "is_ready"), [("a", False), ("b", True), ("c", True)])
async def test_readiness(
    own_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str, *, is_ready: bool
) -> None:
    code = code_of(tmp_path, ("a", None, False), ("b", "a", False), ("c", "b", True))
    monkeypatch.setattr(readiness, "code_revisions", lambda _section: code)
    readiness.expected_revisions.cache_clear()
    async with serve(settings_for(own_url)) as app, client_of(app) as client:
        check = only(app.readiness_checks)
        async with app.state.database.write_sessions.begin() as session:
            statement = text("UPDATE alembic_version SET version_num = :head")
            await session.execute(statement, {"head": head})
        await expect_ready(client, is_ready=is_ready)
    expected = head if is_ready else "b"
    assert (check.applied, check.expected) == ((head,), (expected,))
    assert check.expected_heads((head,)) == {expected}
    readiness.expected_revisions.cache_clear()


async def expect_ready(client: AsyncClient, *, is_ready: bool) -> None:
    response = await client.get("/health/ready")
    if is_ready:
        assert response.status_code == 200
        return
    problem = assert_problem(response, 503, "not-ready")
    assert "this code needs b." in problem["detail"]


def configured(connection: Connection, attributes: dict[str, object]) -> MigrationContext:
    context = MigrationContext.configure(connection)
    config = Config(attributes=attributes)
    context.environment_context = type("Environment", (), {"config": config})()
    return context


def require_numbers(connection: Connection, value: str, attributes: dict[str, object]) -> list[int]:
    """Call the guard for a table with two rows, one of them without a number; return numbers."""
    connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, number INTEGER)"))
    connection.execute(text("INSERT INTO things VALUES (1, NULL), (2, 7)"))
    with Operations.context(configured(connection, attributes)):
        require_backfill("things", set=f"number = {value}", where="number IS NULL")
    return list(connection.scalars(text("SELECT number FROM things ORDER BY id")))


async def numbers_of(url: URL, value: str, attributes: dict[str, object]) -> list[int]:
    numbers: list[int] = await run(
        SERVICE, url, lambda connection: require_numbers(connection, value, attributes)
    )
    return numbers


async def test_rows_are_required(own_url: URL) -> None:
    with pytest.raises(CommandError, match='make db-backfill table=things set="number = 5"'):
        await numbers_of(own_url, "5", {})


async def test_rows_of_a_throwaway_database_are_changed(own_url: URL) -> None:
    assert await numbers_of(own_url, "5", {THROWAWAY: True}) == [5, 7]


async def test_unknown_value_is_made_up(own_url: URL) -> None:
    numbers: Sequence[int | None] = await numbers_of(own_url, "...", {THROWAWAY: fill_in})
    assert None not in numbers


async def test_unknown_value_is_not_made_up_elsewhere(own_url: URL) -> None:
    with pytest.raises(CommandError, match=r"with a value instead of \.\.\.: make db-backfill"):
        await numbers_of(own_url, "...", {THROWAWAY: True})


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("users", "users"),
        ("a = b", '"a = b"'),
        ("a = 'b'", "\"a = 'b'\""),
        ("$5", "'$5'"),
        ('"User"', "'\"User\"'"),
    ],
)
def test_words_of_the_shell(value: str, word: str) -> None:
    assert quote(value) == word


def test_key_is_part_of_the_command() -> None:
    backfill = Backfill("billing.users", "a = 1", "a IS NULL", "number")
    expected = 'make db-backfill table=billing.users set="a = 1" where="a IS NULL" key=number'
    assert backfill.command() == expected


def test_unused_column_is_in_the_table_only() -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "unused_things"
        id: Mapped[int] = mapped_column(Integer, primary_key=True)

    unused(Thing, Column("former", String(20)))
    assert "former" in Base.metadata.tables["unused_things"].columns
    assert "former" not in Thing.__mapper__.columns


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Sales.Order Lines.Total, in %", True),
        ("teams,Sales.Order Lines.Total, in % users", True),
        ("Sales.Order Lines", False),
        ("Sales.Order Lines.Total, in %s", False),
        ("Sales_Order Lines.Total, in %", False),
        ("", False),
    ],
)
def test_column_to_drop_is_named(names: str, *, expected: bool) -> None:
    assert Removal("Sales.Order Lines", "Total, in %").is_named(names) == expected
