"""The identity provider rotates its keys, restarts, hangs or lies while a service runs."""

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from harness.oidc import IdentityProvider, rsa_key
from harness.oidc_server import DISCOVERY
from harness.processes import wait_for
from harness.project import Project
from harness.servers import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

KEY = rsa_key("first")
UNAVAILABLE = "The identity provider cannot be reached."
NO_ADDRESS = "has no jwks_uri with https"
# Prints why the keys of each provider cannot be read.
FETCH = """
import asyncio, sys
from kit._internal.auth.oidc.provider import Provider, ProviderError

async def fetch(issuer):
    provider = Provider(issuer)
    try:
        keys = await provider.fetch_keys()
        print(issuer, "keys:", *[key.kid for key in keys])
    except ProviderError as error:
        print(issuer, error)
    finally:
        await provider.close()

async def main():
    await asyncio.gather(*map(fetch, sys.argv[1:]))

asyncio.run(main())
"""

Prepare = Callable[[IdentityProvider, str], None]
Serve = Callable[..., contextlib.AbstractContextManager[RunningService]]


@pytest.fixture
def provider(tmp_path: Path) -> IdentityProvider:
    """Return a provider that does not run yet."""
    return IdentityProvider(tmp_path / "provider")


@pytest.fixture
def serve(oidc_project: Project, provider: IdentityProvider, tmp_path: Path) -> Serve:
    """Return a function that serves the project, with settings."""

    def run(**settings: str) -> contextlib.AbstractContextManager[RunningService]:
        env = {**provider.settings, **settings}
        return oidc_project.serve("python", "-m", "app", env=env, log=tmp_path / "log")

    return run


def status(service: RunningService, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{service.address}/users", headers=headers, timeout=30).status_code


def is_ready(service: RunningService) -> bool:
    return httpx.get(f"{service.address}/health/ready", timeout=30).is_success


def wait_until_ready(service: RunningService) -> None:
    wait_for(lambda: is_ready(service), "the service is ready")


def test_a_provider_that_starts_after_the_service(serve: Serve, provider: IdentityProvider) -> None:
    with serve() as service:
        answer = httpx.get(f"{service.address}/health/ready")
        assert (answer.status_code, answer.json()["detail"]) == (503, UNAVAILABLE)
        assert status(service, provider.token()) == 503
        with provider.run():
            wait_until_ready(service)
            assert status(service, provider.token()) == 200
        assert service.log.count("the identity provider does not serve") == 1
        assert service.log.count("the identity provider answers again") == 1


def test_a_provider_that_stops(serve: Serve, provider: IdentityProvider) -> None:
    """Known keys stay in use; whether an unknown one is the provider's cannot be told."""
    with serve() as service:
        with provider.run():
            wait_until_ready(service)
            known = provider.token()
            assert status(service, known) == 200
        assert status(service, known) == 200
        assert status(service, provider.token(sub="new")) == 200
        assert is_ready(service)
        provider.rotate("second")
        assert status(service, provider.token()) == 503
        assert status(service, provider.token(aud="billing")) == 401
        with provider.run():
            assert status(service, known) == 200


def test_rotated_keys(serve: Serve, provider: IdentityProvider) -> None:
    """New tokens are accepted at once, tokens of withdrawn keys no more, remembered ones included."""
    with provider.run(), serve() as service:
        wait_until_ready(service)
        old = provider.token()
        assert status(service, old) == 200
        provider.rotate("second")
        assert status(service, old) == 200
        assert status(service, provider.token()) == 200
        assert status(service, old) == 401
        # Unknown keys cause one request in a minute.
        provider.rotate("third")
        assert status(service, provider.token()) == 401
        assert provider.requests == [DISCOVERY, "/jwks"] * 2


def test_a_provider_that_hangs(serve: Serve, provider: IdentityProvider) -> None:
    """Start-up does not wait for it; requests wait for a time limit, shutdown not at all."""
    provider.set_mode("hang")
    with provider.run(), serve() as service:
        assert status(service, provider.token()) == 503
        assert status(service, "x") == 401
        assert not is_ready(service)
        service.process.send_signal(signal.SIGTERM)
        assert service.wait() == 0


def discovery(**changes: Any) -> Prepare:
    """Return a provider with another discovery document; {evil} is another host."""

    def prepare(provider: IdentityProvider, evil: str) -> None:
        document = {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/jwks"}
        for name, text in changes.items():
            document[name] = text.replace("{evil}", evil) if isinstance(text, str) else text
        provider.write("discovery.json", document)

    return prepare


def keys(build: Callable[[IdentityProvider], list[Any]]) -> Prepare:
    return lambda provider, _: provider.publish(*build(provider))


def mode(name: str) -> Prepare:
    return lambda provider, evil: provider.set_mode(name.replace("{evil}", evil))


def document(name: str, content: object) -> Prepare:
    return lambda provider, _: provider.write(name, content)


def unusable_keys(provider: IdentityProvider) -> list[Any]:
    """Return the usual key among those that have to be ignored."""
    public = provider.key.as_dict(private=False)
    return [
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "post-quantum", "pub": "AAAA"},
        {"kty": "RSA", "kid": "incomplete", "n": "AAAA"},
        {"kty": "EC", "crv": "P-256", "kid": "not-on-the-curve", "x": "AAAA", "y": "AAAA"},
        {**public, "kid": "not-text", "n": 1},
        {**public, "kid": "for-encryption", "use": "enc"},
        {**public, "kid": "for-signing", "use": "sig", "key_ops": ["sign"]},
        OctKey.generate_key(256, {"kid": "secret"}).as_dict(),
        rsa_key("short", 1024),
        "text",
        None,
        ECKey.generate_key("P-256", {"kid": "curve"}),
        OKPKey.generate_key("Ed25519", {"kid": "edwards"}),
        provider.key,
    ]


# What the provider does, and what the service says about it.
PROVIDERS: dict[str, tuple[Prepare, str]] = {
    "usual": (mode("answer"), "keys: first"),
    "unusable keys": (keys(unusable_keys), "keys: curve edwards first"),
    "no keys": (keys(lambda _: []), "/jwks has no key that can verify signatures"),
    "keys that are no list": (document("jwks.json", {"keys": {"a": 1}}), "/jwks has no key"),
    "keys that are no object": (document("jwks.json", []), "/jwks does not answer with a JSON ob"),
    "hanging": (mode("hang"), "did not answer in 5 seconds"),
    "slow": (mode("drip"), "did not answer in 5 seconds"),
    "endless": (mode("flood"), "answers with more than 500000 bytes"),
    "failing": (mode("fail"), "answers with status 500"),
    "redirecting": (mode("redirect {evil}/jwks"), "answers with status 302"),
    "another issuer": (discovery(issuer="{evil}"), "is of another issuer than AUTH_ISSUER"),
    "no issuer": (discovery(issuer=None), "is of another issuer than AUTH_ISSUER"),
    "no address of keys": (discovery(jwks_uri=None), NO_ADDRESS),
    "an address without TLS": (discovery(jwks_uri="http://192.0.2.1/jwks"), NO_ADDRESS),
    "an address of a file": (discovery(jwks_uri="file:///etc/passwd"), NO_ADDRESS),
    "an invalid address": (discovery(jwks_uri="https://[/jwks"), NO_ADDRESS),
    "an address with a password": (discovery(jwks_uri="https://a:b@192.0.2.1/"), NO_ADDRESS),
}


def test_what_is_said_about_a_provider(
    oidc_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its redirects are not followed, and no other host gets a request."""
    evil = IdentityProvider(tmp_path_factory.mktemp("evil"), key=KEY)
    providers = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(evil.run())
        for name, (prepare, _) in PROVIDERS.items():
            provider = IdentityProvider(tmp_path_factory.mktemp("provider"), key=KEY)
            prepare(provider, evil.issuer)
            stack.enter_context(provider.run())
            providers[provider.issuer] = name
        output = oidc_project.run("python", "-c", FETCH, *providers).stdout
    reports = {}
    for line in output.splitlines():
        issuer, _, text = line.partition(" ")
        reports[providers[issuer]] = text.removeprefix(issuer)
    for name, (_, words) in PROVIDERS.items():
        assert words in reports[name]
    assert evil.requests == []
