"""Errors that clients get as problems: application/problem+json, RFC 9457.

    ProblemError(status, detail, kind)
    |-- BadRequestError(detail, kind)   400
    |-- ForbiddenError(detail, kind)    403
    |-- NotFoundError("user")           404, of the kind user-not-found
    `-- ConflictError(detail, kind)     409

Raise them anywhere in a request. HTTPException of FastAPI, invalid requests and errors of the
database become problems as well. An application that is mounted (`app.mount("/sub", FastAPI())`)
answers its own errors: call add_error_handlers() with it. A handler of the service wins over a
built-in one: `@app.exception_handler(RequestValidationError)`.
"""

from kit._internal.error_handlers import add_error_handlers
from kit._internal.problems import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidInput,
    NotFoundError,
    Problem,
    ProblemError,
    problem_response,
    problem_responses,
)

__all__ = [
    "BadRequestError",
    "ConflictError",
    "ForbiddenError",
    "InvalidInput",
    "NotFoundError",
    "Problem",
    "ProblemError",
    "add_error_handlers",
    "problem_response",
    "problem_responses",
]
