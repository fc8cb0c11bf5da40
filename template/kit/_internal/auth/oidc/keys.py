"""The public keys of the provider, which are known without a request for almost every token.

They are fetched in the background, and when a token names an unknown key, so that tokens are
accepted immediately after a rotation. Tokens of attackers name unknown keys, too: they may cause a
request only once a minute. While the provider is down, the known keys stay in use.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from joserfc.jwk import Key

from kit._internal.auth.oidc.provider import Provider, ProviderError

logger = logging.getLogger(__name__)

# Seconds between two requests in the background.
REFRESH_INTERVAL = 300.0
# Seconds until the next request when one failed; less while no key is known.
RETRY_INTERVAL = 60.0
MAX_FIRST_INTERVAL = 15.0
# Seconds between two requests that tokens with unknown keys cause.
UNKNOWN_KEY_INTERVAL = 60.0
# How long readiness and start-up wait for the first keys.
READY_TIMEOUT = 2.0
# The type of key of an algorithm, by the start of its name (RFC 7518, 3.1; RFC 9864).
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class UnknownKeyError(Exception):
    """The provider does not have the key of a token."""


class KeysUnavailableError(Exception):
    """Whether the provider has the key of a token is unknown, as it cannot be reached."""


class KeyCache:
    """The keys of the provider; `keys` is another list when they have changed."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.provider: Provider | None = None
        self.keys: list[Key] = []
        # Why the last request failed.
        self.failure: str | None = None
        self.refreshing: asyncio.Task[None] | None = None
        # When a token with an unknown key may cause a request.
        self.next_for_unknown = 0.0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Fetch the keys in the background."""
        self.provider = Provider(self.issuer)
        self.start_fetching()
        task = asyncio.create_task(self.refresh_regularly())
        try:
            yield
        finally:
            for running in (task, self.refreshing):
                if running is not None:
                    running.cancel()
                    with suppress(asyncio.CancelledError):
                        await running
            await self.provider.close()
            self.provider = None

    async def are_known(self) -> bool:
        """Return whether there are keys; wait for the first request for some seconds."""
        if not self.keys and self.refreshing is not None:
            await asyncio.wait({self.refreshing}, timeout=READY_TIMEOUT)
        return bool(self.keys)

    async def find(self, kid: str | None, algorithm: str) -> Key:
        """Return the key of a token; raise UnknownKeyError or KeysUnavailableError."""
        key = self.match(kid, algorithm)
        if key is not None:
            return key
        if self.may_refresh():
            await self.refresh()
            key = self.match(kid, algorithm)
            if key is not None:
                return key
        if self.failure is not None or not self.keys:
            raise KeysUnavailableError
        raise UnknownKeyError

    def match(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key with this id; without an id, the only key for the algorithm."""
        keys = [key for key in self.keys if suits(key, algorithm)]
        if kid is not None:
            keys = [key for key in keys if key.kid == kid]
        if len(keys) != 1:
            return None
        return keys[0]

    def may_refresh(self) -> bool:
        """Return whether a token with an unknown key may wait for a request now."""
        if self.refreshing is not None:
            return True
        # Without keys, refresh_regularly() requests them more often.
        if not self.keys or time.monotonic() < self.next_for_unknown:
            return False
        self.next_for_unknown = time.monotonic() + UNKNOWN_KEY_INTERVAL
        return True

    async def refresh_regularly(self) -> None:
        attempts = 0
        while True:
            await self.refresh()
            attempts += 1
            if self.failure is None:
                delay = REFRESH_INTERVAL
            elif self.keys:
                delay = RETRY_INTERVAL
            else:
                delay = min(2.0 ** min(attempts, 10) / 4, MAX_FIRST_INTERVAL)
            await asyncio.sleep(delay)

    async def refresh(self) -> None:
        await asyncio.shield(self.start_fetching())

    def start_fetching(self) -> asyncio.Task[None]:
        """Return the running request, or a new one: there is only one at a time."""
        if self.refreshing is None:
            self.refreshing = asyncio.create_task(self.fetch())
        return self.refreshing

    async def fetch(self) -> None:
        try:
            if self.provider is not None:
                self.replace(await self.provider.fetch_keys())
        except ProviderError as error:
            self.report(str(error))
        except Exception:
            logger.exception("the keys of the identity provider cannot be read")
            self.failure = "unexpected error"
        finally:
            self.refreshing = None

    def replace(self, keys: list[Key]) -> None:
        if self.failure is not None:
            logger.info("the identity provider answers again")
            self.failure = None
        if keys_as_dicts(keys) != keys_as_dicts(self.keys):
            self.keys = keys

    def report(self, failure: str) -> None:
        if failure != self.failure:
            logger.warning("the identity provider does not serve: %s", failure)
        self.failure = failure


def suits(key: Key, algorithm: str) -> bool:
    """Return whether a key may verify signatures of this algorithm."""
    if key.get("alg", algorithm) != algorithm:
        return False
    return key.key_type == KEY_TYPES.get(algorithm[:2])


def keys_as_dicts(keys: list[Key]) -> list[object]:
    return [key.as_dict(private=False) for key in keys]
