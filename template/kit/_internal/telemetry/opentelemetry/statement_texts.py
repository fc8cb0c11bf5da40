"""Texts of statements without values, and names for their spans.

SQLAlchemy passes values as parameters, but SQL that a developer writes may contain literals.
"""

import re
from functools import lru_cache

# Longer texts are cut, as those that insert many rows.
MAX_LENGTH = 2_000
MAX_STATEMENTS = 500
# Comments, values, and names in double quotes. A value that is cut has no closing quote.
TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<value>
        \$(?P<tag>[A-Za-z_]\w*|)\$ .*? (?:\$(?P=tag)\$|\Z)
        | \b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
        | '(?:[^']|'')*(?:'|\Z)
        | (?<![\w$:"%]) \.?\d[\w.]*
      )
    | (?P<name> "(?:[^"]|"")*(?:"|\Z) )
    """,
    re.VERBOSE | re.DOTALL,
)
PLAIN_NAME = re.compile(r'"\w+"')
OPERATION = re.compile(r"\s*(\w+)")
TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+((?:"?\w+"?\.)*"?\w+"?)', re.IGNORECASE)
# Operations on a table, which the name of a span contains.
WITH_TABLE = {"DELETE", "INSERT", "SELECT", "UPDATE"}


@lru_cache(MAX_STATEMENTS)
def describe(statement: str, *, handwritten: bool) -> tuple[str, dict[str, str]]:
    """Return the name of a statement's span, and its attributes."""
    text = without_values(statement[:MAX_LENGTH], handwritten=handwritten)
    match = OPERATION.match(text)
    if match is None:
        return "SQL", {}
    operation = match[1].upper()
    attributes = {"db.operation.name": operation, "db.query.text": text}
    table = TABLE.search(text)
    if operation not in WITH_TABLE or table is None:
        return operation, attributes
    name = table[1].replace('"', "")
    attributes["db.collection.name"] = name
    return f"{operation} {name}", attributes


def without_values(statement: str, *, handwritten: bool) -> str:
    """Return a statement with ? instead of literals, and without comments.

    SQLite takes a name in double quotes for a value if no column has it, so in handwritten SQL
    those are replaced as well.
    """

    def replace(token: re.Match[str]) -> str:
        if token["comment"] is not None:
            return " "
        if token["name"] is not None and not handwritten and PLAIN_NAME.fullmatch(token["name"]):
            return token["name"]
        return "?"

    return " ".join(TOKEN.sub(replace, statement).split())
