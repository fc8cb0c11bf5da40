"""The settings of access tokens; the rest of the folder is imported when the service starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from kit._internal.auth.oidc.urls import check_issuer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# With public keys only: with a shared secret, each service could issue tokens.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]

VALUES_IN_TESTS: Mapping[str, Any] = {
    "auth_issuer": "https://issuer.invalid",
    "auth_audience": "tests",
    "auth_fetch_keys": False,
}
FIXTURES: Sequence[str] = ()


def split_list(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class Settings(BaseSettings):
    """The settings of access tokens."""

    # The provider, exactly as its tokens name it in the claim `iss`.
    auth_issuer: Annotated[str, AfterValidator(check_issuer)] | None = None
    # This API, as tokens name it in the claim `aud`; several names are separated by commas.
    auth_audience: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = ()
    # The claims with permissions, separated by commas: `scope`, or a path: `realm_access.roles`.
    auth_permissions_claim: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = (
        "scope",
    )
    # The algorithms with which tokens may be signed, separated by commas.
    auth_algorithms: Annotated[
        tuple[Algorithm, ...], NoDecode, BeforeValidator(split_list), Field(min_length=1)
    ] = ("RS256", "ES256")
    # How many seconds the clocks of the provider and of this machine may differ.
    auth_leeway: float = Field(default=30, ge=0, le=300)
    # Whether the keys of the provider are requested; without them no token is accepted.
    auth_fetch_keys: bool = True
    # The client of the provider with which developers sign in on /docs.
    auth_docs_client_id: str | None = None
