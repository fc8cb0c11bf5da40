"""Prints the microseconds of a verification in JSON: `python auth_verification.py TOKENS`.

It runs in a project with auth=oidc: first each token is new, then each is known.
"""

import asyncio
import json
import sys
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

ISSUER, AUDIENCE = "https://issuer.invalid", "orders"


def create_keys() -> dict[str, Any]:
    return {
        "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
        "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    }


def issue_tokens(algorithm: str, key: Any, count: int) -> list[str]:
    """Return tokens of different subjects, so that each is another."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600, "scope": "users:read"}
    header = {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}
    return [jwt.encode(header, {**claims, "sub": f"user-{n}"}, key) for n in range(count)]


async def time_verification(verifier: Any, tokens: list[str]) -> float:
    """Return the microseconds of CPU of each verification."""
    begin = time.process_time()
    for token in tokens:
        await verifier.verify(token)
    return (time.process_time() - begin) / len(tokens) * 1e6


async def main() -> None:
    # Of the project in which this runs.
    from kit._internal.auth.oidc.keys import KeyCache
    from kit._internal.auth.oidc.settings import Settings
    from kit._internal.auth.oidc.tokens import TokenVerifier

    count = int(sys.argv[1])
    settings = Settings(auth_issuer=ISSUER, auth_audience=(AUDIENCE,))
    private_keys = create_keys()
    times = {}
    for algorithm, private in private_keys.items():
        public = type(private).import_key(private.as_dict(private=False))
        keys = KeyCache(ISSUER)
        keys.keys = [public]
        verifier = TokenVerifier(settings, keys)
        tokens = issue_tokens(algorithm, private, count)
        # Imports and other work of the first verification.
        await verifier.verify(issue_tokens(algorithm, private, count + 1)[-1])
        first = await time_verification(verifier, tokens)
        times[algorithm] = {"new": first, "known": await time_verification(verifier, tokens)}
    sys.stdout.write(json.dumps(times))


if __name__ == "__main__":
    asyncio.run(main())
