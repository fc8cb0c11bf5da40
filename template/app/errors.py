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
) -> Response:
    problem = Problem(
        type=f"urn:problem:{error.kind}" if error.kind else "about:blank",
        title=error.kind.replace("-", " ").capitalize() if error.kind else error.status.phrase,
        status=error.status,
        detail=error.detail,
        request_id=get_contextvars().get("request_id"),
        errors=errors,
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


async def handle_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer 422 without the input itself, which may be secret or no valid text."""
    errors = [
        InvalidInput(location=list(item["loc"]), code=item["type"], message=item["msg"])
        for item in cast("RequestValidationError", error).errors()
    ]
    detail = "Parts of the request are missing or not acceptable."
    return problem_response(ProblemError(422, detail, "invalid-request"), errors)


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
