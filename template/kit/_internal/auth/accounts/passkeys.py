"""Passkeys: registration and sign-in by WebAuthn (Level 3), without any storage.

The caller stores a challenge for each ceremony, accepts it once and for some minutes, and
stores the Passkey of a registration. Both ceremonies demand that the authenticator verifies its
user, by a PIN or a fingerprint: a passkey is both factors (NIST SP 800-63B-4, 3.1.7).

After a sign-in the caller stores the new sign count, atomically:
`UPDATE ... SET sign_count = :new WHERE sign_count = :old`.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_client_data_json, parse_registration_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kit._internal.auth.accounts.relying_party import RelyingParty
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.problems import BadRequestError

# Bytes; WebAuthn (13.4.3) asks for at least 16.
CHALLENGE_LENGTH = 32
# How long the browser waits for the user, in milliseconds.
TIMEOUT = 300_000
# What the library raises for responses that are not well-formed, in addition to its own errors.
FORMAT_ERRORS = (
    WebAuthnException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class InvalidPasskeyError(BadRequestError):
    """400: the response of the authenticator to a registration is invalid."""

    def __init__(self) -> None:
        super().__init__("The passkey could not be verified; start again.", "invalid-passkey")


class WrongPasskeyError(UnauthorizedError):
    """401: the response of the authenticator to a sign-in is invalid."""

    def __init__(self) -> None:
        super().__init__("The passkey could not be verified.", "wrong-passkey")


@dataclass(frozen=True)
class Passkey:
    """What to store of a passkey; nothing of it is secret.

    `is_synced` says whether its owner has copies, as with a password manager; `transports` how a
    browser reaches the authenticator.
    """

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool
    transports: Sequence[str] = ()


def new_challenge() -> bytes:
    """Return a random challenge, to store until the response arrives."""
    return secrets.token_bytes(CHALLENGE_LENGTH)


def registration_options(
    party: RelyingParty,
    challenge: bytes,
    user_id: bytes,
    user_name: str,
    existing: Sequence[Passkey] = (),
) -> dict[str, Any]:
    """Return the options of navigator.credentials.create(), as JSON.

    `user_id` has no personal data, as authenticators show it. `existing` has the passkeys of the
    user: an authenticator that has one of them does not create another.
    """
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user_id,
        user_name=user_name,
        challenge=challenge,
        timeout=TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            # The user can sign in without an e-mail address.
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=descriptors(existing),
    )
    return as_json(options_to_json(options))


def verify_registration(
    party: RelyingParty, challenge: bytes, response: Mapping[str, Any]
) -> Passkey:
    """Return the new passkey; raise InvalidPasskeyError.

    `response` is the PublicKeyCredential as JSON (WebAuthn, 5.1: toJSON()).
    """
    try:
        credential = parse_registration_credential_json(dict(response))
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
    except FORMAT_ERRORS:
        raise InvalidPasskeyError from None
    return Passkey(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_backed_up,
        [transport.value for transport in credential.response.transports or ()],
    )


def sign_in_options(party: RelyingParty, challenge: bytes) -> dict[str, Any]:
    """Return the options of navigator.credentials.get(), as JSON.

    They name no passkeys, among which the user chooses: otherwise everyone would learn which users
    exist.
    """
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return as_json(options_to_json(options))


def challenge_of(response: Mapping[str, Any]) -> bytes | None:
    """Return the challenge that a response is for, to find it; None if it is not well-formed."""
    try:
        content = base64url_to_bytes(response["response"]["clientDataJSON"])
        return parse_client_data_json(content).challenge
    except FORMAT_ERRORS:
        return None


def credential_id_of(response: Mapping[str, Any]) -> bytes:
    """Return the id of the passkey that a response names, to find it; raise WrongPasskeyError."""
    try:
        return base64url_to_bytes(response["id"])
    except FORMAT_ERRORS:
        raise WrongPasskeyError from None


def verify_sign_in(
    party: RelyingParty,
    challenge: bytes,
    response: Mapping[str, Any],
    passkey: Passkey,
    user_id: bytes,
) -> int:
    """Return the new sign count of a passkey; raise WrongPasskeyError.

    The count must rise, unless the authenticator does not count: otherwise there is a copy of the
    key (WebAuthn, 6.1.1). `user_id` is the owner's, as in the registration.
    """
    try:
        verified = verify_authentication_response(
            credential=dict(response),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
        handle = response["response"].get("userHandle")
        owner = user_id if handle is None else base64url_to_bytes(handle)
    except FORMAT_ERRORS:
        raise WrongPasskeyError from None
    if verified.credential_id != passkey.credential_id or owner != user_id:
        raise WrongPasskeyError
    return verified.new_sign_count


def descriptors(existing: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    result = []
    for passkey in existing:
        transports = [AuthenticatorTransport(transport) for transport in passkey.transports]
        result.append(PublicKeyCredentialDescriptor(passkey.credential_id, transports=transports))
    return result


def as_json(text: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(text)
    return options
