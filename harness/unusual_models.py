"""Models with types, defaults, keys and names that autogenerate alone does not handle."""

from harness.project import Project
from harness.working_copy import add_file

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
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import *
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column
from vectors import Vector

from uuid import UUID  # SQLAlchemy has one, too.

from app.models.base import Base
from kit.models import ExactDecimal, TextEnum, Timestamped, UUIDKey


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


class Color(StrEnum):
    RED = "red"


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
    "percent_in_sql": default("text(\"'50%'\")"),
    "colon_in_sql": default(r"""text("'see \\:name'")"""),
    "exact": column("ExactDecimal(10, 2)"),
    "exact_by_default": default(
        'literal(Decimal("-1.50"), ExactDecimal(10, 2))', "ExactDecimal(10, 2)"
    ),
    "enum_of_text": default("text(\"'red'\")", "TextEnum(Color)"),
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
        "array_of_exact": column("postgresql.ARRAY(ExactDecimal(10, 2))"),
        "array_of_enum": default("text(\"'{}'\")", "postgresql.ARRAY(TextEnum(Color))"),
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


def add_models(project: Project, models: str) -> None:
    """Add classes of models to a project, with the types that they use."""
    for name, text in PACKAGE.items():
        add_file(project, name, text)
    add_file(project, "app/models/cases.py", HEAD + models)
    with (project.folder / "app/models/__init__.py").open("a") as file:
        file.write("from app.models import cases\n")


def model(name: str, body: str) -> str:
    """Return the class of a table's model; most have a key by default."""
    bases = "UUIDKey, Base"
    if name in OWN_KEYS:
        bases = "Base"
    return (
        f'\n\nclass {name.capitalize()}Model({bases}):\n    __tablename__ = "{name}"\n    {body}\n'
    )
