"""What may be logged of an error: no row, key, parameter or statement.

PostgreSQL quotes the row in an error's DETAIL, drivers a parameter in their message, SQLAlchemy the
statement. Errors of drivers are recognized by an attribute, so that no driver has to be imported.
"""

import re
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy.exc import StatementError

HEADER = "Traceback (most recent call last):\n"
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
# From here on an error's text is about rows, or the statement.
DETAIL = re.compile(
    r"(?:DETAIL|HINT|CONTEXT|QUERY):  |LINE \d+: |\[SQL: |\[(?:SQL )?parameters[: ]"
)
# What PostgreSQL and asyncpg do not understand, they quote in the message itself.
VALUE = re.compile(r"(invalid input (?:syntax|value) for [^:\n]*|query argument \$\d+): [^\n]*")
# A value of a row, perhaps, unless the statement defines a table.
LITERAL = re.compile(r"'(?:[^']|'')*'")
DEFINITIONS = ("CREATE", "ALTER", "DROP")


class Obstacle(NamedTuple):
    """Why a database that answers cannot be used, fit for a client; and what an operator can do."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.remedy}"


def conceal(text: str) -> str:
    """Return the text of an error, or of a message that has one in it, without values."""
    if ": " not in text:
        return text
    detail = DETAIL.search(text)
    if detail:
        # In the repr of an error the line before ends with an escaped newline.
        text = text[: detail.start()].rstrip().removesuffix("\\n")
    return VALUE.sub(r"\1", text)


class ErrorTexts:
    """Texts of errors, for the drivers of one database.

    Their errors have the attribute `state`. `describe_driver_error` returns the primary message of
    such an error, then facts such as its SQLSTATE and its constraint.
    """

    def __init__(
        self, state: str, describe_driver_error: Callable[[BaseException], tuple[str, list[str]]]
    ) -> None:
        self.state = state
        self.describe_driver_error = describe_driver_error

    def describe(self, error: BaseException) -> str:
        """Return an error's message in one line; of a database's also SQLSTATE and constraint."""
        original = error
        # SQLAlchemy has the driver's error, or its copy of that, which has it in turn.
        while isinstance(wrapped := getattr(original, "orig", None), BaseException):
            original = wrapped
        if hasattr(original, self.state):
            text, facts = self.describe_driver_error(original)
        else:
            text, facts = str(original), []
        message = conceal(text).strip().partition("\n")[0] or type(original).__name__
        if facts:
            return f"{message} ({', '.join(facts)})"
        return message

    def describe_statement(self, error: StatementError) -> str:
        """Return the statement that has failed, and the error's message, in one line."""
        statement = " ".join((error.statement or "COMMIT").split())
        if not statement.upper().startswith(DEFINITIONS):
            statement = LITERAL.sub("'...'", statement)
        return f"{statement}: {self.describe(error)}"

    def is_database_error(self, error: BaseException) -> bool:
        """Return whether SQLAlchemy or a driver has raised it for a statement or a connection."""
        return isinstance(error, StatementError) or hasattr(error, self.state)

    def format_error(self, error: BaseException) -> str:
        """Return the traceback of an error, and of those that led to it, without values."""
        return "".join(self._format_lines(error, set())).rstrip("\n")

    def _format_lines(self, error: BaseException, seen: set[int]) -> Iterator[str]:
        seen.add(id(error))
        earlier, transition = error.__cause__, CAUSE
        if earlier is None and not error.__suppress_context__:
            earlier, transition = error.__context__, CONTEXT
        # What a driver raised below says the same again, with the row.
        if earlier and id(earlier) not in seen and not self.is_database_error(error):
            yield from self._format_lines(earlier, seen)
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
                lines = "".join(self._format_lines(member, seen))
                yield "".join(f"  | {line}\n" for line in ["-" * 8, *lines.splitlines()])
