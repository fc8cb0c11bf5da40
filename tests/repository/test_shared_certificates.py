"""HTTP clients of the tests share their certificate authorities, unless they name others."""

import ssl
from unittest import mock

import httpx
import pytest
from httpx._transports import default

from harness.shared_certificates import shared_certificates


def test_certificates_are_read_once() -> None:
    """Fails when httpx no longer creates its contexts under the name that is replaced."""
    own = ssl.create_default_context()
    with (
        shared_certificates(),
        mock.patch.object(ssl, "create_default_context", return_value=own) as read,
    ):
        for _ in range(3):
            httpx.Client().close()
    assert read.call_count == 1


def test_certificates_of_the_environment_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with shared_certificates(), pytest.raises(FileNotFoundError):
        httpx.Client()


def test_other_contexts_are_used() -> None:
    own = ssl.create_default_context()
    with shared_certificates():
        assert default.create_ssl_context(verify=own) is own
        assert default.create_ssl_context(verify=False).verify_mode == ssl.CERT_NONE
        assert default.create_ssl_context().verify_mode == ssl.CERT_REQUIRED
