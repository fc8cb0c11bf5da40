"""Exception handlers that answer errors with problems."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from kit._internal.auth.bodies import run_guards
from kit._internal.database import dialect
from kit._internal.idempotency.answers import ReplayError
from kit._internal.problems import (
    UNEXPECTED,
    InvalidInput,
    ProblemError,
    problem_of,
    problem_response,
)
from kit._internal.routing import allowed_methods

logger = logging.getLogger(__name__)

# Limits of the answer to an invalid request: errors, depth of a location, length of a text.
MAX_ERRORS = 20
MAX_DEPTH = 20
MAX_TEXT = 200
OUTDATED = "the database lacks a table or column that this code uses: make db-migrate"

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


async def handle_problem(_request: Request, error: Exception) -> Response:
    problem = cast("ProblemError", error)
    return problem_response(problem, headers=problem.headers)


async def handle_replay(_request: Request, error: Exception) -> Response:
    """Answer as the first request with the same Idempotency-Key."""
    return cast("ReplayError", error).answer.response()


async def handle_http_exception(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # Perhaps of a body that cannot be decoded.
        refusal = await find_refusal(request)
        if refusal is not None:
            return await handle_problem(request, refusal)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in headers:
        headers["Allow"] = allowed_methods(request, headers["Allow"])
    return problem_response(problem_of(error), headers=headers)


def shorten(text: str) -> str:
    """Return the text, truncated and without invalid Unicode."""
    text = text[: MAX_TEXT + 1].encode("utf-8", "replace").decode()
    if len(text) > MAX_TEXT:
        return f"{text[:MAX_TEXT]}..."
    return text


def shorten_location(location: Sequence[str | int]) -> list[str | int]:
    """Return a location, truncated: clients choose some of its names."""
    shortened: list[str | int] = []
    for part in location[:MAX_DEPTH]:
        if isinstance(part, str):
            shortened.append(shorten(part))
        else:
            shortened.append(part)
    return shortened


async def find_refusal(request: Request) -> ProblemError | None:
    """Return why the client may not call the route, or None if it may."""
    try:
        await run_guards(request)
    except ProblemError as refusal:
        return refusal
    return None


async def handle_invalid_request(request: Request, error: Exception) -> Response:
    """Answer 422 without the input, which may be secret or invalid Unicode.

    The size of the answer is limited, regardless of the number of errors.
    """
    all_errors = cast("RequestValidationError", error).errors()
    if any(item["type"] == "json_invalid" for item in all_errors[:1]):
        refusal = await find_refusal(request)
        if refusal is not None:
            return await handle_problem(request, refusal)
    errors = []
    for item in all_errors[:MAX_ERRORS]:
        location = shorten_location(item["loc"])
        message = shorten(item["msg"])
        errors.append(InvalidInput(location=location, code=item["type"], message=message))
    detail = "Parts of the request are missing or not acceptable."
    problem = ProblemError(422, detail, "invalid-request")
    error_count = None
    if len(all_errors) > MAX_ERRORS:
        error_count = len(all_errors)
    return problem_response(problem, errors, error_count=error_count)


async def handle_database_error(request: Request, error: Exception) -> Response:
    """Answer 409 for a constraint or a stale version, 503 for an unavailable database.

    Raises other errors.
    """
    if isinstance(error, exc.IntegrityError):
        problem = ProblemError(409, "The request contradicts what is stored.", "conflict")
    elif isinstance(error, StaleDataError):
        detail = "Another request has changed this at the same time; try again."
        problem = ProblemError(409, detail, "conflict")
    elif isinstance(error, exc.TimeoutError) or (
        isinstance(error, exc.DBAPIError) and dialect.is_unavailable(error)
    ):
        problem = ProblemError(503, "The database is not available.", "database-unavailable")
    elif isinstance(error, exc.DBAPIError) and dialect.is_outdated(error):
        logger.error(OUTDATED, exc_info=error)
        detail = UNEXPECTED
        if in_development(request):
            detail = f"{UNEXPECTED} Hint: {OUTDATED}"
        return problem_response(ProblemError(500, detail))
    else:
        raise error
    logger.warning("the database did not serve a request", exc_info=error)
    return problem_response(problem)


def in_development(request: Request) -> bool:
    """Return whether answers may contain hints for developers."""
    settings = getattr(request.app.state, "settings", None)
    return settings is not None and settings.development


HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: handle_problem,
    ReplayError: handle_replay,
    HTTPException: handle_http_exception,
    RequestValidationError: handle_invalid_request,
    exc.SQLAlchemyError: handle_database_error,
}


def add_error_handlers(app: FastAPI) -> None:
    """Make a mounted application answer expected errors with problems."""
    for error_class, handler in HANDLERS.items():
        app.add_exception_handler(error_class, handler)
