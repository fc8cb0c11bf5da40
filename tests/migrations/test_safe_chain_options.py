"""Chains with the options of Alembic's command, and with functions of the project."""

from collections.abc import Callable

import pytest

from harness.chains import WRITE, identifier, write_revisions
from harness.project import FIRST, Project
from harness.releases import edit

pytestmark = pytest.mark.seconds(25)

CALL = "run(target_metadata, Settings, process_revision_directives="
COMMAND = """
from alembic import command
from alembic.config import Config

script = command.revision(Config("alembic.ini"), message="add it", autogenerate=True)
print(script.doc)
"""
PROCESS = '''
def add_statement(context, revision, directives):
    """Add an operation of the project to each revision."""
    for script in directives:
        script.upgrade_ops.ops.append(ExecuteSQLOp("SELECT 'of the project'"))
        script.downgrade_ops.ops.append(ExecuteSQLOp("SELECT 'of the project'"))
'''


@pytest.fixture(scope="module")
def project(projects: Callable[..., Project]) -> Project:
    """Return the project of PostgreSQL, the only database with chains."""
    return projects("postgresql")


@pytest.fixture
def changed(copy: Project, url: str) -> Project:
    """Return a migrated project whose models have a new unique constraint: two revisions."""
    copy.alembic(url, "upgrade", "head")
    add_unique_name(copy)
    return copy


def add_unique_name(project: Project) -> None:
    users = project.folder / "app/models/user.py"
    edit(
        users, 'UniqueConstraint("email"),', 'UniqueConstraint("email"), UniqueConstraint("name"),'
    )


def test_messages_that_begin_alike_get_a_file_each(changed: Project, url: str) -> None:
    """Alembic shortens file names: the revisions of a second would replace each other."""
    paths = write_revisions(changed, url, "a message that is longer than forty characters")
    assert len(paths) == 2
    assert changed.alembic(url, "heads").stdout == f"{identifier(paths[-1])} (head)\n"


def test_unsafe_is_plain_alembic(changed: Project, url: str) -> None:
    changed.make("db-revision", "m=plain", "unsafe=1", env={"DATABASE_URL": url})
    text = changed.new_revision.read_text("utf-8")
    assert '    op.create_unique_constraint(op.f("uq_users_name"), "users", ["name"])\n' in text
    assert text.startswith('"""plain\n\nRevision ID')


def test_options_of_the_first_revision_are_kept(changed: Project, url: str) -> None:
    options = ("--rev-id=0042", f"--head={FIRST}", "--branch-label=mine")
    changed.alembic(url, *WRITE, "label it", *options)
    paths = sorted(set(changed.revisions) - {changed.revisions[0]})
    assert identifier(paths[0]) == "0042"
    assert changed.alembic(url, "heads").stdout == f"{identifier(paths[1])} (mine) (head)\n"


def test_function_of_the_project_is_called_before(changed: Project, url: str) -> None:
    """What it adds is written; Alembic called from Python writes what it has always written."""
    environment = changed.folder / "migrations/env.py"
    imports = "from alembic.operations.ops import ExecuteSQLOp\n\n"
    edit(environment, "from app.models", f"{imports}from app.models")
    edit(environment, "# The tables", f"{PROCESS.strip()}\n\n\n# The tables")
    edit(environment, "run(target_metadata, Settings", f"{CALL}add_statement")
    paths = write_revisions(changed, url, "add it")
    assert len(paths) == 3
    assert paths[0].read_text("utf-8").count("op.execute(\"SELECT 'of the project'\")") == 2
    for path in paths:
        path.unlink()
    done = changed.run("python", "-c", COMMAND, env={"DATABASE_URL": url})
    assert done.stdout.splitlines()[-1] == "add it"
    assert "op.create_unique_constraint" in changed.new_revision.read_text("utf-8")


def test_function_of_the_project_may_write_nothing(changed: Project, url: str) -> None:
    environment = changed.folder / "migrations/env.py"
    edit(
        environment,
        "run(target_metadata, Settings",
        f"{CALL}lambda *arguments: arguments[2].clear()",
    )
    assert not write_revisions(changed, url, "nothing")
