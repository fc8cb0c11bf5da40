"""Errors that clients get as problems: application/problem+json, RFC 9457.

    ProblemError(status, detail, kind)
    |-- BadRequestError(detail, kind)   400
    |-- ForbiddenError(detail, kind)    403
    |-- NotFoundError("user")           404, of the kind user-not-found
    `-- ConflictError(detail, kind)     409

Raise them anywhere in a request. FastAPI's HTTPException, invalid requests and database errors also
become problems. A mounted application (`app.mount("/sub", FastAPI())`) handles its own errors: call
add_error_handlers() with it. Your handlers override the built-in ones:
`@app.exception_handler(RequestValidationError)`.
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
