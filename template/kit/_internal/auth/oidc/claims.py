"""The claims of an access token, and the principal that they describe."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit._internal.auth.interface import Principal
from kit._internal.auth.oidc.compact import InvalidTokenError

if TYPE_CHECKING:
    from kit._internal.auth.oidc.settings import Settings

# Seconds since the epoch. Not text, NaN or infinity.
Time = Annotated[float, Field(allow_inf_nan=False)]
MAX_SUBJECT = 255
# Claims of ID tokens, which tell a client who has signed in; they are no access tokens.
ID_TOKEN_CLAIMS = {"at_hash", "c_hash", "s_hash"}
# Claims with a scope (RFC 9068, 2.2.3; Entra ID), which ID tokens do not have.
SCOPES = {"scope", "scp"}
# Kinds of tokens for other purposes, which Keycloak names in the claim `typ`.
OTHER_TOKENS = {"ID", "Refresh", "Offline", "Logout"}


class Claims(BaseModel):
    """The registered claims (RFC 7519, 4.1; RFC 9068, 2.2), with exactly their types."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    iss: str
    sub: str = Field(min_length=1, max_length=MAX_SUBJECT)
    aud: str | list[str]
    exp: Time
    nbf: Time = 0
    iat: Time = 0


def check_claims(content: dict[str, Any], settings: "Settings", now: float) -> Claims:
    """Return the claims if the token is valid now and here; raise InvalidTokenError."""
    try:
        claims = Claims.model_validate(content)
    except ValidationError as error:
        name = error.errors(include_input=False, include_url=False)[0]["loc"][0]
        raise InvalidTokenError(f"its claim {name} is missing or invalid") from None
    if claims.iss != settings.auth_issuer:
        raise InvalidTokenError("it is of another issuer")
    audience = claims.aud
    if isinstance(audience, str):
        audience = [audience]
    if set(audience).isdisjoint(settings.auth_audience):
        raise InvalidTokenError("it is for another audience")
    if now >= claims.exp + settings.auth_leeway:
        raise InvalidTokenError("it has expired")
    if max(claims.nbf, claims.iat) > now + settings.auth_leeway:
        raise InvalidTokenError("it is not valid yet")
    if not claims.sub.isprintable():
        raise InvalidTokenError("its claim sub is missing or invalid")
    return claims


def check_purpose(content: dict[str, Any]) -> None:
    """Raise InvalidTokenError for a token that is not to be sent to an API as it is."""
    is_id_token = not ID_TOKEN_CLAIMS.isdisjoint(content)
    # Older providers copy `nonce` into access tokens, too, which have a scope.
    if "nonce" in content and SCOPES.isdisjoint(content):
        is_id_token = True
    if is_id_token or content.get("typ") in OTHER_TOKENS:
        raise InvalidTokenError("it is not an access token")
    # The client has to prove that it has a key (RFC 9449, RFC 8705), which is not checked here.
    if "cnf" in content:
        raise InvalidTokenError("it is bound to a key of the client")


def principal_of(content: dict[str, Any], claims: Claims, settings: "Settings") -> Principal:
    """Return who a valid token was issued to; raise InvalidTokenError if it is no access token."""
    check_purpose(content)
    permissions: set[str] = set()
    for path in settings.auth_permissions_claim:
        permissions |= permissions_in(claim_at(content, path))
    kind = "user"
    if is_client(content):
        kind = "client"
    return Principal(claims.sub, kind, frozenset(permissions))


def claim_at(content: Any, path: str) -> Any:  # noqa: ANN401
    """Return the claim with a path such as `realm_access.roles`, or None.

    A name may have dots itself: `https://example.com/roles`.
    """
    if not isinstance(content, dict):
        return None
    if path in content:
        return content[path]
    position = path.find(".")
    while position != -1:
        value = claim_at(content.get(path[:position]), path[position + 1 :])
        if value is not None:
            return value
        position = path.find(".", position + 1)
    return None


def permissions_in(claim: Any) -> set[str]:  # noqa: ANN401
    """Return the permissions in a claim: words of a text as in `scope`, or a list of texts."""
    if claim is None:
        return set()
    if isinstance(claim, str):
        return set(claim.split())
    if isinstance(claim, list) and all(isinstance(item, str) for item in claim):
        return set(claim)
    raise InvalidTokenError("its claim with permissions is invalid")


def is_client(content: dict[str, Any]) -> bool:
    """Return whether a program has signed in as itself (client credentials), not for a user.

    RFC 9068, 2.2: then the subject is the client. Auth0 says it in `gty`, Entra ID in `idtyp`;
    Keycloak has a user for each of these clients, whose name begins with "service-account-".
    """
    clients = [content.get(name) for name in ("client_id", "azp", "appid")]
    if content["sub"] in clients:
        return True
    if content.get("gty") == "client-credentials" or content.get("idtyp") == "app":
        return True
    return str(content.get("preferred_username", "")).startswith("service-account-")
