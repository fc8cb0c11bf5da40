"""The tokens that a service has to refuse, by the reason that it gives."""

import json
from typing import Any

from harness.forged_tokens import (
    SIGNATURE,
    Attack,
    changed,
    claims,
    content,
    encode,
    encrypted,
    header,
    header_member,
    header_text,
    member,
    signed_with_secret,
    times,
    unsigned,
    without_part,
)
from harness.oidc import IdentityProvider, rsa_key, sign

# The attacker has a key of its own, and knows everything that is public.
ATTACKER_KEY = rsa_key("first")


def forged(provider: IdentityProvider, evil: str, **changes: Any) -> str:
    """Return a token that the attacker has signed; {evil} is the address of its own provider."""
    header = {"alg": "RS256", "kid": "first", "typ": "at+jwt", **changes}
    text = json.dumps({name: value for name, value in header.items() if value is not None})
    return sign(json.loads(text.replace("{evil}", evil)), provider.claims(), ATTACKER_KEY)


# Headers of tokens that the attacker has signed.
FORGED_HEADERS: dict[str, dict[str, Any]] = {
    "the attacker's key": {},
    "another key id": {"kid": "unknown"},
    "an embedded key": {"jwk": ATTACKER_KEY.as_dict(private=False)},
    "an embedded key without an id": {"jwk": ATTACKER_KEY.as_dict(private=False), "kid": None},
    "an address of keys": {"jku": "{evil}/jwks"},
    "an address of keys with another id": {"jku": "{evil}/jwks", "kid": "evil"},
    "an address of a certificate": {"x5u": "{evil}/certificate"},
    "a certificate": {"x5c": ["bm8="], "x5t": "bm8"},
    "a key id that is an address": {"kid": "{evil}/jwks"},
    "a key id that is a path": {"kid": "../../../../dev/null"},
    "a key id that is SQL": {"kid": "first' OR '1'='1"},
}

FORM: dict[str, Attack] = {
    "no signature": unsigned("none"),
    "no signature, usual algorithm": unsigned("RS256"),
    "encrypted": encrypted,
    "no parts": lambda _: "token",
    "points only": lambda _: "..",
    "an empty header": without_part(0),
    "no claims": without_part(1),
    "an empty signature": without_part(2),
    "a missing signature": changed(lambda token: token.rpartition(".")[0]),
    "four parts": changed(lambda token: f"{token}.x"),
    "padding": changed(lambda token: f"{token}=="),
    "padding inside": changed(lambda token: token.replace(".", "=.", 1)),
    "the other alphabet": changed(lambda token: f"{token[:-3]}+/+"),
    "a space inside": changed(lambda token: f"{token[:20]} {token[20:]}"),
    "a tab": changed(lambda token: f"{token[:20]}\t{token[20:]}"),
    "a list of tokens": changed(lambda token: f"{token}, {token}"),
    "a second scheme": changed(lambda token: f"{token}, Bearer {token}"),
    "a token in quotes": changed(lambda token: f'"{token}"'),
    "a parameter": changed(lambda token: f"token={token}"),
    "letters beyond ASCII": changed(lambda token: f"{token[:-2]}é"),
    "digits beyond ASCII": changed(lambda token: f"{token[:-2]}١"),
    "wide letters": changed(lambda token: f"{token[:-2]}Ａ"),
    "JSON instead of the compact form": lambda provider: json.dumps(
        {"payload": encode(provider.claims()), "signatures": []}
    ),
}

SIZE: dict[str, Attack] = {
    "a large claim": claims(x="x" * 20_000),
    "many claims": claims(**{f"c{number}": 1 for number in range(2000)}),
    "a large header": header(x="x" * 20_000),
    "a large signature": changed(lambda token: token + "A" * 16_000),
}

ALGORITHM: dict[str, Attack] = {
    "none with a signature": unsigned("none", SIGNATURE),
    "none in another case": unsigned("nOnE", SIGNATURE),
    "public key as secret, PEM": signed_with_secret(
        lambda provider: provider.key.as_bytes("PEM", private=False)
    ),
    "public key as secret, DER": signed_with_secret(
        lambda provider: provider.key.as_bytes("DER", private=False)
    ),
    "public key as secret, JWK": signed_with_secret(
        lambda provider: json.dumps(provider.key.as_dict(private=False)).encode()
    ),
    "an empty secret": signed_with_secret(lambda _: b""),
    "an algorithm that is not in the settings": lambda provider: sign(
        {"alg": "PS256", "kid": "first"}, provider.claims(), provider.key
    ),
    "an unknown algorithm": header(alg="RS9999"),
}

HEADER: dict[str, dict[str, Attack]] = {
    "it has no algorithm": {
        "an algorithm that is no text": header(alg=["RS256"]),
        "an algorithm that is null": header(alg=None),
        "no algorithm": header_text('{"kid": "first"}'),
    },
    "its key id is invalid": {
        "a key id that is no text": header(kid=1),
        "a key id that is a list": header(kid=["first"]),
        "an empty key id": header(kid=""),
        "a long key id": header(kid="x" * 5000),
    },
    "its signature is invalid": {
        "no key id, and no signature": unsigned("RS256", SIGNATURE),
        "a signature that is cut off": changed(lambda token: token[:-4]),
    },
    "its key is unknown": {
        "an algorithm of another key type": header(alg="ES256"),
        "a key id in another case": header(kid="FIRST"),
    },
    "it needs an extension": {
        "an extension": header(crit=["exp"]),
        "an unknown extension": header(crit=["x"], x=1),
        "an empty list of extensions": header(crit=[]),
        "extensions that are no list": header(crit={"b64": True}),
        "unencoded claims": header(b64=False, crit=["b64"]),
        "unencoded claims, not critical": header(b64=False),
        "compressed claims": header(zip="DEF", crit=["zip"]),
    },
    "it is not an access token": {
        "a logout token": header(typ="logout+jwt"),
        "a proof of possession": header(typ="dpop+jwt"),
        "a type that is no text": header(typ=1),
        "an ID token": claims(at_hash="x"),
        "an ID token for a nonce": claims(nonce="x", scope=None),
        "an ID token with roles": claims(nonce="x", scope=None, roles=["users:read"]),
        "an ID token of Keycloak": claims(typ="ID"),
        "a refresh token of Keycloak": claims(typ="Refresh"),
    },
    "it is bound to a key": {"a certificate of the client": claims(cnf={"x5t#S256": "x"})},
}

JSON: dict[str, Attack] = {
    "a repeated algorithm": header_member('"alg": "RS256"'),
    "a repeated key id": header_member('"kid": "other"'),
    "a header that is no JSON": header_text("{"),
    "a header with NaN": header_member('"x": NaN'),
    "a repeated audience": member('"aud": "orders"'),
    "a repeated permission claim": member('"scope": "users:write admin"'),
    "a repeated claim, escaped": member('"\\u0073ub": "root"'),
    "a repeated claim in an object": member('"x": {"y": 1, "y": 2}'),
    "an expiry that is NaN": claims(exp=float("nan")),
    "an expiry that is infinite": claims(exp=float("inf")),
    "an expiry with many digits": member(f'"exp": {"9" * 5000}', exp=None),
    "a subject with half a character": claims(sub="\ud800"),
    "half a character anywhere": claims(name="\udfff"),
    "half a character in a header": header(x="\udfff"),
    "deeply nested claims": member(f'"x": {"[" * 3000}{"]" * 3000}'),
    "deeply nested objects": member('"x": ' + '{"x":' * 1200 + "1" + "}" * 1200),
    "claims that are no JSON": content(lambda _: "claims"),
    "claims with a comment": content(lambda provider: json.dumps(provider.claims()) + "//"),
    "claims in UTF-16": content(lambda provider: json.dumps(provider.claims()).encode("utf-16")),
    "claims with a byte order mark": content(
        lambda provider: json.dumps(provider.claims()).encode("utf-8-sig")
    ),
    "claims in Latin-1": content(
        lambda provider: json.dumps(provider.claims(x="é"), ensure_ascii=False).encode("latin-1")
    ),
}

CLAIMS: dict[str, dict[str, Attack]] = {
    "it does not contain JSON objects": {
        "a header that is a list": header_text("[]"),
        "claims that are a list": content(lambda _: "[]"),
        "claims that are text": content(lambda _: '"claims"'),
        "claims that are null": content(lambda _: "null"),
    },
    "it is of another issuer": {
        "another issuer": claims(iss="https://issuer.invalid"),
        "an issuer with a slash": lambda provider: provider.token(iss=f"{provider.issuer}/"),
    },
    "its claim iss is": {
        "an issuer in a list": lambda provider: provider.token(iss=[provider.issuer]),
        "no issuer": claims(iss=None),
    },
    "it is for another audience": {
        "another audience": claims(aud="billing"),
        "other audiences": claims(aud=["billing", "order", "orders2", "ORDERS"]),
        "an audience that contains ours": claims(aud="orders billing"),
        "an empty audience": claims(aud=""),
        "no audiences": claims(aud=[]),
    },
    "its claim aud is": {
        "no audience": claims(aud=None),
        "an audience that is an object": claims(aud={"orders": True}),
        "an audience in a nested list": claims(aud=[["orders"]]),
        "audiences that are not all text": claims(aud=["orders", 1]),
    },
    "it has expired": {
        "expired": times(iat=-600, nbf=-600, exp=-120),
        "expired at the epoch": claims(exp=0),
        "expired before the epoch": claims(exp=-1e300),
    },
    "its claim exp is": {
        "no expiry": claims(exp=None),
        "an expiry that is text": claims(exp="9999999999"),
        "an expiry that is true": claims(exp=True),
        "an expiry that is a list": claims(exp=[9999999999]),
        "an expiry beyond numbers": member('"exp": 1e999', exp=None),
    },
    "it is not valid yet": {"not valid yet": times(nbf=120), "issued later": times(iat=120)},
    "its claim nbf is": {
        "a beginning that is text": claims(nbf="0"),
        "a beginning that is null": member('"nbf": null', nbf=None),
    },
    "its claim iat is": {"a time of issue that is an object": claims(iat={})},
    "its claim sub is": {
        "no subject": claims(sub=None),
        "an empty subject": claims(sub=""),
        "a subject that is a number": claims(sub=1),
        "a long subject": claims(sub="x" * 5000),
        "a subject with a line break": claims(sub='ada\n{"event": "fake"}'),
        "a subject with a zero byte": claims(sub="ada\0admin"),
        "a subject that reverses text": claims(sub="ada\u202enimda"),
    },
    "its claim with permissions is invalid": {
        "permissions that are a number": claims(scope=1),
        "permissions that are an object": claims(scope={"users:read": True}),
        "permissions that are not all text": claims(scope=["users:read", None]),
    },
}

# By the reason in the problem's detail.
ATTACKS: dict[str, dict[str, Attack]] = {
    "it is not a signed JWT": FORM,
    "it is too long": SIZE,
    "its algorithm is not allowed": ALGORITHM,
    "it does not contain valid JSON": JSON,
    **HEADER,
    **CLAIMS,
}
