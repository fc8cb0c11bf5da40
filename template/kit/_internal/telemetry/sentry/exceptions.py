"""Exceptions as Sentry expects them, without values: no local variables, no parameters, no input.

The format: https://develop.sentry.dev/sdk/data-model/event-payloads/exception/. The SDK's own has
each message as it is, and does not show which exception a message is from.
"""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import ValidationException
from pydantic import ValidationError

from kit._internal.database import dialect
from kit._internal.error_texts import conceal
from kit.project import PROJECT_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

MAX_EXCEPTIONS = 20
MAX_FRAMES = 100
MAX_TEXT = 500
# Lines of source before and after that of a frame.
CONTEXT_LINES = 5
# Exceptions that quote names of the code, not values.
ABOUT_CODE = (AttributeError, ImportError, NameError, TypeError)
# A quoted text may be a value, such as the key of a KeyError; not after one of these words.
NAMING = r"(column|constraint|function|identified by|index|relation|schema|table|type) "
# The quote of an apostrophe follows a letter.
QUOTED = re.compile(
    rf"(?:{NAMING})?(?<!\w)b?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)", re.DOTALL
)
EMAIL = re.compile(r"[^\s@'\"<>()=:,;]+@[^\s@'\"<>()=:,;]+")
FILTERED = "[Filtered]"


def conceal_values(text: str) -> str:
    """Return the text of an error without what may be values: quoted texts, email addresses."""
    return EMAIL.sub(FILTERED, QUOTED.sub(filter_quoted, conceal(text)))[:MAX_TEXT]


def filter_quoted(match: re.Match[str]) -> str:
    """Return a quoted name as it is, and a placeholder for another quoted text."""
    if match[1]:
        return match[0]
    return FILTERED


def message_of(error: BaseException) -> str:
    """Return the message of an exception, without values."""
    if dialect.ERRORS.is_database_error(error):
        return conceal_values(dialect.ERRORS.describe(error))
    if isinstance(error, ValidationError | ValidationException):
        kinds = {str(problem["type"]) for problem in error.errors()}
        return f"invalid: {', '.join(sorted(kinds))}"[:MAX_TEXT]
    if isinstance(error, ABOUT_CODE):
        return EMAIL.sub(FILTERED, conceal(str(error)))[:MAX_TEXT]
    return conceal_values(str(error))


def describe_exceptions(error: BaseException, *, handled: bool) -> list[dict[str, Any]]:
    """Return an exception, its causes and the members of its groups; the first cause is first."""
    described = []
    for number, (item, parent) in enumerate(walk_exceptions(error)):
        mechanism: dict[str, Any] = {"type": "generic", "exception_id": number}
        if parent is None:
            mechanism["handled"] = handled
        else:
            mechanism.update(type="chained", parent_id=parent)
        if isinstance(item, BaseExceptionGroup):
            mechanism["is_exception_group"] = True
        described.append(
            {
                "module": type(item).__module__,
                "type": type(item).__qualname__,
                "value": message_of(item),
                "mechanism": mechanism,
                "stacktrace": {"frames": describe_frames(item)},
            }
        )
    return described[::-1]


def walk_exceptions(error: BaseException) -> Iterator[tuple[BaseException, int | None]]:
    """Yield each exception with the number of the exception that it belongs to."""
    waiting: list[tuple[BaseException, int | None]] = [(error, None)]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_EXCEPTIONS:
        item, parent = waiting.pop()
        if id(item) in seen:
            continue
        number = len(seen)
        seen.add(id(item))
        yield item, parent
        waiting.extend((related, number) for related in related_exceptions(item))


def related_exceptions(error: BaseException) -> Iterator[BaseException]:
    """Yield the members of a group and the cause of an exception."""
    if isinstance(error, BaseExceptionGroup):
        yield from reversed(error.exceptions)
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    # The cause of a database error is the driver's error, which quotes the row.
    if cause is not None and not dialect.ERRORS.is_database_error(error):
        yield cause


def describe_frames(error: BaseException) -> list[dict[str, Any]]:
    """Return the frames of an exception without local variables; the innermost is last."""
    walked = list(traceback.walk_tb(error.__traceback__))[-MAX_FRAMES:]
    return [describe_frame(frame, line) for frame, line in walked]


def describe_frame(frame: FrameType, line: int) -> dict[str, Any]:
    """Return a frame with the lines of source around it."""
    path = frame.f_code.co_filename
    name, is_own = locate(path)
    lines = [text.rstrip("\n") for text in linecache.getlines(path, frame.f_globals)]
    described = {
        "filename": name,
        "function": frame.f_code.co_qualname,
        "module": frame.f_globals.get("__name__"),
        "lineno": line,
        "in_app": is_own,
    }
    if line <= len(lines):
        described["pre_context"] = lines[max(0, line - 1 - CONTEXT_LINES) : line - 1]
        described["context_line"] = lines[line - 1]
        described["post_context"] = lines[line : line + CONTEXT_LINES]
    return described


@cache
def locate(path: str) -> tuple[str, bool]:
    """Return the path of a module within its package, and whether it is the service's own."""
    module = Path(path)
    paths = sysconfig.get_paths()
    for folder in (paths["purelib"], paths["platlib"], paths["stdlib"]):
        if module.is_relative_to(folder):
            return module.relative_to(folder).as_posix(), False
    if not module.is_relative_to(PROJECT_DIR):
        return module.name, False
    name = module.relative_to(PROJECT_DIR).as_posix()
    return name, not name.startswith("kit/")
