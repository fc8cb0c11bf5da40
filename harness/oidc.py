"""A small OpenID Connect provider on loopback, with real keys; its tokens are signed by joserfc.

oidc-provider-mock 0.3.4 is no replacement: its access tokens are random text, not JWTs.
"""

import contextlib
import json
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from harness.servers import RunningService, free_port, serving

AUDIENCE = "orders"
ALGORITHMS = ["RS256", "PS256", "ES256"]


def sign(header: dict[str, Any], content: str | bytes | dict[str, Any], key: Key) -> str:
    """Return a signed token; the content is JSON, or text that need not be JSON."""
    if isinstance(content, dict):
        content = json.dumps(content)
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = 10_000_000
    return jws.serialize_compact(header, content, key, registry=registry)


def rsa_key(kid: str, size: int = 2048) -> RSAKey:
    with warnings.catch_warnings():
        # About short keys, which services have to ignore.
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(size, {"kid": kid, "use": "sig"})


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token with changes; None removes a claim."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": "ada",
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "scope": "users:read users:write",
        **changes,
    }
    return {name: claim for name, claim in claims.items() if claim is not None}


def discovery_of(issuer: str) -> dict[str, Any]:
    """Return the discovery document (OpenID Connect Discovery 1.0, 3)."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "grant_types_supported": ["authorization_code"],
        "scopes_supported": ["users:read", "users:write"],
    }


@dataclass
class IdentityProvider:
    """A provider whose process may run or not, and its keys."""

    folder: Path
    port: int = field(default_factory=free_port)
    key: Key = field(default_factory=lambda: rsa_key("first"))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write("discovery.json", discovery_of(self.issuer))
        self.write("signing.json", self.key.as_dict(private=True))
        self.publish(self.key)
        self.set_mode("answer")

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a service `orders` that trusts this provider."""
        return {"ORDERS_AUTH_ISSUER": self.issuer, "ORDERS_AUTH_AUDIENCE": AUDIENCE}

    @property
    def requests(self) -> list[str]:
        """The paths of all requests so far."""
        log = self.folder / "requests.log"
        return log.read_text("utf-8").split() if log.exists() else []

    def write(self, name: str, content: object) -> None:
        """Replace a file in one step: the process may be reading it."""
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(content), "utf-8")
        new.replace(self.folder / name)

    def publish(self, *keys: object) -> None:
        """Replace the public keys; what is no key is published as it is."""
        items = []
        for key in keys:
            is_key = isinstance(key, RSAKey | ECKey | OKPKey)
            items.append(key.as_dict(private=False) if is_key else key)
        self.write("jwks.json", {"keys": items})

    def rotate(self, kid: str) -> None:
        """Replace the key by a new one."""
        self.key = rsa_key(kid)
        self.publish(self.key)

    def set_mode(self, mode: str) -> None:
        """Set how it answers: `answer`, `hang`, `drip`, `fail`, `redirect URL`, `flood`."""
        self.write("mode", mode)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a valid token with changes; None removes a claim."""
        return claims_of(self.issuer, **changes)

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a valid token with changes of its header and claims."""
        usual = {"alg": "RS256", "kid": self.key.kid, "typ": "at+jwt"}
        return sign({**usual, **(header or {})}, self.claims(**changes), self.key)

    @contextlib.contextmanager
    def run(self) -> Iterator[RunningService]:
        """Run the process of the provider during the block."""
        command = (sys.executable, "-m", "harness.oidc_server", self.folder, self.port)
        root = Path(__file__).resolve().parent.parent
        log = self.folder / "process.log"
        with serving(*map(str, command), cwd=root, env={}, log_file=log, port=self.port) as server:
            yield server
