"""Revisions and models of any number, to measure commands of Alembic with them."""

from harness.project import FIRST, Project
from harness.working_copy import REVISION

MODEL = """

class Table{number}(UUIDKey, Base):
    __tablename__ = "table_{number}"

    name: Mapped[str] = mapped_column(String(100), index=True)
    number: Mapped[int]
    is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    other_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
"""
MODELS = '''"""Tables to compare."""

from uuid import UUID

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import UUIDKey
'''
FUNCTIONS = """
def upgrade() -> None:
    op.{upgrade}


def downgrade() -> None:
    op.{downgrade}
"""
ADD = 'add_column("users", sa.Column("measured", sa.Integer()))'
DROP = 'drop_column("users", "measured")'
NOTHING = 'execute("SELECT 1")'

# The texts of revisions by the names of their files.
RevisionFiles = dict[str, str]


def revision_chain(project: Project, number: int) -> RevisionFiles:
    """Return that many revisions, the first of which is the template's.

    They add a column and drop it again, so that the models stay the same.
    """
    first = next((project.folder / "migrations/versions").glob("*-create_users.py"))
    files = {first.name: first.read_text("utf-8")}
    previous = FIRST
    for count in range(1, number):
        steps = FUNCTIONS.format(upgrade=DROP, downgrade=ADD)
        if count % 2:
            steps = FUNCTIONS.format(upgrade=ADD, downgrade=DROP)
        if count % 2 and count == number - 1:
            steps = FUNCTIONS.format(upgrade=NOTHING, downgrade=NOTHING)
        revision = f"{count:012x}"
        header = REVISION.format(title=f"step {count}", revision=revision, after=previous)
        files[f"2026_02_01_{count:06}-step.py"] = header + steps
        previous = revision
    return files


def write_models(project: Project, number: int) -> None:
    """Add models of that many tables to the project, instead of those added before."""
    text = MODELS
    for table in range(number):
        text += MODEL.format(number=table)
    (project.folder / "app/models/measured.py").write_text(text, "utf-8")
    init = project.folder / "app/models/__init__.py"
    line = "from app.models import measured  # noqa: F401\n"
    init.write_text(init.read_text("utf-8").replace(line, "") + line, "utf-8")
