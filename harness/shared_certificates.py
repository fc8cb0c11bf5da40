"""Reads the certificate authorities once for all HTTP clients of the tests.

Each `httpx.get()` creates a client, which reads the file of certifi: 25 ms of CPU, though tests
connect to loopback. A test that waits for a server sends twenty requests. httpx has no default for
`verify`, so the name `create_ssl_context` in its module of transports is replaced (httpx 0.28);
`tests/repository/test_shared_certificates.py` fails when it is no longer used there.
"""

import contextlib
import functools
import os
import ssl
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
from httpx._transports import default

# They name the authorities of clients without options of their own.
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextlib.contextmanager
def shared_certificates() -> Iterator[None]:
    """Share a TLS context between clients without options of their own, within this context."""

    @functools.cache
    def create_once(*_: str | None) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def create_or_share(
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        trust_env: bool = True,
    ) -> ssl.SSLContext:
        if verify is True and cert is None and trust_env:
            return create_once(*map(os.environ.get, VARIABLES))
        return httpx.create_ssl_context(verify=verify, cert=cert, trust_env=trust_env)

    with mock.patch.object(default, "create_ssl_context", create_or_share):
        yield
