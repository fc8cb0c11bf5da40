"""Passkeys are registered and verified, and responses that are not for them are refused."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.auth.software_authenticator import (
    MAY_BE_SYNCED,
    PRESENT,
    SYNCED,
    VERIFIED,
    SoftwareAuthenticator,
    text_of,
)
from kit._internal.auth.accounts import passkeys
from kit._internal.auth.accounts.passkeys import (
    InvalidPasskeyError,
    Passkey,
    WrongPasskeyError,
)
from kit._internal.auth.accounts.relying_party import RelyingParty

PARTY = RelyingParty("orders.example.com", "Orders", ["https://orders.example.com"])
USER_ID = b"user-1"
Change = Callable[[SoftwareAuthenticator], None]


def set_attribute(name: str, value: object) -> Change:
    return lambda authenticator: setattr(authenticator, name, value)


# What both ceremonies refuse.
MISBEHAVIOUR = {
    "a page of another origin": set_attribute("origin", "https://orders.example.com.evil.example"),
    "an origin without TLS": set_attribute("origin", "http://orders.example.com"),
    "another service": set_attribute("party", "evil.example"),
    "a user who was not verified": set_attribute("flags", PRESENT),
    "a user who was not present": set_attribute("flags", VERIFIED),
}


def register(authenticator: SoftwareAuthenticator) -> Passkey:
    challenge = passkeys.new_challenge()
    options = passkeys.registration_options(PARTY, challenge, USER_ID, "jane@example.com")
    return passkeys.verify_registration(PARTY, challenge, authenticator.create(options))


def sign_in(authenticator: SoftwareAuthenticator, passkey: Passkey) -> int:
    challenge = passkeys.new_challenge()
    options = passkeys.sign_in_options(PARTY, challenge)
    response = authenticator.get(options)
    assert passkeys.credential_id_of(response) == authenticator.credential_id
    return passkeys.verify_sign_in(PARTY, challenge, response, passkey, USER_ID)


@pytest.fixture
def authenticator() -> SoftwareAuthenticator:
    return SoftwareAuthenticator()


@pytest.fixture
def passkey(authenticator: SoftwareAuthenticator) -> Passkey:
    return register(authenticator)


def test_registered_passkey_signs_in(authenticator: SoftwareAuthenticator) -> None:
    passkey = register(authenticator)
    assert passkey.credential_id == authenticator.credential_id
    assert not passkey.is_synced
    assert sign_in(replace(authenticator, count=2), passkey) == 2


def test_synced_passkey_signs_in_without_a_count() -> None:
    flags = PRESENT | VERIFIED | MAY_BE_SYNCED | SYNCED
    authenticator = SoftwareAuthenticator(count=0, flags=flags)
    passkey = register(authenticator)
    assert passkey.is_synced
    assert sign_in(authenticator, passkey) == sign_in(authenticator, passkey) == 0


def test_options_demand_that_the_user_is_verified() -> None:
    challenge = passkeys.new_challenge()
    old = Passkey(b"old", b"key", 0, is_synced=False, transports=["usb"])
    options = passkeys.registration_options(PARTY, challenge, USER_ID, "jane", [old])
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["rp"] == {"id": "orders.example.com", "name": "Orders"}
    excluded = {"id": text_of(b"old"), "type": "public-key", "transports": ["usb"]}
    assert options["excludeCredentials"] == [excluded]
    options = passkeys.sign_in_options(PARTY, challenge)
    assert options["userVerification"] == "required"
    assert options["challenge"] == text_of(challenge)
    assert not options.get("allowCredentials"), "everyone would learn who exists"
    json.dumps(options)


def test_challenges_are_random() -> None:
    assert len(passkeys.new_challenge()) == 32
    assert passkeys.new_challenge() != passkeys.new_challenge()


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_registration_is_refused(authenticator: SoftwareAuthenticator, name: str) -> None:
    MISBEHAVIOUR[name](authenticator)
    with pytest.raises(InvalidPasskeyError):
        register(authenticator)


def test_registration_with_another_challenge_is_refused(
    authenticator: SoftwareAuthenticator,
) -> None:
    options = passkeys.registration_options(PARTY, passkeys.new_challenge(), USER_ID, "jane")
    response = authenticator.create(options)
    with pytest.raises(InvalidPasskeyError):
        passkeys.verify_registration(PARTY, passkeys.new_challenge(), response)


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_sign_in_is_refused(
    authenticator: SoftwareAuthenticator, passkey: Passkey, name: str
) -> None:
    authenticator.count = 2
    MISBEHAVIOUR[name](authenticator)
    with pytest.raises(WrongPasskeyError):
        sign_in(authenticator, passkey)


def test_sign_in_with_another_key_is_refused(
    authenticator: SoftwareAuthenticator, passkey: Passkey
) -> None:
    thief = SoftwareAuthenticator(count=2, credential_id=authenticator.credential_id)
    with pytest.raises(WrongPasskeyError):
        sign_in(thief, passkey)


def test_sign_in_as_another_user_is_refused(
    authenticator: SoftwareAuthenticator, passkey: Passkey
) -> None:
    authenticator.count = 2
    authenticator.user_handle = text_of(b"user-2")
    with pytest.raises(WrongPasskeyError):
        sign_in(authenticator, passkey)


def test_sign_in_with_another_passkey_of_the_key_is_refused(
    authenticator: SoftwareAuthenticator, passkey: Passkey
) -> None:
    authenticator.count = 2
    with pytest.raises(WrongPasskeyError):
        sign_in(authenticator, replace(passkey, credential_id=b"another"))


def test_replay_is_refused(authenticator: SoftwareAuthenticator, passkey: Passkey) -> None:
    authenticator.count = 2
    challenge = passkeys.new_challenge()
    response = authenticator.get(passkeys.sign_in_options(PARTY, challenge))
    count = passkeys.verify_sign_in(PARTY, challenge, response, passkey, USER_ID)
    used = replace(passkey, sign_count=count)
    for again in (challenge, passkeys.new_challenge()):
        with pytest.raises(WrongPasskeyError):
            passkeys.verify_sign_in(PARTY, again, response, used, USER_ID)


def test_copy_of_a_key_is_noticed(authenticator: SoftwareAuthenticator, passkey: Passkey) -> None:
    copy = replace(authenticator, count=2)
    authenticator.count = 2
    used = replace(passkey, sign_count=sign_in(authenticator, passkey))
    with pytest.raises(WrongPasskeyError):
        sign_in(copy, used)


VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=20),
    st.binary(max_size=60).map(text_of),
    st.just([]),
    st.just({}),
)
PARTS = st.sampled_from(
    [
        "id",
        "rawId",
        "type",
        "response",
        "clientDataJSON",
        "attestationObject",
        "authenticatorData",
        "signature",
        "userHandle",
    ]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(part=PARTS, value=VALUES)
def test_malformed_responses_are_refused(
    authenticator: SoftwareAuthenticator, passkey: Passkey, part: str, value: object
) -> None:
    """Whatever a client sends is refused without another error."""
    challenge = passkeys.new_challenge()
    created = authenticator.create(
        passkeys.registration_options(PARTY, challenge, USER_ID, "jane@example.com")
    )
    got = authenticator.get(passkeys.sign_in_options(PARTY, challenge))
    for response in (created, got):
        parts = response if part in response else response["response"]
        parts[part] = value
    try:
        passkeys.verify_registration(PARTY, challenge, created)
    except InvalidPasskeyError:
        pass
    else:
        assert part not in {"id", "rawId", "type", "clientDataJSON", "attestationObject"}
    try:
        passkeys.credential_id_of(got)
        passkeys.verify_sign_in(PARTY, challenge, got, passkey, USER_ID)
    except WrongPasskeyError:
        pass
    else:
        assert part in {"attestationObject", "userHandle"}
