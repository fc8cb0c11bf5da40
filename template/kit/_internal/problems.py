"""Problems (application/problem+json, RFC 9457), and the errors that become problems."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from fastapi import Response
from fastapi.encoders import jsonable_encoder
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

logger = logging.getLogger(__name__)

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "This was not expected; it has been logged."
# Titles of statuses without a name, such as 499, by their first digit.
CLASS_TITLES = {2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
# Errors of values that are not JSON, such as those that contain themselves.
JSON_ERRORS = (TypeError, ValueError, RecursionError)
# Members of a problem that must be text.
TEXT_MEMBERS = {"type", "title", "detail", "instance"}
# Headers that describe the body, which a problem sets itself.
BODY_HEADERS = {"content-type", "content-length", "content-encoding", "transfer-encoding"}


class InvalidInput(BaseModel):
    """A missing or invalid part of a request, and the reason."""

    location: list[str | int] = Field(examples=[["body", "email"]])
    code: str = Field(examples=["missing"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """The schema of application/problem+json in the OpenAPI document."""

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
    """An expected error: raise it anywhere in a request to answer with a problem.

    `kind` is the stable end of the problem's type, with which clients distinguish problems of the
    same status; without a kind, the type is about:blank (RFC 9457, 4.2.1). `members` are added to
    the problem. Raises ValueError for a status below 200 or above 599.

    `ProblemError.type_prefix = "https://example.com/problems/"` changes the types of all problems,
    including the built-in ones; set in a subclass, those of the subclass only.
    """

    type_prefix: ClassVar[str] = "urn:problem:"
    # Headers of the response.
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        if status // 100 not in CLASS_TITLES:
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
        return {"type": f"{self.type_prefix}{self.kind}", "title": title}


class BadRequestError(ProblemError):
    """400: the request is invalid in a way that its schema cannot express."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(400, detail, kind, members)


class ForbiddenError(ProblemError):
    """403: the client is authenticated, but not allowed to do this."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(403, detail, kind, members)


class NotFoundError(ProblemError):
    """404: `raise NotFoundError("user")` is a problem of the kind user-not-found."""

    def __init__(
        self, thing: str, detail: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        kind = f"{thing.replace(' ', '-')}-not-found"
        super().__init__(404, detail or f"There is no {thing} with this id.", kind, members)


class ConflictError(ProblemError):
    """409: the request conflicts with stored data."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(409, detail, kind, members)


def raises(*statuses: int) -> Callable[[FunctionT], FunctionT]:
    """Mark a function of kit with the statuses of the problems that it raises.

    The check that every raised error is documented reads the service's functions, not those of kit.
    """

    def mark(function: FunctionT) -> FunctionT:
        vars(function)["raised_statuses"] = statuses
        return function

    return mark


def phrase_of(status: int) -> str:
    """Return the title of a status or of its class."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return CLASS_TITLES[status // 100]


def problem_response(
    error: ProblemError,
    errors: list[InvalidInput] | None = None,
    headers: Mapping[str, str] | None = None,
    error_count: int | None = None,
) -> Response:
    """Return the response to an error, without a body for a status such as 204."""
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        fields.setdefault("retry-after", "1")
    for name in BODY_HEADERS:
        fields.pop(name, None)
    if not is_body_allowed_for_status_code(error.status):
        return Response(None, error.status, fields)
    problem = members_of(error)
    if errors is not None:
        problem["errors"] = [item.model_dump() for item in errors]
    if error_count is not None:
        problem["error_count"] = error_count
    content = json.dumps(problem, ensure_ascii=False, separators=(",", ":"))
    # A detail may quote invalid Unicode of the client.
    return Response(content.encode("utf-8", "replace"), error.status, fields, MEDIA_TYPE)


def members_of(error: ProblemError) -> dict[str, Any]:
    """Return the members of a problem, with the request id."""
    problem = {**error.identity, "status": error.status, "detail": error.detail}
    problem.update(json_of(error.members) or {})
    problem["status"] = error.status
    request_id = get_contextvars().get("request_id")
    if request_id:
        problem["request_id"] = request_id
    return problem


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the value of `responses=` for a route that answers with problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": phrase_of(status), "content": content} for status in statuses}


def with_problem_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with the schemas that problem_responses() refers to."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = problem.pop("$defs")
    components = document["components"]
    schemas = {**components["schemas"], **definitions, "Problem": problem}
    return {**document, "components": {**components, "schemas": schemas}}


def problem_of(error: HTTPException) -> ProblemError:
    """Return the problem for an HTTPException, whose detail may have any type.

    A mapping becomes members of the problem, a list its member "details", anything else its detail.
    """
    detail = json_of(error.detail)
    members: dict[str, Any] = {}
    if isinstance(detail, list):
        members["details"] = detail
    if isinstance(detail, dict):
        for name, value in detail.items():
            if name not in TEXT_MEMBERS or isinstance(value, str):
                members[str(name)] = value
    if isinstance(detail, int | float):
        detail = json.dumps(detail)
    if not isinstance(detail, str) or not detail:
        detail = phrase_of(error.status_code)
    return ProblemError(error.status_code, detail, members=members)


def json_of(value: object) -> Any:  # noqa: ANN401
    """Return a JSON value; None, with a log record, if the value cannot be converted."""
    encoders = {bytes: lambda content: content.decode("utf-8", "replace"), float: finite}
    try:
        return jsonable_encoder(value, custom_encoder=encoders)
    except JSON_ERRORS:
        logger.warning("what an error says cannot be JSON: %s", type(value))
        return None


def finite(number: float) -> float | None:
    """Return a number, or None for infinity and NaN, which JSON does not have."""
    if math.isfinite(number):
        return number
    return None
