"""Names, fields and bad input of `make resource`, in a generated project.

Templates are rendered, but not formatted: ruff would take most of the time.
"""

import ast
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from app.models import Base
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.pagination import PageQuery
from kit.project import PROJECT_DIR
from kit.schemas import Input, Output
from pydantic import BaseModel
from scripts.resource import __main__ as command
from scripts.resource import rendering, reserved
from scripts.resource.arguments import build, read_arguments
from scripts.resource.database import HAS_ARRAYS, RESERVED_PREFIX
from scripts.resource.model import ACTIONS, Resource
from scripts.resource.naming import parse_names, snake_case
from scripts.resource.refusal import RefusedError
from scripts.resource.schema import Schema, load_schema

PLURALS = {
    "product": "products",
    "category": "categories",
    "order_line": "order_lines",
    "OrderLine": "order_lines",
    "HTTPRoute": "http_routes",
    "person": "people",
    "sales_person": "sales_people",
    "child": "children",
    "sheep": "sheep",
    "series": "series",
    "equipment": "equipment",
    "status": "statuses",
    "address": "addresses",
    "bus": "buses",
    "analysis": "analyses",
    "criterion": "criteria",
    "mouse": "mice",
    "quiz": "quizzes",
    "gas": "gases",
    "lens": "lenses",
    "leaf": "leaves",
    "oauth2_client": "oauth2_clients",
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema([])


@pytest.fixture(autouse=True)
def _without_ruff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "formatted", dict)


def tree() -> dict[Path, bytes]:
    """Return the project's own files."""
    files = {}
    for folder in ("app", "tests", "migrations"):
        for path in (PROJECT_DIR / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[path] = path.read_bytes()
    return files


@pytest.mark.parametrize("name", PLURALS)
def test_plural_of(name: str) -> None:
    assert parse_names(name, "") == (snake_case(name), PLURALS[name])


def test_typed_plural_wins() -> None:
    assert parse_names("cactus", "cacti") == ("cactus", "cacti")


USUAL = {"name": "product", "fields": "title:string"}
BAD = [
    {},
    {"name": "product"},
    {"fields": "title:string"},
    USUAL | {"name": "products"},
    USUAL | {"name": "people"},
    USUAL | {"name": "class"},
    USUAL | {"name": "type"},
    USUAL | {"name": "user"},
    USUAL | {"name": "index"},
    USUAL | {"name": "base"},
    USUAL | {"name": "exception"},
    USUAL | {"name": "model"},
    USUAL | {"name": "order-line"},
    USUAL | {"name": "1st"},
    USUAL | {"name": "x" * 61},
    USUAL | {"name": "pro\nduct"},
    USUAL | {"plural": "Users!"},
    USUAL | {"plural": "users"},
    USUAL | {"plural": "values"},
    USUAL | {"plural": "settings"},
    USUAL | {"plural": "docs"},
    USUAL | {"plural": f"{RESERVED_PREFIX}products"},
    USUAL | {"parent": "shops"},
    USUAL | {"parent": "products"},
    USUAL | {"only": "list,remove"},
    USUAL | {"only": ","},
    USUAL | {"only": "list", "idempotent": "1"},
    USUAL | {"versioned": "perhaps"},
    USUAL | {"diff": "2"},
    USUAL | {"owner": "1"},
    USUAL | {"fields": "title"},
    USUAL | {"fields": "title:strng"},
    USUAL | {"fields": "order:int"},
    USUAL | {"fields": "registry:json"},
    USUAL | {"fields": "title:string title:text"},
    USUAL | {"fields": "product:references"},
    USUAL | {"fields": "shop:references"},
    USUAL | {"fields": "user:references", "parent": "users"},
    USUAL | {"fields": "a:string(1)\x85b:string(0)\u2028"},
]
if not HAS_ARRAYS:
    BAD.append(USUAL | {"fields": "tags:string[]"})


@pytest.mark.parametrize("arguments", BAD, ids=lambda arguments: repr(arguments)[:60])
def test_bad_input_gets_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: dict[str, str]
) -> None:
    before = tree()
    for name in ("name", "fields", "plural", "parent", "only", "owner", "versioned", "diff"):
        monkeypatch.delenv(name, raising=False)
    for name, value in arguments.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["resource"])
    assert command.main() == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1, output.err
    assert tree() == before


WORDS = [
    "order",
    "line",
    "item",
    "status",
    "sheep",
    "a",
    "b2",
    "person",
    "class",
    "index",
    "client",
]
SNAKE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map("_".join)
NAMES = SNAKE | st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.text(max_size=6)
TYPES = [
    "string",
    "string(40)",
    "text",
    "int",
    "bigint",
    "decimal(6,2)",
    "float",
    "bool",
    "date",
    "datetime",
    "uuid",
    "json",
    "enum(draft,in-progress)",
    "references(users)",
    "references(users,cascade)",
    *(["string(9)[]", "int[]", "datetime[]", "enum(a,b)[]"] if HAS_ARRAYS else []),
]
MODIFIERS = st.sampled_from(["", "?", "^", "@", "?^", "@?"])
DEFAULTS = st.sampled_from(["", "", "", "=0", "=draft", "=true", "=now", "=today", "=[]", "=a.b"])
FIELDS = st.builds("{}:{}{}{}".format, NAMES, st.sampled_from(TYPES), MODIFIERS, DEFAULTS)
SWITCH = st.sampled_from(["", "1"])
ARGUMENTS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "fields": st.lists(FIELDS, min_size=1, max_size=4).map(" ".join),
        "only": st.just("")
        | st.sets(st.sampled_from(ACTIONS), min_size=1).map(sorted).map(",".join),
        "parent": st.sampled_from(["", "users"]),
        "soft_delete": SWITCH,
        "versioned": SWITCH,
        "idempotent": SWITCH,
    }
)


def resource_of(arguments: dict[str, str], schema: Schema) -> Resource:
    return build(read_arguments(arguments), schema)


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(arguments=ARGUMENTS)
def test_what_is_accepted_is_rendered_as_python(schema: Schema, arguments: dict[str, str]) -> None:
    try:
        resource = resource_of(arguments, schema)
    except RefusedError as error:
        assert len(str(error).splitlines()) == 1
        return
    texts = {**rendering.render(resource), "tests/factories.py": rendering.factory_of(resource)}
    for path, text in texts.items():
        compile(text, path, "exec", ast.PyCF_ONLY_AST)
        assert path.isascii()


def public_names(*classes: type) -> Iterator[str]:
    for cls in classes:
        yield from (name for name in dir(cls) if not name.startswith("_"))


def test_attributes_of_models_and_schemas_are_reserved() -> None:
    names = {*public_names(BaseModel, Input, Output, Base), *PageQuery.model_fields}
    assert [name for name in names if not reserved.reason_against_field(name)] == []


def test_words_that_the_database_reserves_are_reserved() -> None:
    """SQLite needs no server; the words of PostgreSQL are compared on PostgreSQL."""
    connection = sqlite3.connect(":memory:")
    words = ["key", "action", "position", "value", *sorted(reserved.SQL)]
    for word in words:
        try:
            connection.execute(f"CREATE TABLE t_{word} ({word} INTEGER)")
            connection.execute(f"SELECT {word} FROM t_{word} ORDER BY {word}")
        except sqlite3.OperationalError:
            assert reserved.reason_against_field(word), word
    connection.close()
