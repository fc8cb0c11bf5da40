"""Authenticates clients by the access token in the Authorization header (RFC 6750, 2.1)."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from kit._internal.auth.bearer import bearer_token
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.auth.interface import Authenticator, Principal
from kit._internal.auth.oidc.compact import InvalidTokenError
from kit._internal.auth.oidc.keys import KeyCache, KeysUnavailableError
from kit._internal.auth.oidc.provider import DISCOVERY_PATH
from kit._internal.auth.oidc.tokens import TokenVerifier
from kit._internal.health.errors import NotReadyError
from kit._internal.problems import ProblemError

if TYPE_CHECKING:
    from kit._internal.auth.oidc.settings import Settings
    from kit.application import Service

logger = logging.getLogger(__name__)

UNAVAILABLE = "The identity provider cannot be reached."


class OidcAuthenticator(Authenticator):
    """Verifies access tokens of the provider in the settings."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings
        issuer = settings.auth_issuer or ""
        self.keys = KeyCache(issuer)
        self.verifier = TokenVerifier(settings, self.keys)
        # The page /docs reads the addresses for signing in from the discovery document.
        url = issuer.rstrip("/") + DISCOVERY_PATH
        self.schemes: Mapping[str, Mapping[str, Any]] = {
            "oidc": {"type": "openIdConnect", "openIdConnectUrl": url}
        }
        self.docs_options: Mapping[str, Any] = {"usePkceWithAuthorizationCodeGrant": True}
        if settings.auth_docs_client_id is not None:
            self.docs_options = {**self.docs_options, "clientId": settings.auth_docs_client_id}

    def missing_settings(self) -> Sequence[str]:
        names = ("auth_issuer", "auth_audience", "auth_permissions_claim")
        return [name for name in names if not getattr(self.settings, name)]

    @asynccontextmanager
    async def serve(self, service: "Service") -> AsyncIterator[None]:  # noqa: ARG002
        if not self.settings.auth_fetch_keys:
            yield
            return
        async with self.keys.serve():
            yield

    async def check_ready(self) -> None:
        if self.settings.auth_fetch_keys and not await self.keys.are_known():
            raise NotReadyError(UNAVAILABLE)

    async def authenticate(self, connection: HTTPConnection) -> Principal | None:
        credentials = bearer_token(connection.scope["headers"])
        if credentials is None:
            return None
        try:
            return await self.verifier.verify(credentials)
        except InvalidTokenError as error:
            # The reason quotes nothing of the token.
            logger.info("refused an access token: %s", error)
            raise UnauthorizedError(f"The access token is refused: {error}.") from None
        except KeysUnavailableError:
            raise ProblemError(503, UNAVAILABLE, "identity-provider-unavailable") from None
