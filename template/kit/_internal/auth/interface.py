"""The interface of a way to authenticate clients, such as tokens of an identity provider.

Each is a folder beside this module. `chosen_settings.py` and `chosen.py` name the one of this
service. Its `settings.py` has:

- `Settings`: its settings, all of which have a default. `Authenticator.missing_settings()` names
  those that the service needs to start: migrations and other commands do not need them.
- `VALUES_IN_TESTS`: settings with which tests create the service.
- `FIXTURES`: modules with further fixtures of pytest for the tests of the service.

Its `creation.py` imports nothing else of the folder until one of its functions is called, and has:

- `create_authenticator(settings)`, which returns an Authenticator, or None if clients are not
  authenticated. It does not connect to anything.
- `add_tables(metadata, settings_class)`, which adds its tables, if any, to those of the project,
  with ADDED_BY in their `info`. It raises UnsuitableModelsError if the project's models do not fit.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import HTTPConnection

    from kit.application import Service


# The key in Table.info with the answer that adds the table, such as auth=accounts.
ADDED_BY = "added_by"


class UnsuitableModelsError(RuntimeError):
    """The project's models do not fit to the chosen way to authenticate clients."""


@dataclass(frozen=True)
class Principal:
    """Who calls a route: a user or a program.

    `subject` is an id, which is logged: no name and no e-mail address. `kind` is "user",
    or "client" for a program that has authenticated itself.
    """

    subject: str
    kind: str
    permissions: frozenset[str] = frozenset()


class Authenticator:
    """A way to authenticate clients; subclasses override what they need."""

    # OpenAPI security schemes by name; a client uses one of them.
    schemes: Mapping[str, Mapping[str, Any]] = {}
    # Options of the sign-in on /docs: FastAPI's swagger_ui_init_oauth.
    docs_options: Mapping[str, Any] = {}
    # Request headers that identify the client: answers vary by them.
    headers: ClassVar[Sequence[str]] = ("Authorization",)
    # Whether pages of the allowed origins (CORS_ORIGINS) send cookies.
    uses_cookies = False
    # The path of a GET route in `routers`, if any: other requests skip all of them.
    own_path: ClassVar[str | None] = None

    @property
    def routers(self) -> Sequence["APIRouter"]:
        """Routes of its own, such as those to sign in."""
        return ()

    async def authenticate(self, connection: "HTTPConnection") -> Principal | None:
        """Return the client of a request or a WebSocket; None if it sends no credentials.

        Raises UnauthorizedError for invalid credentials, and ProblemError with status 503 if they
        cannot be verified now.
        """
        raise NotImplementedError

    def missing_settings(self) -> Sequence[str]:
        """Return the names of settings without which the service must not start."""
        return ()

    def other_reasons(self, service: "Service") -> Sequence[str]:  # noqa: ARG002
        """Return a line for each other reason for which the service must not start."""
        return ()

    @asynccontextmanager
    async def serve(self, service: "Service") -> AsyncIterator[None]:  # noqa: ARG002
        """Do background work, such as refreshing keys, while the service runs."""
        yield

    async def check_ready(self) -> None:
        """Raise NotReadyError if no client can be authenticated now."""
