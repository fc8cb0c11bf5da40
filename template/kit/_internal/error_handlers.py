"""How an application answers errors with problems."""

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from kit._internal.database import dialect
from kit._internal.problems import (
    UNEXPECTED,
    InvalidInput,
    ProblemError,
    problem_of,
    problem_response,
)
from kit._internal.routing import allowed_methods

logger = logging.getLogger(__name__)

# Of the errors of an invalid request: how many are listed, how deep, and how long their texts are.
MAX_ERRORS = 20
MAX_DEPTH = 20
MAX_TEXT = 200
OUTDATED = "the database lacks a table or column that this code uses: make db-migrate"

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


async def handle_problem(_request: Request, error: Exception) -> Response:
    return problem_response(cast("ProblemError", error))


async def handle_http_exception(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in headers:
        headers["Allow"] = allowed_methods(request, headers["Allow"])
    return problem_response(problem_of(error), headers=headers)


def shorten(text: str) -> str:
    """Return the text in a length fit for an answer, without what is no character."""
    text = text[: MAX_TEXT + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def shorten_name(name: str | int) -> str | int:
    """Return the name of a field, which may be the client's own choice, or a position as it is."""
    return shorten(name) if isinstance(name, str) else name


async def handle_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer 422 without the input itself, which may be secret or no valid text.

    How long the answer is does not depend on how much was wrong.
    """
    found = cast("RequestValidationError", error).errors()
    errors = [
        InvalidInput(
            location=list(map(shorten_name, item["loc"][:MAX_DEPTH])),
            code=item["type"],
            message=shorten(item["msg"]),
        )
        for item in found[:MAX_ERRORS]
    ]
    detail = "Parts of the request are missing or not acceptable."
    problem = ProblemError(422, detail, "invalid-request")
    count = len(found) if len(found) > MAX_ERRORS else None
    return problem_response(problem, errors, error_count=count)


async def handle_database_error(request: Request, error: Exception) -> Response:
    """Answer 409 for a constraint, 503 for a database that could not serve; the rest are bugs."""
    if isinstance(error, exc.IntegrityError):
        problem = ProblemError(409, "The request contradicts what is stored.", "conflict")
    elif isinstance(error, exc.TimeoutError) or (
        isinstance(error, exc.DBAPIError) and dialect.is_unavailable(error)
    ):
        problem = ProblemError(503, "The database is not available.", "database-unavailable")
    elif isinstance(error, exc.DBAPIError) and dialect.is_outdated(error):
        logger.error(OUTDATED, exc_info=error)
        detail = f"{UNEXPECTED} Hint: {OUTDATED}" if in_development(request) else UNEXPECTED
        return problem_response(ProblemError(500, detail))
    else:
        raise error
    logger.warning("the database did not serve a request", exc_info=error)
    return problem_response(problem)


def in_development(request: Request) -> bool:
    """Return whether an answer may have hints for developers."""
    settings = getattr(request.app.state, "settings", None)
    return settings is not None and settings.development


HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: handle_problem,
    HTTPException: handle_http_exception,
    RequestValidationError: handle_invalid_request,
    exc.SQLAlchemyError: handle_database_error,
}


def add_error_handlers(app: FastAPI) -> None:
    """Have an application that is mounted answer every expected error with a problem."""
    for error_class, handler in HANDLERS.items():
        app.add_exception_handler(error_class, handler)
