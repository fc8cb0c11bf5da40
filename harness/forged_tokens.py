"""Builds access tokens that a service has to refuse."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe
from joserfc.jwk import RSAKey

from harness.oidc import IdentityProvider, sign

# Builds a token with the help of the provider that the service trusts.
Attack = Callable[[IdentityProvider], str]
SIGNATURE = "AAAA"


def encode(content: object) -> str:
    """Return a part of a token: base64url of JSON, of text or of bytes."""
    if not isinstance(content, bytes | str):
        content = json.dumps(content)
    if isinstance(content, str):
        content = content.encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def text_of(provider: IdentityProvider, member: str, **changes: Any) -> str:
    """Return valid claims as JSON, with a member that json.dumps() would not write."""
    return f"{json.dumps(provider.claims(**changes))[:-1]}, {member}}}"


def changed(change: Callable[[str], str]) -> Attack:
    """Return a valid token in another form."""
    return lambda provider: change(provider.token())


def without_part(number: int) -> Attack:
    """Return a valid token with an empty part."""

    def build(provider: IdentityProvider) -> str:
        parts = provider.token().split(".")
        parts[number] = ""
        return ".".join(parts)

    return build


def unsigned(algorithm: str, signature: str = "") -> Attack:
    def build(provider: IdentityProvider) -> str:
        header = {"alg": algorithm, "kid": provider.key.kid}
        return f"{encode(header)}.{encode(provider.claims())}.{signature}"

    return build


def claims(**changes: Any) -> Attack:
    """Return a token with claims that the provider has signed."""
    return lambda provider: provider.token(**changes)


def times(**offsets: float) -> Attack:
    """Return a token with claims that are this many seconds from now."""

    def build(provider: IdentityProvider) -> str:
        now = int(time.time())
        return provider.token(**{name: now + offset for name, offset in offsets.items()})

    return build


def content(build: Callable[[IdentityProvider], str | bytes]) -> Attack:
    """Return a token whose claims are this text, signed with the provider's key."""

    def attack(provider: IdentityProvider) -> str:
        return sign({"alg": "RS256", "kid": provider.key.kid}, build(provider), provider.key)

    return attack


def member(text: str, **changes: Any) -> Attack:
    """Return a token with a member that json.dumps() would not write among its claims."""
    return content(lambda provider: text_of(provider, text, **changes))


def header_text(text: str) -> Attack:
    """Return a token whose header is this text, signed with the provider's key."""

    def build(provider: IdentityProvider) -> str:
        signed = f"{encode(text)}.{encode(provider.claims())}"
        private_key: Any = provider.key.private_key
        return f"{signed}.{encode(private_key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    return build


def header(**changes: Any) -> Attack:
    """Return a token with members of the header that the provider has signed."""
    return header_text(json.dumps({"alg": "RS256", "kid": "first", **changes}))


def header_member(text: str) -> Attack:
    return header_text(f'{{"alg": "RS256", "kid": "first", {text}}}')


def signed_with_secret(secret: Callable[[IdentityProvider], bytes]) -> Attack:
    """Return a token with a shared secret that anyone can guess, such as the public key."""

    def build(provider: IdentityProvider) -> str:
        signed = f"{encode({'alg': 'HS256', 'kid': 'first'})}.{encode(provider.claims())}"
        return f"{signed}.{encode(hmac.digest(secret(provider), signed.encode(), 'sha256'))}"

    return build


def encrypted(provider: IdentityProvider) -> str:
    """Return a token that is encrypted with the provider's public key, but not signed."""
    protected = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": provider.key.kid}
    public = RSAKey.import_key(provider.key.as_dict(private=False) | {"use": "enc"})
    text = json.dumps(provider.claims())
    return jwe.encrypt_compact(protected, text, public, algorithms=["RSA-OAEP-256", "A256GCM"])
