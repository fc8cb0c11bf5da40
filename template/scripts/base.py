"""The base: the branch to merge into, whose revisions are not new."""

import sys

from scripts.revisions import script_directory
from kit._internal.migrations.base_branch import GitError, NoBaseError, Repository


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints; none if it fails or is not installed."""
    try:
        return repository().git(*arguments)
    except GitError as error:
        raise SystemExit(str(error)) from None


def find_base() -> str:
    """Return the branch to compare with, or an empty string if nothing is merged yet.

    Exits with status 2 if there is no base.
    """
    try:
        return repository().find_base()
    except GitError as error:
        raise SystemExit(str(error)) from None
    except NoBaseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def exists(name: str) -> bool:
    return repository().exists(name)


def is_comparable(name: str) -> bool:
    return repository().is_comparable(name)


def repository() -> Repository:
    return Repository(script_directory())
