"""The answer to a request with an Idempotency-Key, as it is stored and sent again."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel
from pydantic_core import to_json

# Set from the body. Cookies are secrets of a client, which the table must not have.
NOT_STORED = {b"content-length", b"content-type", b"set-cookie"}
# With this header, clients distinguish the same answer again from the first one, as at Stripe.
REPLAYED = {"Idempotent-Replayed": "true"}


@dataclass(frozen=True)
class Answer:
    """The status, headers and JSON body of a response; without a body for a status such as 204."""

    status: int
    headers: str
    body: bytes

    def response(self) -> Response:
        """Return the response to a repeated request."""
        response = Response(self.body, self.status, REPLAYED, "application/json")
        for name, value in json.loads(self.headers):
            response.headers.append(name, value)
        return response


class ReplayError(Exception):
    """The request has been answered before: its handler sends the same answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("the request has been answered before")
        self.answer = answer


def answer_of(content: Any, status: int, response: Response) -> Answer:  # noqa: ANN401
    """Return the answer of a route that returns this, with the headers of FastAPI's response."""
    body = b""
    if is_body_allowed_for_status_code(status):
        body = json_of(content)
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in response.raw_headers
        if name not in NOT_STORED
    ]
    return Answer(status, json.dumps(headers), body)


def json_of(content: Any) -> bytes:  # noqa: ANN401
    """Return JSON as FastAPI does, which applies the model's own configuration."""
    if isinstance(content, BaseModel):
        return content.model_dump_json(by_alias=True).encode()
    return to_json(content)
