"""Settings of access tokens, and what their claims say about a principal, by provider."""

import json
from typing import Any

import pytest

from harness.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Prints the principal of each token, and the problems of each set of settings.
SCRIPT = """
import json, sys
from pydantic import ValidationError
from app.settings import Settings
from kit._internal.auth.oidc.claims import check_claims, principal_of

URL = "sqlite:///unused.db"
ISSUER = "https://login.example.com"

def principal(claims, path):
    settings = Settings(
        DATABASE_URL=URL, auth_issuer=ISSUER, auth_audience="api", auth_permissions_claim=path
    )
    content = {"iss": ISSUER, "aud": "api", "exp": 2e9, **claims}
    found = principal_of(content, check_claims(content, settings, 1.9e9), settings)
    return [found.subject, found.kind, sorted(found.permissions)]

def problems(values):
    try:
        Settings(DATABASE_URL=URL, **values)
    except ValidationError as error:
        return [item["msg"] for item in error.errors()]
    return []

tokens, settings = json.load(sys.stdin)
print(json.dumps([[principal(*token) for token in tokens], list(map(problems, settings))]))
"""

# The claims, AUTH_PERMISSIONS_CLAIM, and the kind and permissions of the principal.
TOKENS: dict[str, tuple[dict[str, Any], str, str, list[str]]] = {
    "RFC 9068, a user": (
        {"sub": "ada", "client_id": "web", "scope": "users:read users:write"},
        "scope",
        "user",
        ["users:read", "users:write"],
    ),
    "RFC 9068, a program": (
        {"sub": "billing", "client_id": "billing", "scope": "users:read"},
        "scope",
        "client",
        ["users:read"],
    ),
    "Keycloak, roles of the realm": (
        {"sub": "f3a1", "azp": "web", "typ": "Bearer", "realm_access": {"roles": ["users:read"]}},
        "realm_access.roles",
        "user",
        ["users:read"],
    ),
    "Keycloak, roles of a client with points in its name": (
        {"sub": "f3a1", "resource_access": {"api.example": {"roles": ["users:write"]}}},
        "resource_access.api.example.roles",
        "user",
        ["users:write"],
    ),
    "Keycloak, a program": (
        {"sub": "9b7e", "azp": "billing", "preferred_username": "service-account-billing"},
        "realm_access.roles",
        "client",
        [],
    ),
    "Auth0, a user with permissions": (
        {"sub": "auth0|507f", "azp": "web", "scope": "openid", "permissions": ["users:read"]},
        "permissions",
        "user",
        ["users:read"],
    ),
    "Auth0, a program": (
        {"sub": "web@clients", "azp": "web", "gty": "client-credentials", "scope": "users:read"},
        "scope,permissions",
        "client",
        ["users:read"],
    ),
    "Auth0, a claim whose name is an address": (
        {"sub": "auth0|507f", "https://example.com/roles": ["users:read"]},
        "https://example.com/roles",
        "user",
        ["users:read"],
    ),
    "Entra ID, a user": (
        {"sub": "AAAA", "azp": "web", "scp": "users:read", "roles": ["users:write"]},
        "scp,roles",
        "user",
        ["users:read", "users:write"],
    ),
    "Entra ID, a program": (
        {"sub": "AAAA", "oid": "AAAA", "idtyp": "app", "roles": ["users:read"]},
        "scp,roles",
        "client",
        ["users:read"],
    ),
    "without the claim": ({"sub": "ada"}, "realm_access.roles", "user", []),
    "with a path through text": (
        {"sub": "ada", "realm_access": "admin"},
        "realm_access.roles",
        "user",
        [],
    ),
}

# Settings, and a part of what is said about them.
SETTINGS: list[tuple[dict[str, str], str]] = [
    ({"auth_issuer": "https://login.example.com/realms/main"}, ""),
    ({"auth_issuer": "http://127.0.0.1:8080"}, ""),
    ({"auth_issuer": "http://[::1]:8080"}, ""),
    ({"auth_issuer": "http://localhost/realms/main"}, ""),
    ({"auth_issuer": "http://login.example.com"}, "must be a URL with https"),
    ({"auth_issuer": "http://localhost.example.com"}, "must be a URL with https"),
    ({"auth_issuer": "http://127.0.0.1.example.com"}, "must be a URL with https"),
    ({"auth_issuer": "login.example.com"}, "must be a URL with https"),
    ({"auth_issuer": "https://"}, "must be a URL with https"),
    ({"auth_issuer": "https://ada:secret@login.example.com"}, "must be a URL with https"),
    ({"auth_issuer": "https://login.example.com?x=1"}, "without ? and #"),
    ({"auth_algorithms": "RS256, Ed25519"}, ""),
    ({"auth_algorithms": "HS256"}, "should be 'RS256'"),
    ({"auth_algorithms": "RS256,none"}, "should be 'RS256'"),
    ({"auth_algorithms": ""}, "at least 1 item"),
    ({"auth_leeway": "3600"}, "less than or equal to 300"),
]


@pytest.fixture(scope="module")
def results(oidc_project: Project) -> tuple[list[Any], list[list[str]]]:
    tokens = [(claims, path) for claims, path, _, _ in TOKENS.values()]
    content = json.dumps([tokens, [values for values, _ in SETTINGS]])
    principals, problems = json.loads(
        oidc_project.run("python", "-c", SCRIPT, stdin=content).stdout
    )
    return principals, problems


@pytest.mark.parametrize("name", TOKENS)
def test_principal(name: str, results: tuple[list[Any], list[list[str]]]) -> None:
    claims, _, kind, permissions = TOKENS[name]
    principal = results[0][list(TOKENS).index(name)]
    assert principal == [claims["sub"], kind, permissions]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_settings(number: int, results: tuple[list[Any], list[list[str]]]) -> None:
    _, words = SETTINGS[number]
    messages = " ".join(results[1][number])
    assert words in messages
    assert bool(words) == bool(messages)
    assert "secret" not in messages
