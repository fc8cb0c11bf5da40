"""The singular and the plural of a resource, from what was typed."""

import re

from scripts.resource.plurals import pluralize, singular_of
from scripts.resource.refusal import RefusedError
from scripts.resource.reserved import PYTHON, reason_against_resource, reason_against_table

__all__ = ["NAME", "check_length", "parse_names", "snake_case"]

# Words of letters and digits, which single underscores separate.
NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
# PostgreSQL cuts longer identifiers off.
LENGTH = 63


def snake_case(name: str) -> str:
    """Return a name in snake case, also if it is the name of a class: "order_line"."""
    if not CAMEL.fullmatch(name):
        return name
    # Before a capital letter in front of a small letter, and after a small letter or a digit.
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def check_length(identifier: str) -> None:
    """Refuse an identifier that the database would cut off."""
    if len(identifier) > LENGTH:
        raise RefusedError(
            f"{identifier[:LENGTH]}... has {len(identifier)} characters, but names in the database"
            f" have at most {LENGTH}: choose shorter names"
        )


def parse_names(name: str, plural: str) -> tuple[str, str]:
    """Return the singular and the plural of a resource; derive the plural if it is empty."""
    singular = snake_case(name)
    if not NAME.fullmatch(singular):
        raise RefusedError(
            f"name={name!r} is no name such as product or order_line: small letters, digits and"
            " single underscores, a letter first"
        )
    check_length(f"pk_{singular}")
    reason = reason_against_resource(singular)
    if reason:
        raise RefusedError(f"name={singular} is {reason}: choose another name")
    if not plural:
        return singular, derive_plural(singular)
    table = snake_case(plural)
    if not NAME.fullmatch(table):
        raise RefusedError(f"plural={plural!r} is no name such as products or order_lines")
    check_plural(table)
    return singular, table


def derive_plural(singular: str) -> str:
    other = singular_of(singular)
    if other:
        raise RefusedError(
            f"name={singular} is a plural: name={other}, or add plural=... if it is a singular"
        )
    plural = pluralize(singular)
    if not NAME.fullmatch(plural):
        raise RefusedError(f"name={singular} has no plural that is a name: add plural=...")
    check_plural(plural)
    return plural


def check_plural(plural: str) -> None:
    """Refuse what cannot be the name of a table, of a folder and of permissions."""
    check_length(f"pk_{plural}")
    reason = reason_against_table(plural)
    if reason:
        raise RefusedError(f"the table {plural} has a name that is {reason}: choose plural=...")
    if plural in PYTHON:
        raise RefusedError(f"the folder {plural} would be a keyword of Python: choose plural=...")
