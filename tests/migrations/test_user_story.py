"""How a developer adds a column: edit the model, write the revision, migrate, roll back."""

import ast
import re

import pytest

from harness.databases import Server
from harness.project import Project
from harness.working_copy import add_phone_number

pytestmark = pytest.mark.seconds(15)


def test_add_a_column(copy: Project, server: Server, url: str) -> None:
    copy.make("db-migrate")
    before = server.schema(url)
    add_phone_number(copy)
    copy.make("db-check", code=None)
    copy.make("db-revision", "m=add phone number")
    path = copy.new_revision
    assert re.fullmatch(r"\d{4}_\d\d_\d\d_\d{6}-add_phone_number\.py", path.name)
    copy.make("db-migrate")
    copy.make("db-check")
    assert "phone_number" in str(server.schema(url))
    copy.make("db-rollback")
    assert server.schema(url) == before
    copy.alembic(url, "upgrade", "head")
    copy.script("status")
    copy.alembic(url, "revision", "--autogenerate", "-m", "nothing new")
    assert copy.revisions[-1] == path
    assert len(copy.revisions) == 2
    assert server.query(url, "SELECT phone_number FROM users") == []
    copy.make("db-rollback", "rev=base")
    copy.make("db-migrate", "rev=+1")
    assert "phone_number" not in str(server.schema(url))


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_revision_is_linted_and_typed(copy: Project, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    add_phone_number(copy)
    copy.alembic(url, "revision", "--autogenerate", "-m", "add phone number")
    copy.make("lint")
    copy.make("typecheck")


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize("message", ['it\'s 50% "more" `id` $HOME \\ done', "größer; rm -rf x"])
def test_message_survives(copy: Project, url: str, message: str) -> None:
    """Whatever a message holds, it is the first line of the revision and no command."""
    copy.alembic(url, "upgrade", "head")
    add_phone_number(copy)
    copy.make("db-revision", f"m={message}")
    path = copy.new_revision
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert docstring.splitlines()[0] == message
    copy.run("ruff", "check", path)
    copy.run("ruff", "format", "--check", path)
    assert message in copy.script("graph").stdout
