"""What the models say is what a revision says: it runs, back and forth, and leaves nothing to do."""

import re
from pathlib import Path

import pytest

from harness.databases import Server
from harness.processes import only
from harness.project import Project
from harness.releases import edit
from harness.template import DATABASES
from harness.working_copy import Revise

# A package with a type of its own: where the class is defined is not where users import it.
PACKAGE = {
    "vectors/__init__.py": "from vectors.inner import Vector\n",
    "vectors/inner.py": """
from sqlalchemy.types import UserDefinedType


class Vector(UserDefinedType):
    cache_ok = True

    def __init__(self, size=None):
        self.size = size

    def get_col_spec(self, **_):
        return "TEXT"

    def __repr__(self):
        return f"Vector(size={self.size})"
""",
}
HEAD = """
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import *
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column
from vectors import Vector

from uuid import UUID  # SQLAlchemy has one, too.

from app.models.base import Base
from kit.models import Timestamped, UUIDKey


class Amount(TypeDecorator):
    impl = Numeric(10, 2)
    cache_ok = True


class NestedAmount(TypeDecorator):
    impl = Amount()
    cache_ok = True


class Document(TypeDecorator):
    impl = postgresql.JSONB
    cache_ok = True

    def load_dialect_impl(self, dialect):
        return postgresql.JSONB() if dialect.name == "postgresql" else JSON()


class Labels(TypeDecorator):
    impl = ARRAY(String(20))
    cache_ok = True


class Identifier(TypeDecorator):
    impl = CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect):
        kind = postgresql.UUID() if dialect.name == "postgresql" else CHAR(36)
        return dialect.type_descriptor(kind)


class Embedding(TypeDecorator):
    impl = Vector(3)
    cache_ok = True


class Fraction(Numeric):
    pass


class Choice(TypeDecorator):
    impl = Enum("a", "b", native_enum=False, length=10)
    cache_ok = True


IntegerKey = Annotated[int, mapped_column(primary_key=True)]
"""


def column(kind: str) -> str:
    return f"value: Mapped[Any] = mapped_column({kind})"


def default(text: str, kind: str = "String(40)") -> str:
    return column(f"{kind}, server_default={text}")


# A table for each, whose name is that of the case: what is in the class.
CASES = {
    "interval": "value: Mapped[timedelta]",
    "optional_interval": "value: Mapped[timedelta | None]",
    "pickle": column("PickleType"),
    "decorated": column("Amount"),
    "decorated_twice": column("NestedAmount"),
    "decorated_enum": column("Choice"),
    "extended": column("Fraction(8, 3)"),
    "chosen_by_dialect": column("Identifier"),
    "document": column("Document"),
    "variant": column('JSON().with_variant(postgresql.JSONB(), "postgresql")'),
    "variant_of_decorated": column('Amount().with_variant(Numeric(12, 3), "postgresql")'),
    "of_a_package": column("Vector(3)"),
    "decorated_of_a_package": column("Embedding"),
    "binary": column("LargeBinary"),
    "quote": default('"it\'s"'),
    "quoted": default("\"'quoted'\""),
    "percent": default('"50%"'),
    "placeholder": default('"%(name)s 100%%"'),
    "colon": default('"see :name"'),
    "backslash": default(r'"a\\b"'),
    "empty": default('""'),
    "parentheses": default('"(x)"'),
    "line": default(r'"a\nb"'),
    "quote_in_sql": default("text(\"'it''s'\")"),
    "number": default('"-1"', "Integer"),
    "decimal": default('"0"', "Numeric(10, 2)"),
    "boolean": default('text("true")', "Boolean"),
    "json": default("'{\"a\": 1}'", "JSON"),
    "time": default('text("CURRENT_TIMESTAMP")', "DateTime(timezone=True)"),
    "left": "name: Mapped[str]",
    "right": "name: Mapped[str]",
    "text_key": "code: Mapped[str] = mapped_column(String(2), primary_key=True)",
    "annotated_key": "id: Mapped[IntegerKey]",
    "association": """left_id: Mapped[UUID] = mapped_column(
        ForeignKey("left.id"), primary_key=True
    )
    right_id: Mapped[UUID] = mapped_column(ForeignKey("right.id"), primary_key=True)""",
    "association_by_arguments": """left_id: Mapped[UUID]
    right_id: Mapped[UUID]
    __table_args__ = (PrimaryKeyConstraint("left_id", "right_id"),)""",
    "a_table_with_a_name_so_long_that_constraints_exceed_the_limit": """value: Mapped[int]
    unique_value: Mapped[int] = mapped_column(unique=True)
    indexed_value: Mapped[int] = mapped_column(index=True)
    reference_id: Mapped[UUID] = mapped_column(ForeignKey("left.id"))
    __table_args__ = (
        CheckConstraint("value > 0", name="is_a_number_greater_than_zero"),
        CheckConstraint("value < 9", name="is_a_number_greater_than_nothing"),
    )""",
}
ONLY = {
    "postgresql": {
        "array_of_decorated": column("postgresql.ARRAY(Amount())"),
        "decorated_array": column("Labels"),
        "array_of_documents": column("postgresql.ARRAY(postgresql.JSONB)"),
        "search": column("postgresql.TSVECTOR"),
        "range": column("postgresql.INT4RANGE"),
        "document_by_default": default("text(\"'{}'::jsonb\")", "postgresql.JSONB"),
        "interval_by_default": default('"1 day"', "Interval"),
        "array_by_default": default('"{}"', "ARRAY(String)"),
        "function": default('text("gen_random_uuid()")', "Uuid"),
        "identity": column("Integer, Identity()"),
    },
    "sqlite": {},
}
OWN_KEYS = {"text_key", "annotated_key", "association", "association_by_arguments"}
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


def add_models(project: Project, models: str) -> None:
    for name, text in PACKAGE.items():
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    (project.folder / "app/models/cases.py").write_text(HEAD + models, "utf-8")
    with (project.folder / "app/models/__init__.py").open("a") as file:
        file.write("from app.models import cases\n")


def model(name: str, body: str) -> str:
    bases = "Base" if name in OWN_KEYS else "UUIDKey, Base"
    return (
        f'\n\nclass {name.capitalize()}Model({bases}):\n    __tablename__ = "{name}"\n    {body}\n'
    )


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
    for revision in ("head", "-1", "head"):
        copy.alembic(url, *(("downgrade", "-1") if revision == "-1" else ("upgrade", "head")))
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
    found = copy.alembic(url, "check", code=None).stdout
    assert "'quote', 'value'" in found
    assert "'number', 'value'" in found


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
    message = copy.alembic(url, *command, code=None).stdout
    line = only([line for line in message.splitlines() if line.startswith("FAILED")])
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
    found = copy.alembic(url, "check", code=None).stdout
    removed = set(re.findall(r"remove_table', Table\('(\w+)'", found))
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
