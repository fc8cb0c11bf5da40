"""What the driver of SQLite knows about an error."""

from kit._internal.error_texts import ErrorTexts

# The attribute that its errors have, for what SQLite itself has reported.
STATE = "sqlite_errorname"


def describe_driver_error(error: BaseException) -> tuple[str, list[str]]:
    """Return the message of an error, then the name of its result code."""
    return str(error), [getattr(error, STATE)]


ERRORS = ErrorTexts(STATE, describe_driver_error)
