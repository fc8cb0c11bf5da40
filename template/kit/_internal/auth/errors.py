"""Errors of authentication and of permissions, with the challenges of RFC 6750."""

from collections.abc import Mapping, Sequence
from typing import Any

from kit._internal.problems import ForbiddenError, ProblemError


class UnauthorizedError(ProblemError):
    """401: the client sends no credentials, or invalid ones.

    `challenge` is the value of WWW-Authenticate (RFC 9110, 11.6.1).
    """

    def __init__(
        self,
        detail: str,
        kind: str | None = "invalid-credentials",
        members: Mapping[str, Any] | None = None,
        challenge: str = 'Bearer error="invalid_token"',
    ) -> None:
        super().__init__(401, detail, kind, members)
        self.headers = {"WWW-Authenticate": challenge}


class MissingPermissionError(ForbiddenError):
    """403: the client is known, but lacks permissions, which the problem names."""

    def __init__(self, missing: Sequence[str]) -> None:
        names = " ".join(missing)
        super().__init__(
            f"This needs the permission {' and '.join(missing)}.",
            "missing-permission",
            {"missing": list(missing)},
        )
        challenge = f'Bearer error="insufficient_scope", scope="{names}"'
        self.headers = {"WWW-Authenticate": challenge}
