"""What the models say is what a revision says: it runs, back and forth, and leaves nothing to do."""

import re
from pathlib import Path

import pytest

from harness.databases import Server
from harness.output import lines_with
from harness.processes import only
from harness.project import Project
from harness.releases import edit
from harness.template import DATABASES
from harness.unusual_models import CASES, ONLY, add_models, column, default, model
from harness.working_copy import Revise

# What has to stand in the revision.
TYPES = {
    "postgresql": {
        "interval": "sa.Interval()",
        "decorated_twice": "sa.Numeric(precision=10, scale=2)",
        "extended": "sa.Numeric(precision=8, scale=3)",
        "chosen_by_dialect": "sa.UUID()",
        "document": "postgresql.JSONB(astext_type=sa.Text())",
        "variant_of_decorated": "sa.Numeric(precision=12, scale=3)",
        "of_a_package": "vectors.Vector(size=3)",
        "decorated_array": "sa.ARRAY(sa.String(length=20))",
    },
    "sqlite": {
        "interval": "sa.Interval()",
        "decorated_twice": "sa.Numeric(precision=10, scale=2)",
        "extended": "sa.Numeric(precision=8, scale=3)",
        "chosen_by_dialect": "sa.CHAR(length=36)",
        "document": "sa.JSON()",
        "variant": "sa.JSON()",
        "of_a_package": "vectors.Vector(size=3)",
    },
}
USE = """
from datetime import timedelta

from sqlalchemy import insert, select

from app.models.cases import (
    Association_by_argumentsModel, AssociationModel, IntervalModel, Text_keyModel,
)
from app.settings import Settings
from kit._internal.{database}.migrations import connect
from kit.settings import load

for model in (AssociationModel, Association_by_argumentsModel):
    assert list(model.__table__.primary_key.columns.keys()) == ["left_id", "right_id"], model
assert list(Text_keyModel.__table__.columns.keys()) == ["code"]
with connect(load(Settings)) as connection:
    connection.execute(insert(IntervalModel).values(value=timedelta(hours=1)))
    assert connection.scalar(select(IntervalModel.value)) == timedelta(hours=1)
"""


def write_revision(project: Project, url: str) -> Path:
    """Write the revision that the models need; return its path."""
    project.alembic(url, "upgrade", "head")
    project.alembic(url, "revision", "--autogenerate", "-m", "follow the models")
    return project.new_revision


def test_models_revision_and_database_agree(copy: Project, url: str) -> None:
    cases = CASES | ONLY[copy.database]
    add_models(copy, "".join(model(name, body) for name, body in cases.items()))
    text = write_revision(copy, url).read_text("utf-8")
    assert not re.search(r"\b(app|kit)\b", text), "the revision depends on the code of the service"
    for name, kind in TYPES[copy.database].items():
        table = text.partition(f'op.create_table(\n        "{name}",')[2].partition("op.")[0]
        assert f'"value", {kind}' in " ".join(table.split()), f"{name}:\n{table}"
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "downgrade", "-1")
    copy.alembic(url, "upgrade", "head")
    assert "No new upgrade operations" in copy.alembic(url, "check").stdout
    script = USE.format(database=copy.database)
    copy.run("python", "-c", script, env={"DATABASE_URL": url})


def test_changed_default_is_found(copy: Project, url: str) -> None:
    add_models(
        copy, model("quote", default('"it\'s"')) + model("number", default('"1"', "Integer"))
    )
    write_revision(copy, url)
    copy.alembic(url, "upgrade", "head")
    models = copy.folder / "app/models/cases.py"
    edit(models, 'server_default="it\'s"', 'server_default="its"')
    edit(models, 'server_default="1"', 'server_default="2"')
    differences = copy.alembic(url, "check", code=None).stdout
    assert "'quote', 'value'" in differences
    assert "'number', 'value'" in differences


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("class Point(UserDefinedType):\n    __repr__ = lambda self: '<point>'\n", "SyntaxError"),
        ("class Point(UserDefinedType):\n    __repr__ = lambda self: 'Point(Metre)'\n", "Metre"),
        ("class Point(UserDefinedType):\n    __repr__ = lambda self: 'Pt()'\n", "has no Pt"),
        ("class Point(UserDefinedType):\n    name = 'point'\n", "it imports app"),
    ],
)
def test_revision_that_cannot_run_is_refused(
    copy: Project, url: str, kind: str, problem: str
) -> None:
    spec = "    cache_ok = True\n    get_col_spec = lambda self, **_: 'TEXT'\n"
    start = "\nfrom sqlalchemy.types import UserDefinedType\n\n\n"
    add_models(copy, start + kind + spec + model("points", column("Point()")))
    copy.alembic(url, "upgrade", "head")
    command = ("revision", "--autogenerate", "-m", "add points")
    done = copy.alembic(url, *command, code=None)
    line = only(lines_with(done.stdout, "FAILED"))
    assert problem in line
    assert "correct or delete it" in line


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_name_that_is_too_long_is_refused(copy: Project, url: str) -> None:
    name = "i" * 64
    add_models(
        copy,
        model("points", f'value: Mapped[int]\n    __table_args__ = (Index("{name}", "value"),)'),
    )
    copy.alembic(url, "upgrade", "head")
    assert copy.alembic(url, "check", code=255).stdout.strip() == (
        f"FAILED: {name} in points has 64 characters, the database takes 63: give it a shorter name"
    )


FOREIGN = {
    "postgresql": [
        "CREATE TABLE measures (day date NOT NULL) PARTITION BY RANGE (day)",
        "CREATE TABLE measures_2026 PARTITION OF measures DEFAULT",
        "CREATE TABLE spatial_ref_sys (id integer)",
        "ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys",
    ],
    "sqlite": ["CREATE VIRTUAL TABLE words USING fts5(text)", "CREATE TABLE measures (day date)"],
}


def test_tables_of_others_are_left_alone(copy: Project, server: Server, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    for statement in [*FOREIGN[copy.database], "CREATE TABLE celery_taskmeta (id integer)"]:
        server.query(url, statement)
    differences = copy.alembic(url, "check", code=None).stdout
    removed = set(re.findall(r"remove_table', Table\('(\w+)'", differences))
    assert removed == {"measures", "celery_taskmeta"}
    edit(copy.folder / "alembic.ini", "exclude_tables =", "exclude_tables = celery_*, measures")
    copy.alembic(url, "check")


def test_names_of_constraints_are_those_of_the_models(
    copy: Project, server: Server, url: str, revise: Revise
) -> None:
    """Also where a command does not compare them: a new database gets what the deployed one has."""
    base = copy.folder / "app/models/base.py"
    own = 'MetaData(naming_convention={**NAMING_CONVENTION, "uq": "%(table_name)s_unique"})'
    edit(base, "MetaData(naming_convention=NAMING_CONVENTION)", own)
    body = """
def upgrade() -> None:
    op.create_table("orders", sa.Column("number", sa.Integer(), unique=True))


def downgrade() -> None:
    op.drop_table("orders")
"""
    revise("aaaaaaaaaaaa", body)
    copy.alembic(url, "upgrade", "head")
    assert "orders_unique" in str(server.schema(url))


MESSAGES = [
    '"""; import os; os.abort()',
    'ends in "quote"',
    r"\N{x and \u12 and a trailing \ ".strip(),
    "two\nlines",
    "50% of $HOME, it's größer",
    "\u202eright to left",
]


@pytest.mark.parametrize("project", DATABASES[:1], indirect=True)
def test_any_message_can_be_read_back(copy: Project, url: str) -> None:
    for message in MESSAGES:
        copy.alembic(url, "revision", "-m", message)
    history = copy.alembic(url, "history").stdout
    for message in MESSAGES:
        shown = " ".join(message.replace("\u202e", "").split())
        assert f", {shown}\n" in history
    copy.run("ruff", "check", "migrations")
