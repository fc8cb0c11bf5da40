"""Requests to the provider: its discovery document, and its public keys.

Answers are limited in size and time. Redirects are not followed, so that requests go only to the
issuer of the settings and to the `jwks_uri` that it names itself.
"""

import asyncio
import json
import warnings
from typing import Any

from httpx2 import AsyncClient, HTTPError, InvalidURL, Limits
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from kit._internal.auth.oidc.urls import may_fetch

DISCOVERY_PATH = "/.well-known/openid-configuration"
# Longest time of the two requests together, and largest answer in bytes.
TIMEOUT = 5.0
MAX_BYTES = 500_000
MAX_KEYS = 100
# RSA keys: shorter ones are weak, longer ones make each verification slow.
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
# What malformed keys raise.
KEY_ERRORS = (JoseError, ValueError, TypeError, KeyError, AttributeError)


class ProviderError(Exception):
    """Why the keys of the provider cannot be read, in one line for the log."""


class Provider:
    """The identity provider."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.discovery_url = issuer.rstrip("/") + DISCOVERY_PATH
        # A connection that is kept for the next request, minutes later, may be closed by then.
        limits = Limits(max_keepalive_connections=0)
        self.client = AsyncClient(timeout=TIMEOUT, follow_redirects=False, limits=limits)

    async def close(self) -> None:
        await self.client.aclose()

    async def fetch_keys(self) -> list[Key]:
        """Return the keys that the provider signs with; raise ProviderError if it fails."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self.discover_keys()
        except TimeoutError:
            reason = f"{self.issuer} did not answer in {TIMEOUT:g} seconds"
            raise ProviderError(reason) from None

    async def discover_keys(self) -> list[Key]:
        discovery = await self.fetch(self.discovery_url)
        # OpenID Connect Discovery, 4.3: otherwise it describes another provider.
        if discovery.get("issuer") != self.issuer:
            raise ProviderError(f"{self.discovery_url} is of another issuer than AUTH_ISSUER")
        url = discovery.get("jwks_uri")
        if not isinstance(url, str) or not may_fetch(url, self.issuer):
            raise ProviderError(f"{self.discovery_url} has no jwks_uri with https")
        document = await self.fetch(url)
        keys = read_keys(document)
        if not keys:
            raise ProviderError(f"{url} has no key that can verify signatures")
        return keys

    async def fetch(self, url: str) -> dict[str, Any]:
        """Return the JSON object at a URL; raise ProviderError if it fails."""
        try:
            document = json.loads(await self.read(url))
        except (HTTPError, InvalidURL, OSError) as error:
            raise ProviderError(f"{url} cannot be reached: {type(error).__name__}") from error
        except (ValueError, RecursionError):
            raise ProviderError(f"{url} does not answer with JSON") from None
        if not isinstance(document, dict):
            raise ProviderError(f"{url} does not answer with a JSON object")
        return document

    async def read(self, url: str) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        content = b""
        async with self.client.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:  # noqa: PLR2004
                raise ProviderError(f"{url} answers with status {response.status_code}")
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise ProviderError(f"{url} answers with more than {MAX_BYTES} bytes")
        return content


def read_keys(document: dict[str, Any]) -> list[Key]:
    """Return the keys for signatures in a JWK Set; others are ignored (RFC 7517, 5)."""
    items = document.get("keys")
    if not isinstance(items, list):
        return []
    keys = []
    for item in items[:MAX_KEYS]:
        key = read_key(item)
        if key is not None:
            keys.append(key)
    return keys


def read_key(item: Any) -> Key | None:  # noqa: ANN401
    """Return a public key for signatures, or None for any other."""
    try:
        with warnings.catch_warnings():
            # About weak keys, which are ignored below.
            warnings.simplefilter("ignore", SecurityWarning)
            key = import_key(item)
        if not isinstance(key, RSAKey | ECKey | OKPKey):
            return None
        # Computes the numbers of the key, which may be invalid.
        public_key = key.public_key
    except KEY_ERRORS:
        return None
    if key.get("use", "sig") != "sig":
        return None
    if "verify" not in (key.get("key_ops") or ["verify"]):
        return None
    bits = getattr(public_key, "key_size", MIN_RSA_BITS)
    if isinstance(key, RSAKey) and not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        return None
    return key
