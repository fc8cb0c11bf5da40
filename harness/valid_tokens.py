"""Tokens that a service accepts, although they differ from the usual one."""

from harness.forged_tokens import Attack, claims, header, header_text, times

ACCEPTED: dict[str, Attack] = {
    "usual": claims(),
    "another type": header(typ="JWT"),
    "the type in capitals": header(typ="AT+JWT"),
    "the whole name of the type": header(typ="application/at+jwt"),
    "no type": header(),
    "no key id": header_text('{"alg": "RS256"}'),
    "a thumbprint of a certificate": header(x5t="bm8"),
    "an unknown member of the header": header(x={"y": 1}),
    "several audiences": claims(aud=["billing", "orders"]),
    "no other times": claims(nbf=None, iat=None),
    "fractions of seconds": times(exp=300.5, iat=-0.5, nbf=-0.5),
    "expired within the leeway": times(exp=-10),
    "issued within the leeway": times(iat=10, nbf=10),
    "a nonce and permissions": claims(nonce="x"),
    "a list of permissions": claims(scope=["users:read"]),
    "a name beyond ASCII": claims(name="Ada 😀"),
    "unknown claims": claims(x={"y": [1, None, True]}),
}
