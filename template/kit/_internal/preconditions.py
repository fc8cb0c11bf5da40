"""The preconditions of a request: when it may change a row, and which answer the client has."""

from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.requests import Request

from kit._internal.entity_tags import (
    ANY,
    HEADER_PATTERN,
    MalformedTagsError,
    opaque,
    parse_tags,
    tag_of,
    version_in,
)
from kit._internal.problems import BadRequestError, ProblemError, problem_responses

MISMATCH = "The version differs from the one in the request: read it again, then repeat the change."
MALFORMED = 'If-Match is neither * nor a list of entity tags, such as "3".'


class VersionMismatchError(ProblemError):
    """412: a precondition of the request is false; nothing was changed (RFC 9110, 15.5.13)."""

    def __init__(self) -> None:
        super().__init__(412, MISMATCH, "version-mismatch")


class Preconditions:
    """If-Match and If-None-Match of a request that changes a row.

    None stands for a header that the request does not have.
    """

    def __init__(
        self, if_match: list[str] | None = None, if_none_match: list[str] | None = None
    ) -> None:
        self.if_match = if_match
        self.if_none_match = if_none_match

    @property
    def always_hold(self) -> bool:
        """Whether each version of an existing row may be changed: also for `If-Match: *`."""
        return self.if_none_match is None and self.if_match in (None, [ANY])

    def only_version(self) -> int | None:
        """Return the version, if the request is for a single one."""
        if self.if_none_match is not None or self.if_match is None or len(self.if_match) != 1:
            return None
        return version_in(self.if_match[0])

    def hold(self, version: int) -> bool:
        """Return whether a row of this version may be changed.

        If-Match compares strongly, so weak tags never match (RFC 9110, 13.1.1); If-None-Match
        compares weakly (13.1.2). The order is that of 13.2.2.
        """
        tag = tag_of(version)
        if self.if_match not in (None, [ANY]) and tag not in (self.if_match or ()):
            return False
        if self.if_none_match is None:
            return True
        return not matches_weakly(self.if_none_match, tag)

    def check(self, row: Any) -> None:  # noqa: ANN401
        """Raise VersionMismatchError (412) if this row, or object of a session, may not change."""
        if not self.hold(version_of(row)):
            raise VersionMismatchError


def version_of(row: Any) -> int:  # noqa: ANN401
    """Return the version of a row of Database, or of an object."""
    version: int = row["version"] if isinstance(row, dict) else row.version
    return version


def matches_weakly(tags: list[str], tag: str) -> bool:
    """Return whether a tag is in a list, also as a weak one (RFC 9110, 8.8.3.2)."""
    return tags == [ANY] or opaque(tag) in map(opaque, tags)


def read_tags(request: Request, name: str) -> list[str] | None:
    """Return the entity tags of a header, in one or several lines; None without it."""
    lines = request.headers.getlist(name)
    if not lines:
        return None
    return parse_tags(", ".join(lines))


def read_if_none_match(request: Request) -> list[str] | None:
    """Return the tags of If-None-Match; none of a malformed header, which matches nothing."""
    try:
        return read_tags(request, "if-none-match")
    except MalformedTagsError:
        return []


def read_preconditions(
    request: Request,
    _if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the version to change; another version is not changed: 412.",
            json_schema_extra={"pattern": HEADER_PATTERN},
        ),
    ] = None,
) -> Preconditions:
    """Return the preconditions of a request; raise 400 for a malformed If-Match.

    RFC 9110 does not say what to do with such a header. Ignoring it would lose updates.
    """
    try:
        if_match = read_tags(request, "if-match")
    except MalformedTagsError:
        raise BadRequestError(MALFORMED, "invalid-if-match") from None
    return Preconditions(if_match, read_if_none_match(request))


# The conditions of a request with If-Match, in the signature of a route. The header is optional.
PreconditionsOfRequest = Annotated[Preconditions, Depends(read_preconditions)]

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the version that the client has: 304 if there is no other.",
    # Without a pattern: malformed text matches nothing.
    "schema": {"type": "string"},
}


def with_preconditions(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with If-None-Match where 304 is documented.

    Operations with If-Match also get its errors, 400 and 412.
    """
    for item in document.get("paths", {}).values():
        for operation in item.values():
            if not isinstance(operation, dict):
                continue
            responses = operation.get("responses", {})
            parameters = {parameter.get("name") for parameter in operation.get("parameters", ())}
            if "304" in responses and "If-None-Match" not in parameters:
                operation.setdefault("parameters", []).append(IF_NONE_MATCH)
            if "If-Match" in parameters:
                for status, response in problem_responses(400, 412).items():
                    responses.setdefault(str(status), response)
    return document
