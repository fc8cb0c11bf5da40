"""A generated project in a git repository, and revisions written into it."""

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

from harness.processes import IDENTITY
from harness.project import FIRST, Project
from harness.releases import edit

# git without the settings of this machine.
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": "/dev/null", **IDENTITY}
REVISION = '''"""{title}

Revision ID: {revision}
Revises: {after}
Create Date: 2026-01-02 00:00:00+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "{revision}"
down_revision: str | Sequence[str] | None = "{after}"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

'''
STEPS = """
def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
"""

# Writes a revision with an id and a body; returns its file.
Revise = Callable[..., Path]

# A column of the model of users.
PHONE_NUMBER = "    phone_number: Mapped[str | None]\n"
# The body of a revision that creates a table.
CREATE_TABLE = """
def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("{table}")
"""

# PostgreSQL builds it without blocking reads and writes, outside of any transaction.
CONCURRENT_INDEX = """
def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_users_name", "users", ["name"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_users_name", "users", postgresql_concurrently=True, if_exists=True)
"""


def git(project: Project, *arguments: str) -> str:
    return project.run("git", *arguments, env=ENVIRONMENT).stdout.strip()


def commit(project: Project, message: str = "Change it") -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", message)


def init_repository(project: Project) -> Project:
    """Create a git repository in the project's folder, with the project in the first commit."""
    git(project, "init", "--quiet", "--initial-branch", "main")
    # Here .venv is a link to a shared environment; the pattern in .gitignore covers folders only.
    (project.folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    commit(project, "Start")
    return project


def without_git(project: Project) -> str:
    """Return a PATH without git: a folder with links to the programs that targets of make need."""
    folder = project.folder.parent / "programs"
    folder.mkdir()
    for program in ("make", "sh", "sed", "awk", "false"):
        (folder / program).symlink_to(str(shutil.which(program)))
    return str(folder)


def indented(code: str) -> str:
    return textwrap.indent(code.strip(), "    ")


def write_revision(
    project: Project, revision: str, body: str, after: str = FIRST, title: str | None = None
) -> Path:
    """Write a revision with this body. Files sort in the order of the revision ids."""
    path = project.folder / f"migrations/versions/2026_01_02_0000-{revision}.py"
    title = title or f"revision {revision}"
    header = REVISION.format(title=title, revision=revision, after=after)
    path.write_text(header + body, "utf-8")
    return path


def revise(
    project: Project,
    revision: str,
    upgrade: str,
    downgrade: str = 'op.execute("SELECT 1")',
    after: str = FIRST,
    title: str | None = None,
) -> Path:
    """Write a revision with these steps."""
    body = STEPS.format(upgrade=indented(upgrade), downgrade=indented(downgrade))
    return write_revision(project, revision, body, after, title)


def add_column(project: Project, revision: str, column: str, after: str = FIRST) -> Path:
    """Write a revision that adds a nullable column to `users`, which is always safe."""
    return revise(
        project,
        revision,
        f'op.add_column("users", sa.Column("{column}", sa.Integer()))',
        f'op.drop_column("users", "{column}")',
        after,
        f"add {column}",
    )


def add_phone_number(project: Project) -> None:
    """Add the column `phone_number` to the model of users, without a revision."""
    edit(project.folder / "app/models/user.py", "    is_active: ", f"{PHONE_NUMBER}    is_active: ")


def add_file(project: Project, name: str, text: str) -> None:
    """Write a file of a project, with the folders that it is in."""
    path = project.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
