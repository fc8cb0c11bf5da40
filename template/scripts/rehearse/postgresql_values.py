"""SQL of values for columns: valid for the type and CHECK constraints, and different in each row.

In each expression, `i` is the number of the row, from 1.
"""

import re
from collections.abc import Iterator

import psycopg

from scripts.rehearse.postgresql_columns import Column

LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[\w ]+)?")
NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?")
# Lengths below this are too short for a readable text with a number.
SHORT = 24
# pg_attribute.atttypmod of a text is its length and this.
HEADER = 4
INTEGERS = {"int2": 32_000, "int4": 2_000_000_000, "int8": 9_000_000_000_000}
BY_TYPE = {
    "bool": "i % 2 = 0",
    "float4": "i",
    "float8": "i",
    "uuid": "md5('rehearsal' || i)::uuid",
    "date": "date '2020-01-01' + (i % 20000)::int",
    "timestamp": "timestamp '2020-01-01' + i * interval '1 second'",
    "timestamptz": "timestamptz '2020-01-01 00:00+00' + i * interval '1 second'",
    "time": "time '00:00' + (i % 86400) * interval '1 second'",
    "timetz": "timetz '00:00+00' + (i % 86400) * interval '1 second'",
    "interval": "i * interval '1 second'",
    "json": "json_build_object('number', i)",
    "jsonb": "jsonb_build_object('number', i)",
    "bytea": "decode(md5(i::text), 'hex')",
    "inet": "'10.0.0.0'::inet + i",
    "cidr": "set_masklen(('10.0.0.0'::inet + i)::cidr, 32)",
    "tsvector": "to_tsvector('simple', i::text)",
    "money": "i::numeric::money",
    "xml": "xmlparse(content i::text)",
}
# Enums, ranges and multiranges.
BY_KIND = {
    "e": "(enum_range(NULL::{type}))[1 + i % cardinality(enum_range(NULL::{type}))]",
    "m": "'{}'",
    "r": "'empty'",
}
TEXTS = {"text", "varchar", "bpchar", "citext", "name"}


def find_value(connection: psycopg.Connection, column: Column, conditions: list[str]) -> str | None:
    """Return SQL that fulfils the CHECK conditions of a column; None if no attempt does."""
    for candidate in candidates_of(column, conditions):
        value = f"({candidate})::{column.full_type}"
        if fulfils(connection, column, value, conditions):
            return value
    return None


def fulfils(
    connection: psycopg.Connection, column: Column, value: str, conditions: list[str]
) -> bool:
    """Return whether the value can be computed, and fulfils the conditions, for some rows."""
    checks = " AND ".join(f"({condition}) IS NOT FALSE" for condition in conditions) or "true"
    name = column.name.replace('"', '""')
    query = f"""SELECT bool_and(({checks}) IS NOT FALSE) FROM
        (SELECT {value} AS "{name}" FROM (VALUES (1), (2), (1000003)) AS numbers (i)) AS rows"""  # noqa: S608
    try:
        with connection.transaction():
            row = connection.execute(query.encode()).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def candidates_of(column: Column, conditions: list[str]) -> Iterator[str]:
    """Yield SQL for the type, then values that the conditions name, then usual ones."""
    usual = value_of_type(column)
    if usual:
        yield usual
    literals: list[str] = []
    numbers: list[str] = []
    for condition in conditions:
        literals += LITERAL.findall(condition)
        numbers += NUMBER.findall(LITERAL.sub("", condition))
    if literals:
        # Each row has another one of them, if all are allowed.
        array = ", ".join(f"({literal})::text" for literal in literals)
        yield f"(ARRAY[{array}])[1 + i % {len(literals)}]"
        yield from literals
    for number in numbers:
        yield from (f"{number} + i % 2", number, f"{number} - 1", f"{number} + 1")
    if column.type in TEXTS:
        yield from ("upper(md5(i::text))", "'user' || i || '@example.com'", "i::text", "'a'", "''")
    if column.category == "N":
        yield from ("i % 100", "1", "0", "-i")


def value_of_type(column: Column) -> str:
    """Return SQL for a type; an empty string if it is not known."""
    if column.kind in BY_KIND:
        return BY_KIND[column.kind].replace("{type}", column.full_type)
    if column.category == "A":
        return "'{}'"
    if column.type in INTEGERS:
        return f"1 + (i - 1) % {INTEGERS[column.type]}"
    if column.type in TEXTS:
        return text_value(column)
    return BY_TYPE.get(column.type, "") or digits_value(column)


def text_value(column: Column) -> str:
    """Return SQL for a text, short enough for the column."""
    length = column.modifier - HEADER
    name = column.name.replace("_", " ").replace("'", "").lower()
    if "mail" in name:
        text, shorter = "'user-' || i || '@example.com'", "i || '@a.io'"
    else:
        text, shorter = f"'{name} ' || i", "to_hex(i)"
    if column.modifier < HEADER or length >= len(name) + SHORT:
        return text
    if length >= SHORT:
        return shorter
    return f"right(lpad(to_hex(i), {length}, '0'), {length})"


def digits_value(column: Column) -> str:
    """Return SQL for a type whose modifier is its digits or bits (see numeric.c of PostgreSQL)."""
    modifier = column.modifier
    if column.type in {"bit", "varbit"}:
        return f"repeat('1', {max(modifier, 1)})"
    if column.type != "numeric":
        return ""
    if modifier < HEADER:
        return "i"
    precision, scale = (modifier - HEADER) >> 16 & 0xFFFF, (modifier - HEADER) & 0x7FF
    limit = 10 ** min(precision, 18)
    return f"(i % {limit})::numeric / {10**scale}"
