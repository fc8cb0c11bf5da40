"""Parses DATABASE_URL."""

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from kit.project import PROJECT_DIR

EXAMPLE = "sqlite:///file.db"
URL_ERRORS = (ArgumentError, ValueError)


def parse_url(value: str) -> URL:
    """Return DATABASE_URL without its driver, with the file as an absolute path.

    A relative path is relative to the project, not to the current folder. Raises ValueError with a
    reason without secrets.
    """
    scheme, separator, rest = value.strip().partition("://")
    if not separator or scheme.partition("+")[0] != "sqlite":
        message = f"expected format: {EXAMPLE}"
        # Anything other than a scheme may be a password.
        if separator and re.fullmatch(r"[a-z0-9+]+", scheme):
            message += f", not {scheme}://..."
        raise ValueError(message)
    try:
        url = make_url(f"sqlite://{rest}")
    except URL_ERRORS:
        raise ValueError(f"cannot be read; expected format: {EXAMPLE}") from None
    if url.host or url.username or url.password or url.port:
        raise ValueError(
            f"names a host; a file has three slashes ({EXAMPLE}), four for an absolute path"
        )
    if url.query:
        raise ValueError(f"has parameters, of which SQLite takes none here: {', '.join(url.query)}")
    if not url.database or url.database == ":memory:":
        return url._replace(database=None)
    path = PROJECT_DIR / url.database
    if not path.parent.is_dir():
        raise ValueError(f"names a file in a folder that does not exist: {path.parent}")
    return url.set(database=str(path))


def parse_any_url(value: str) -> URL:
    """Return MIGRATION_DATABASE_URL, which has the same rules."""
    return parse_url(value)
