"""Problems: application/problem+json, RFC 9457, and the errors that become one."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import Response
from fastapi.encoders import jsonable_encoder
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "This was not expected; it has been logged."
# Titles of statuses that have no name, such as 499.
CLASSES = {2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
# What json_of() may meet: values of no known kind, and those that contain themselves.
NOT_JSON = (TypeError, ValueError, RecursionError)
# Members of a problem that an error may set itself, if they are text.
TEXTS = {"type", "title", "detail", "instance"}
# Headers that describe a body: the problem has its own.
BODY_HEADERS = {"content-type", "content-length", "content-encoding", "transfer-encoding"}


class InvalidInput(BaseModel):
    """A part of a request that is missing or not acceptable: where it is, and why."""

    location: list[str | int] = Field(examples=[["body", "email"]])
    code: str = Field(examples=["missing"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """What every error answers: the schema of application/problem+json in the OpenAPI document."""

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

    `ProblemError.type_prefix = "https://example.com/problems/"` gives all problems of the service
    other types, the built-in ones included; in a subclass, those that are raised as such.
    """

    type_prefix: ClassVar[str] = "urn:problem:"

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
        return {"type": f"{self.type_prefix}{self.kind}", "title": title}


class BadRequestError(ProblemError):
    """400: the request contradicts itself, in a way that its schema cannot say."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(400, detail, kind, members)


class ForbiddenError(ProblemError):
    """403: the client is known, and may not do this."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(403, detail, kind, members)


class NotFoundError(ProblemError):
    """404: there is no such thing: `raise NotFoundError("user")`, of the kind user-not-found."""

    def __init__(
        self, thing: str, detail: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        kind = f"{thing.replace(' ', '-')}-not-found"
        super().__init__(404, detail or f"There is no {thing} with this id.", kind, members)


class ConflictError(ProblemError):
    """409: what is stored does not allow this."""

    def __init__(
        self, detail: str, kind: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(409, detail, kind, members)


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


def with_problem_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with the schemas that problem_responses() refers to."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = problem.pop("$defs")
    components = document["components"]
    schemas = {**components["schemas"], **definitions, "Problem": problem}
    return {**document, "components": {**components, "schemas": schemas}}


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
