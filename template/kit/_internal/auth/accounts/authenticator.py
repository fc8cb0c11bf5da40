"""Authenticates users by the cookie of their session, and programs by an API key or a token."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import HTTPConnection

from kit._internal.auth.accounts import cookies
from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.mail.settings import missing_mail_settings
from kit._internal.auth.accounts.origins import refuse_other_origins
from kit._internal.auth.accounts.permissions import expand
from kit._internal.auth.accounts.tokens import KEY_PREFIX, hash_of
from kit._internal.auth.accounts.users import describe_missing_columns
from kit._internal.auth.bearer import bearer_token
from kit._internal.auth.callers import service_of
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.auth.interface import Authenticator, Principal, UnsuitableModelsError
from kit._internal.auth.routes import required_permissions
from kit.settings import prefix_of

if TYPE_CHECKING:
    from kit._internal.auth.accounts.settings import Settings
    from kit.application import Service
    from kit.db import Database


@dataclass(frozen=True, kw_only=True)
class SessionPrincipal(Principal):
    """A user who has signed in."""

    user_id: Any
    session_id: UUID


class AccountsAuthenticator(Authenticator):
    """Finds sessions and API keys in the database of the service."""

    headers: ClassVar[Sequence[str]] = ("Authorization", "Cookie")
    schemes: Mapping[str, Mapping[str, Any]] = {
        "session": {"type": "apiKey", "in": "cookie", "name": cookies.NAME},
        "bearer": {"type": "http", "scheme": "bearer", "description": "A session or an API key"},
    }

    uses_cookies = True
    own_path: ClassVar[str | None] = "/auth/me"

    def __init__(self, settings: "Settings", routers: Sequence[APIRouter]) -> None:
        self.settings = settings
        self.own_routers = routers
        self.accounts = Accounts(settings)
        self.known_permissions: frozenset[str] | None = None

    @property
    def routers(self) -> Sequence[APIRouter]:
        return self.own_routers

    def missing_settings(self) -> Sequence[str]:
        return missing_mail_settings(self.settings)

    def other_reasons(self, service: "Service") -> Sequence[str]:
        self.accounts.own_new_user = service.new_user
        try:
            self.accounts.tables  # noqa: B018
        except UnsuitableModelsError as error:
            return [str(error)]
        reasons = self.accounts.mailer.reasons_not_to_start()
        try:
            self.accounts.relying_party  # noqa: B018
        except ValueError as error:
            reasons += [f"{prefix_of(type(service.state.settings))}AUTH_PASSKEY_DOMAIN {error}"]
        if self.settings.auth_sign_up != "off" and service.new_user is None:
            setting = f"{prefix_of(type(service.state.settings))}AUTH_SIGN_UP=off"
            reasons += describe_missing_columns(self.accounts.model, setting)
        return reasons

    @asynccontextmanager
    async def serve(self, service: "Service") -> AsyncIterator[None]:  # noqa: ARG002
        # The lifespan of the service may have added routes.
        self.known_permissions = None
        async with self.accounts.serve():
            yield

    async def authenticate(self, connection: HTTPConnection) -> Principal | None:
        token = bearer_token(connection.scope["headers"])
        if token is None:
            token = cookies.session_cookie(connection)
            if token is None:
                return None
            refuse_other_origins(connection, self.allowed_origins(connection))
        token_hash = hash_of(token)
        principal = self.accounts.cache.get(token_hash)
        if principal is not None:
            return principal
        generation = self.accounts.cache.generation
        principal = await self.find(connection, token)
        if principal is None:
            raise UnauthorizedError("The session or the API key is invalid or has ended.")
        self.accounts.cache.put(token_hash, principal, generation)
        return principal

    async def find(self, connection: HTTPConnection, token: str) -> Principal | None:
        """Return the user or the program of a token, from the database."""
        service = service_of(connection)
        database = service.sources[0].of(connection)
        known = self.permissions_of(service)
        if token.startswith(KEY_PREFIX):
            return await self.find_key(database, token, known)
        session = await self.accounts.sessions.find(database, token)
        if session is None:
            return None
        await self.accounts.sessions.touch(database, session)
        return SessionPrincipal(
            subject=str(session.user_id),
            kind="user",
            permissions=expand(session.permissions, known),
            user_id=session.user_id,
            session_id=session.session_id,
        )

    async def find_key(
        self, database: "Database", token: str, known: frozenset[str]
    ) -> Principal | None:
        """Return the program that has an API key."""
        key = await self.accounts.api_keys.find(database, token)
        if key is None:
            return None
        await self.accounts.api_keys.touch(database, key)
        # A user who has lost a right has lost it for all keys.
        permissions = key.permissions & expand(key.user_permissions, known)
        return Principal(str(key.user_id), "client", permissions)

    def permissions_of(self, service: "Service") -> frozenset[str]:
        """Return all permissions that routes of the service require."""
        if self.known_permissions is None:
            self.known_permissions = required_permissions(service)
        return self.known_permissions

    def allowed_origins(self, connection: HTTPConnection) -> Sequence[str]:
        """Return the origins whose pages may call the API; "*" is none of them."""
        origins: Sequence[str] = service_of(connection).state.settings.cors_origins
        return origins
