"""Every error as a problem: application/problem+json, RFC 9457.

Raise ProblemError anywhere in a request, with a status, a detail and a kind:

    raise ProblemError(404, "There is no user with this id.", "user-not-found")

HTTPException of FastAPI, invalid requests and errors of the database become problems as well. An
application that is mounted (`app.mount("/sub", FastAPI())`) answers its own errors: call
add_error_handlers() with it. A handler of the service wins over a built-in one:
`@app.exception_handler(RequestValidationError)`.
"""

from kit._internal.error_handlers import add_error_handlers
from kit._internal.problems import (
    InvalidInput,
    Problem,
    ProblemError,
    problem_response,
    problem_responses,
)

__all__ = [
    "InvalidInput",
    "Problem",
    "ProblemError",
    "add_error_handlers",
    "problem_response",
    "problem_responses",
]
