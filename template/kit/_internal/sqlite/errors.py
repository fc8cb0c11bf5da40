"""Texts of the driver's errors."""

from kit._internal.error_texts import ErrorTexts

# The attribute of errors that SQLite itself reports.
STATE_ATTRIBUTE = "sqlite_errorname"


def describe_driver_error(error: BaseException) -> tuple[str, list[str]]:
    """Return the message of an error, then the name of its result code."""
    return str(error), [getattr(error, STATE_ATTRIBUTE)]


ERRORS = ErrorTexts(STATE_ATTRIBUTE, describe_driver_error)
