"""Loggable texts of errors: without rows, keys, parameters and statements.

PostgreSQL quotes the row in the DETAIL of an error, drivers quote a parameter in the message, and
SQLAlchemy quotes the statement. Driver errors are recognized by an attribute, without importing the
driver.
"""

import re
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy.exc import StatementError

HEADER = "Traceback (most recent call last):\n"
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
# After one of these, an error's text quotes rows or the statement.
DETAIL = re.compile(
    r"(?:DETAIL|HINT|CONTEXT|QUERY):  |LINE \d+: |\[SQL: |\[(?:SQL )?parameters[: ]"
)
# PostgreSQL and asyncpg quote an invalid value in the message itself.
INVALID_VALUE = re.compile(
    r"(invalid input (?:syntax|value) for [^:\n]*|query argument \$\d+): [^\n]*"
)
# May be a value of a row, except in statements that define a table.
LITERAL = re.compile(r"'(?:[^']|'')*'")
DEFINITIONS = ("CREATE", "ALTER", "DROP")


class Obstacle(NamedTuple):
    """Why a database cannot be used, for clients; how to fix it, for operators."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.remedy}"


def conceal(text: str) -> str:
    """Return the text of an error, or a message that contains one, without values."""
    if ": " not in text:
        return text
    detail = DETAIL.search(text)
    if detail:
        # In the repr of an error, the previous line ends with an escaped newline.
        text = text[: detail.start()].rstrip().removesuffix("\\n")
    return INVALID_VALUE.sub(r"\1", text)


def unwrap(error: BaseException) -> BaseException:
    """Return the driver's error, which SQLAlchemy may wrap twice."""
    wrapped = getattr(error, "orig", None)
    while isinstance(wrapped, BaseException):
        error = wrapped
        wrapped = getattr(error, "orig", None)
    return error


class ErrorTexts:
    """Texts of the errors of a database's drivers.

    `state` is an attribute that all errors of the drivers have. `describe_driver_error` returns the
    primary message of an error, and facts such as SQLSTATE and constraint.
    """

    def __init__(
        self, state: str, describe_driver_error: Callable[[BaseException], tuple[str, list[str]]]
    ) -> None:
        self.state = state
        self.describe_driver_error = describe_driver_error

    def describe(self, error: BaseException) -> str:
        """Return the message in one line; for a driver's error, with SQLSTATE and constraint."""
        original = unwrap(error)
        text = str(original)
        facts: list[str] = []
        if hasattr(original, self.state):
            text, facts = self.describe_driver_error(original)
        message = conceal(text).strip().partition("\n")[0] or type(original).__name__
        if facts:
            return f"{message} ({', '.join(facts)})"
        return message

    def state_of(self, error: BaseException) -> str | None:
        """Return the SQLSTATE or the result code of a driver's error, None for any other error."""
        state = getattr(unwrap(error), self.state, None)
        return state if isinstance(state, str) else None

    def describe_statement(self, error: StatementError) -> str:
        """Return the failed statement, without values, and the error's message in one line."""
        statement = " ".join((error.statement or "COMMIT").split())
        if not statement.upper().startswith(DEFINITIONS):
            statement = LITERAL.sub("'...'", statement)
        return f"{statement}: {self.describe(error)}"

    def is_database_error(self, error: BaseException) -> bool:
        """Return whether a driver raised an error, or SQLAlchemy for a statement."""
        return isinstance(error, StatementError) or hasattr(error, self.state)

    def format_error(self, error: BaseException) -> str:
        """Return the traceback of an error and of its causes, without values."""
        return "".join(self.format_lines(error, set())).rstrip("\n")

    def format_lines(self, error: BaseException, seen: set[int]) -> Iterator[str]:
        """Yield parts of the traceback; `seen` has the ids of the errors so far."""
        seen.add(id(error))
        earlier, transition = error.__cause__, CAUSE
        if earlier is None and not error.__suppress_context__:
            earlier, transition = error.__context__, CONTEXT
        # The cause of a database error is the driver's error, which quotes the row.
        if earlier and id(earlier) not in seen and not self.is_database_error(error):
            yield from self.format_lines(earlier, seen)
            yield transition
        if error.__traceback__:
            yield HEADER
            yield from traceback.format_tb(error.__traceback__)
        if self.is_database_error(error):
            yield f"{type(error).__module__}.{type(error).__qualname__}: {self.describe(error)}\n"
        else:
            yield conceal("".join(traceback.format_exception_only(error))).rstrip("\n") + "\n"
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                lines = "".join(self.format_lines(member, seen))
                for line in ["-" * 8, *lines.splitlines()]:
                    yield f"  | {line}\n"
