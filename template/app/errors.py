"""Every error as a problem: application/problem+json, RFC 9457."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

from app.db import is_unavailable

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Of the errors of an invalid request: how many are listed, how deep, and how long their texts are.
MAX_ERRORS = 20
MAX_DEPTH = 20
MAX_TEXT = 200


class InvalidInput(BaseModel):
    location: list[str | int] = Field(examples=[["body", "email"]])
    code: str = Field(examples=["missing"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    type: str = Field(description="Stable, compare it", examples=["urn:problem:user-not-found"])
    title: str = Field(examples=["User not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no user with this id."])
    request_id: str | None = Field(default=None, description="Quote it when asking for help")
    errors: list[InvalidInput] | None = Field(default=None, description="With status 422")
    error_count: int | None = Field(
        default=None, description="How many errors there are, if not all are listed"
    )


class ProblemError(Exception):
    """An expected failure: raised anywhere in a request, it reaches the client as a problem.

    The kind is the stable end of the problem's type, for a problem that clients may want to tell
    from others of the same status; without one the status says it all (RFC 9457, 4.2.1).
    """

    def __init__(self, status: int, detail: str, kind: str | None = None) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.kind = kind


def problem_response(
    error: ProblemError,
    errors: list[InvalidInput] | None = None,
    headers: Mapping[str, str] | None = None,
    error_count: int | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:problem:{error.kind}" if error.kind else "about:blank",
        title=error.kind.replace("-", " ").capitalize() if error.kind else error.status.phrase,
        status=error.status,
        detail=error.detail,
        request_id=get_contextvars().get("request_id"),
        errors=errors,
        error_count=error_count,
    )
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1"}
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, int(error.status), headers, MEDIA_TYPE)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return for a route's `responses=` that it answers with problems of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


async def handle_problem(_request: Request, error: Exception) -> Response:
    return problem_response(cast("ProblemError", error))


async def handle_http_exception(_request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    problem = ProblemError(error.status_code, str(error.detail))
    return problem_response(problem, headers=error.headers)


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


async def handle_database_error(_request: Request, error: Exception) -> Response:
    """Answer 409 for a constraint, 503 for a database that could not serve; the rest are bugs."""
    if isinstance(error, exc.IntegrityError):
        problem = ProblemError(409, "The request contradicts what is stored.", "conflict")
    elif isinstance(error, exc.TimeoutError) or (
        isinstance(error, exc.DBAPIError) and is_unavailable(error)
    ):
        problem = ProblemError(503, "The database is not available.", "database-unavailable")
    else:
        raise error
    logger.warning("the database did not serve a request", exc_info=error)
    return problem_response(problem)


def add_error_handlers(app: FastAPI) -> None:
    """Have the application answer every expected error with a problem."""
    app.add_exception_handler(ProblemError, handle_problem)
    app.add_exception_handler(HTTPException, handle_http_exception)
    app.add_exception_handler(RequestValidationError, handle_invalid_request)
    app.add_exception_handler(exc.SQLAlchemyError, handle_database_error)
