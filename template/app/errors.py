"""Every error as a problem: application/problem+json, RFC 9457.

An application that is mounted (`app.mount("/sub", FastAPI())`) answers its own errors: call
add_error_handlers() with it as well.
"""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

from app.db import is_outdated, is_unavailable
from app.routing import allowed_methods

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Of the errors of an invalid request: how many are listed, how deep, and how long their texts are.
MAX_ERRORS = 20
MAX_DEPTH = 20
MAX_TEXT = 200
UNEXPECTED = "This was not expected; it has been logged."
OUTDATED = "the database lacks a table or column that this code uses: make db-migrate"
# Titles of statuses that have no name, such as 499.
CLASSES = {2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
# What json_of() may meet: values of no known kind, and those that contain themselves.
NOT_JSON = (TypeError, ValueError, RecursionError)
# Members of a problem that an error may set itself, if they are text.
TEXTS = {"type", "title", "detail", "instance"}
# Headers that describe a body: the problem has its own.
BODY_HEADERS = {"content-type", "content-length", "content-encoding", "transfer-encoding"}


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
    from others of the same status; without one the status says it all (RFC 9457, 4.2.1). Further
    members are added to the problem. Raises ValueError for a status that ends no request: below
    200 or above 599.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        if status // 100 not in CLASSES:
            raise ValueError(f"no status of an answer: {status}")
        self.status = int(status)
        self.detail = detail
        self.kind = kind
        self.members = dict(members or {})

    @property
    def identity(self) -> dict[str, Any]:
        """The type of the problem, and its title."""
        if self.kind is None:
            return {"type": "about:blank", "title": phrase_of(self.status)}
        title = self.kind.replace("-", " ").capitalize()
        return {"type": f"urn:problem:{self.kind}", "title": title}


def phrase_of(status: int) -> str:
    """Return the name of a status, or that of its class where it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return CLASSES[status // 100]


def problem_response(
    error: ProblemError,
    errors: list[InvalidInput] | None = None,
    headers: Mapping[str, str] | None = None,
    error_count: int | None = None,
) -> Response:
    """Return the answer to an error; without a body where the status has none, as 204."""
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        fields.setdefault("retry-after", "1")
    for name in BODY_HEADERS:
        fields.pop(name, None)
    if not is_body_allowed_for_status_code(error.status):
        return Response(None, error.status, fields)
    problem = {**error.identity, "status": error.status, "detail": error.detail}
    problem |= (json_of(error.members) or {}) | {"status": error.status}
    if request_id := get_contextvars().get("request_id"):
        problem["request_id"] = request_id
    if errors is not None:
        problem["errors"] = [item.model_dump() for item in errors]
    if error_count is not None:
        problem["error_count"] = error_count
    # A detail may quote text of the client that is no valid Unicode.
    content = json.dumps(problem, ensure_ascii=False, separators=(",", ":"))
    return Response(content.encode("utf-8", "replace"), error.status, fields, MEDIA_TYPE)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return for a route's `responses=` that it answers with problems of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": phrase_of(status), "content": content} for status in statuses}


async def handle_problem(_request: Request, error: Exception) -> Response:
    return problem_response(cast("ProblemError", error))


async def handle_http_exception(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in headers:
        headers["Allow"] = allowed_methods(request, headers["Allow"])
    return problem_response(problem_of(error), headers=headers)


def problem_of(error: HTTPException) -> ProblemError:
    """Return the problem of an exception whose detail may be anything (FastAPI's, not Starlette's).

    A mapping becomes members of the problem, a list its member "details", all else its detail.
    """
    detail = json_of(error.detail)
    if isinstance(detail, dict):
        members = {
            str(name): value
            for name, value in detail.items()
            if name not in TEXTS or isinstance(value, str)
        }
    else:
        members = {"details": detail} if isinstance(detail, list) else {}
    if isinstance(detail, int | float):
        detail = json.dumps(detail)
    if not isinstance(detail, str) or not detail:
        detail = phrase_of(error.status_code)
    return ProblemError(error.status_code, detail, members=members)


def json_of(value: object) -> Any:  # noqa: ANN401
    """Return a value as what JSON can hold; None, with a line in the log, where it cannot."""
    encoders = {
        bytes: lambda content: content.decode("utf-8", "replace"),
        float: lambda number: number if math.isfinite(number) else None,
    }
    try:
        return jsonable_encoder(value, custom_encoder=encoders)
    except NOT_JSON:
        logger.warning("what an error says cannot be JSON: %s", type(value))
        return None


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
        isinstance(error, exc.DBAPIError) and is_unavailable(error)
    ):
        problem = ProblemError(503, "The database is not available.", "database-unavailable")
    elif isinstance(error, exc.DBAPIError) and is_outdated(error):
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


def add_error_handlers(app: FastAPI) -> None:
    """Have the application answer every expected error with a problem."""
    app.add_exception_handler(ProblemError, handle_problem)
    app.add_exception_handler(HTTPException, handle_http_exception)
    app.add_exception_handler(RequestValidationError, handle_invalid_request)
    app.add_exception_handler(exc.SQLAlchemyError, handle_database_error)
