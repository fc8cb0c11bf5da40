"""Tokens that a service with `auth: oidc` must refuse, sent to a real process; a real provider runs.

Each is answered with 401 and a challenge. None causes a request to another host, an error in the
log, or a line with the token.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from harness.oidc import IdentityProvider, sign
from harness.oidc_server import DISCOVERY
from harness.processes import wait_for
from harness.project import Project
from harness.servers import RunningService
from harness.token_attacks import ATTACKER_KEY, ATTACKS, FORGED_HEADERS, forged
from harness.valid_tokens import ACCEPTED

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

CURVE_KEY = ECKey.generate_key("P-256", {"kid": "curve"})
NAMES = [(reason, name) for reason, attacks in ATTACKS.items() for name in attacks]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(tmp_path_factory.mktemp("provider"))
    provider.publish(provider.key, CURVE_KEY)
    with provider.run():
        yield provider


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """Yield the attacker's provider, which runs on another port."""
    evil = IdentityProvider(tmp_path_factory.mktemp("evil"), key=ATTACKER_KEY)
    with evil.run():
        yield evil


@pytest.fixture(scope="module")
def service(
    oidc_project: Project, provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    log = tmp_path_factory.mktemp("service") / "log"
    env = {**provider.settings, "ORDERS_LOG_LEVEL": "DEBUG"}
    with oidc_project.serve("python", "-m", "app", env=env, log=log) as server:
        yield server


def call(service: RunningService, *values: str | bytes) -> httpx.Response:
    """Call a guarded route with these values of Authorization, each in a header of its own."""
    headers = []
    for value in values:
        content = value.encode() if isinstance(value, str) else value
        headers.append((b"Authorization", content))
    return httpx.get(f"{service.address}/users", headers=headers, timeout=30)


def assert_refused(service: RunningService, response: httpx.Response, secret: str = "") -> None:
    assert response.status_code == 401, response.text
    assert response.headers["www-authenticate"].startswith("Bearer"), response.headers
    assert response.headers["content-type"] == "application/problem+json"
    log = service.log
    assert '"level": "error"' not in log, log[-3000:]
    assert "Traceback" not in log, log[-3000:]
    if len(secret) > 20:
        assert secret[-20:] not in log


@pytest.mark.parametrize("name", ACCEPTED)
def test_valid_token(name: str, service: RunningService, provider: IdentityProvider) -> None:
    response = call(service, f"Bearer {ACCEPTED[name](provider)}")
    assert response.status_code == 200, response.text


def test_a_token_signed_with_a_curve(service: RunningService, provider: IdentityProvider) -> None:
    header = {"alg": "ES256", "kid": "curve", "typ": "at+jwt"}
    token = sign(header, provider.claims(), CURVE_KEY)
    assert call(service, f"Bearer {token}").status_code == 200


def test_a_token_expires_although_it_is_remembered(
    service: RunningService, provider: IdentityProvider
) -> None:
    """It is accepted for 30 seconds after it has expired: the leeway."""
    token = f"Bearer {provider.token(exp=int(time.time()) - 20)}"
    assert call(service, token).status_code == 200
    response = wait_for(lambda: expired(service, token), "the token expires")
    assert "it has expired" in response.json()["detail"]


def expired(service: RunningService, token: str) -> httpx.Response | None:
    response = call(service, token)
    return response if response.status_code == 401 else None


@pytest.mark.parametrize(("reason", "name"), NAMES)
def test_attack(
    reason: str, name: str, service: RunningService, provider: IdentityProvider
) -> None:
    token = ATTACKS[reason][name](provider)
    response = call(service, f"Bearer {token}")
    assert_refused(service, response, token)
    assert reason in response.json()["detail"]
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("name", FORGED_HEADERS)
def test_a_forged_token_causes_no_request_to_its_author(
    name: str, service: RunningService, provider: IdentityProvider, evil: IdentityProvider
) -> None:
    token = forged(provider, evil.issuer, **FORGED_HEADERS[name])
    assert_refused(service, call(service, f"Bearer {token}"), token)
    assert evil.requests == []


def test_every_changed_letter_is_noticed(
    service: RunningService, provider: IdentityProvider
) -> None:
    """Also in the last letter of a part, whose unused bits decoders may ignore."""
    token = provider.token()
    headers = {}
    accepted = []
    with httpx.Client(base_url=service.address) as client:
        for position, letter in enumerate(token):
            other = "B" if letter == "A" else "A"
            changed = f"{token[:position]}{other}{token[position + 1 :]}"
            headers["Authorization"] = f"Bearer {changed}"
            status = client.get("/users", headers=headers).status_code
            if status != 401:
                accepted.append((position, status))
    assert accepted == []


@pytest.mark.parametrize(
    "values",
    [
        ("Bearer {token}", "Bearer {token}"),
        ("Bearer {token}", "Bearer x"),
        ("Bearer x", "Bearer {token}"),
        ("Basic YTpi", "Bearer {token}"),
        ("Bearer {token}", ""),
    ],
)
def test_several_headers(
    values: tuple[str, ...], service: RunningService, provider: IdentityProvider
) -> None:
    """RFC 6750, 3.1: the request is malformed, as which of the headers counts would be a guess."""
    token = provider.token()
    response = call(service, *(value.format(token=token) for value in values))
    assert_refused(service, response, token)
    assert 'error="invalid_request"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "{token}", "Token {token}", "", "é"])
def test_other_credentials(value: str, service: RunningService, provider: IdentityProvider) -> None:
    assert_refused(service, call(service, value.format(token=provider.token())))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_name_of_the_scheme_has_no_case(
    scheme: str, service: RunningService, provider: IdentityProvider
) -> None:
    assert call(service, f"{scheme} {provider.token()}").status_code == 200


@pytest.mark.parametrize("part", ["query", "cookie", "body"])
def test_a_token_elsewhere_does_not_count(
    part: str, service: RunningService, provider: IdentityProvider
) -> None:
    """Addresses and cookies are logged, or sent by browsers without being asked."""
    token = provider.token()
    options: dict[str, Any] = {
        "query": {"params": {"access_token": token}},
        "cookie": {"cookies": {"access_token": token, "Authorization": f"Bearer {token}"}},
        "body": {"data": {"access_token": token}},
    }[part]
    response = httpx.request("GET", f"{service.address}/users", **options)
    assert_refused(service, response, token)


def test_a_token_of_a_megabyte(service: RunningService, provider: IdentityProvider) -> None:
    """The server refuses so large a head before the service reads it."""
    token = provider.token(x="x" * 750_000)
    with httpx.Client() as client:
        response = client.get(
            f"{service.address}/users", headers={"Authorization": f"Bearer {token}"}
        )
    assert response.status_code == 431
    assert "Traceback" not in service.log


def test_a_flood_of_unknown_keys(service: RunningService, provider: IdentityProvider) -> None:
    """Tokens that might be valid cause one request in a minute."""
    before = len(provider.requests)
    with httpx.Client(base_url=service.address) as client:
        for number in range(200):
            key = {"alg": "RS256", "kid": f"unknown-{number}", "typ": "at+jwt"}
            token = sign(key, provider.claims(), ATTACKER_KEY)
            answer = client.get("/users", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401
    assert len(provider.requests) - before <= 2
    assert {*provider.requests} == {DISCOVERY, "/jwks"}
    assert call(service, f"Bearer {provider.token()}").status_code == 200
