"""Verifies access tokens: signature, issuer, audience, times, purpose (RFC 9068, 4).

A token that is refused raises InvalidTokenError. KeysUnavailableError means that it cannot be
verified now, as the provider cannot be reached.
"""

import hashlib
import time
from typing import TYPE_CHECKING

from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, deserialize_compact

from kit._internal.auth.interface import Principal
from kit._internal.auth.oidc.claims import check_claims, principal_of
from kit._internal.auth.oidc.compact import MAX_TOKEN, InvalidTokenError, parse_token
from kit._internal.auth.oidc.keys import KeyCache, UnknownKeyError

if TYPE_CHECKING:
    from kit._internal.auth.oidc.settings import Settings

# Verified tokens that are remembered, about 700 bytes each.
MAX_VERIFIED = 10_000


class Registry(JWSRegistry):
    """The allowed algorithms. Unknown members of a header are ignored (RFC 7515, 4)."""

    max_header_length = MAX_TOKEN
    max_payload_length = MAX_TOKEN
    max_signature_length = MAX_TOKEN

    def __init__(self, settings: "Settings") -> None:
        super().__init__(algorithms=settings.auth_algorithms, strict_check_header=False)


class TokenVerifier:
    """Verifies tokens; remembers verified ones until they expire or the keys change."""

    def __init__(self, settings: "Settings", keys: KeyCache) -> None:
        self.settings = settings
        self.keys = keys
        self.registry = Registry(settings)
        # By the hash of the token: when it expires, and its principal. The oldest comes first.
        self.verified: dict[bytes, tuple[float, Principal]] = {}
        self.verified_with = keys.keys

    async def verify(self, token: str) -> Principal:
        """Return the principal of a token; raise InvalidTokenError or KeysUnavailableError."""
        if self.verified_with is not self.keys.keys:
            # The key of some tokens may have been withdrawn.
            self.verified.clear()
            self.verified_with = self.keys.keys
        digest = hashlib.sha256(token.encode()).digest()
        known = self.verified.get(digest)
        if known is not None and time.time() < known[0]:
            return known[1]
        header, content = parse_token(token)
        # Before the key is searched: only a token that might be valid may cause a request.
        if header.algorithm not in self.settings.auth_algorithms:
            raise InvalidTokenError("its algorithm is not allowed")
        claims = check_claims(content, self.settings, time.time())
        principal = principal_of(content, claims, self.settings)
        try:
            key = await self.keys.find(header.kid, header.algorithm)
        except UnknownKeyError:
            raise InvalidTokenError("its key is unknown") from None
        self.check_signature(token, key)
        self.remember(digest, claims.exp + self.settings.auth_leeway, principal)
        return principal

    def check_signature(self, token: str, key: Key) -> None:
        try:
            deserialize_compact(token, key, registry=self.registry)
        except (JoseError, ValueError, TypeError):
            raise InvalidTokenError("its signature is invalid") from None

    def remember(self, digest: bytes, expires: float, principal: Principal) -> None:
        self.verified.pop(digest, None)
        if len(self.verified) >= MAX_VERIFIED:
            del self.verified[next(iter(self.verified))]
        self.verified[digest] = (expires, principal)
