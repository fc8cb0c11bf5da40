"""Texts of statements in spans: without literals and comments, whatever a developer writes."""

import pytest

from harness.template_modules import load_module

texts = load_module("_internal/telemetry/opentelemetry/statement_texts.py")

LITERALS = [
    "'planted'",
    "'it''s planted'",
    "'planted \\' OR name = '",
    "E'it\\'s planted'",
    "e'planted\\\\'",
    "$$planted$$",
    "$tag$it's $$ planted$tag$",
    "4711",
    "0x4711",
    "4_711.4711e-4711",
    ".4711",
    "-4711",
    "X'4711'",
    "$$planted",
    "'planted",
    "1 -- planted 4711",
    "1 /* planted\n4711 */",
    "1 /* planted",
]


@pytest.mark.parametrize("literal", LITERALS)
@pytest.mark.parametrize("handwritten", [True, False])
def test_literals_and_comments_are_left_out(literal: str, handwritten: bool) -> None:
    statement = f"SELECT id FROM users WHERE name = {literal}"
    name, attributes = texts.describe(statement, handwritten=handwritten)
    assert name == "SELECT users"
    text = attributes["db.query.text"]
    assert text.startswith("SELECT id FROM users WHERE name = ")
    assert "planted" not in text
    assert "4711" not in text


@pytest.mark.parametrize("value", ['"planted"', '"planted 4711"', '"a@planted.com"'])
def test_handwritten_names_in_double_quotes_may_be_values(value: str) -> None:
    """SQLite takes them for values if no column has the name."""
    statement = f"SELECT id FROM users WHERE name = {value}"
    _, attributes = texts.describe(statement, handwritten=True)
    assert attributes["db.query.text"] == "SELECT id FROM users WHERE name = ?"


COMPILED = [
    'SELECT "order"."user" FROM "order" WHERE "order".id = ?',
    "SELECT users_1.id FROM users AS users_1 WHERE users_1.id = $1::UUID AND users_1.n = $12",
    "SELECT a FROM t WHERE a = %(a_1)s AND b = :b_2",
]


@pytest.mark.parametrize("statement", COMPILED)
def test_names_and_parameters_stay(statement: str) -> None:
    _, attributes = texts.describe(statement, handwritten=False)
    assert attributes["db.query.text"] == statement


NAMES = {
    "INSERT INTO users (id) VALUES (?)": "INSERT users",
    'UPDATE "order" SET id = ?': "UPDATE order",
    "DELETE FROM app.users WHERE id = ?": "DELETE app.users",
    "WITH a AS (SELECT 1) SELECT * FROM a": "WITH",
    "BEGIN IMMEDIATE": "BEGIN",
    "  select 1": "SELECT",
    "": "SQL",
    "'planted'": "SQL",
}


@pytest.mark.parametrize("statement", NAMES)
def test_span_is_named_by_operation_and_table(statement: str) -> None:
    name, _ = texts.describe(statement, handwritten=False)
    assert name == NAMES[statement]


def test_long_texts_are_cut() -> None:
    values = ", ".join("('planted')" for _ in range(1000))
    _, attributes = texts.describe(f"INSERT INTO users VALUES {values}", handwritten=False)
    assert len(attributes["db.query.text"]) <= 2000
    assert "planted" not in attributes["db.query.text"]
