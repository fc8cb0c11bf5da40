"""Codes of authenticator apps and recovery codes are accepted once."""

import itertools
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from kit._internal.auth.accounts import totp

# RFC 6238, appendix B: the secret of the test vectors with SHA-1, and times with codes, of which
# the last six digits count.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
NOW = 1_800_000_000.0
STEP = 60_000_000


def code_of(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


@pytest.fixture
def secret() -> str:
    return totp.new_secret()


@pytest.mark.parametrize(("now", "code"), RFC_CODES)
def test_codes_of_the_rfc_are_accepted(now: float, code: str) -> None:
    assert totp.verify(RFC_SECRET, code, None, now) == now // 30


def test_code_is_accepted_with_spaces(secret: str) -> None:
    code = code_of(secret, STEP)
    assert totp.verify(secret, f" {code[:3]} {code[3:]} ", None, NOW) == STEP


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_clock_of_the_client_may_differ_by_a_step(secret: str, drift: int) -> None:
    assert totp.verify(secret, code_of(secret, STEP + drift), None, NOW) == STEP + drift
    assert totp.verify(secret, code_of(secret, STEP + drift), None, NOW + 29.9) == STEP + drift


@pytest.mark.parametrize("drift", [-3, -2, 2, 3])
def test_older_and_later_codes_are_refused(drift: int) -> None:
    # With this secret none of the codes is that of another step nearby.
    assert totp.verify(RFC_SECRET, code_of(RFC_SECRET, STEP + drift), None, NOW) is None


def test_code_is_accepted_once() -> None:
    code = code_of(RFC_SECRET, STEP)
    step = totp.verify(RFC_SECRET, code, None, NOW)
    assert step == STEP
    assert totp.verify(RFC_SECRET, code, step, NOW) is None
    assert totp.verify(RFC_SECRET, code, step, NOW + 30) is None
    # So is a code from before the accepted one, which a client has shown to someone else.
    assert totp.verify(RFC_SECRET, code_of(RFC_SECRET, STEP - 1), step, NOW) is None
    assert totp.verify(RFC_SECRET, code_of(RFC_SECRET, STEP + 1), step, NOW) == STEP + 1


@pytest.mark.parametrize(
    "code", ["", "28708", "2870822", "94287082", "abcdef", "\u0662\u0668\u0667\u0660\u0668\u0662"]
)
def test_other_texts_are_refused(code: str) -> None:
    assert totp.verify(RFC_SECRET, code, None, 59) is None


def test_time_of_this_machine_is_the_default(secret: str) -> None:
    assert totp.verify(secret, pyotp.TOTP(secret).now(), None) is not None


def test_secret_has_160_bits(secret: str) -> None:
    assert len(pyotp.TOTP(secret).byte_secret()) == 20
    assert totp.new_secret() != secret


def test_uri_names_the_service_and_the_account(secret: str) -> None:
    uri = totp.provisioning_uri(secret, "jane@example.com", "Acme: Orders & more")
    parts = urlsplit(uri)
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert query["secret"] == [secret]
    assert query["issuer"] == ["Acme: Orders & more"]
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.digits, read.interval) == (secret, 6, 30)
    assert read.name == "jane@example.com"


def test_recovery_codes_can_be_read_and_not_guessed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == len(codes) == 10
    for code in codes:
        assert len(code) == 29
        characters = code.replace("-", "")
        # 5 bits each: 125 bits.
        assert len(characters) == 25
        assert set(characters) <= set(totp.ALPHABET)
    assert len(set(totp.ALPHABET)) == 32
    # No prefix is common to all, and every character can occur.
    seen = set(itertools.chain.from_iterable(totp.new_recovery_codes() for _ in range(20)))
    assert set("".join(seen)) == set(totp.ALPHABET) | {"-"}


def test_recovery_code_is_accepted_once() -> None:
    codes = totp.new_recovery_codes()
    hashes = [totp.hash_recovery_code(code) for code in codes]
    match = totp.find_recovery_code(codes[3], hashes)
    assert match == hashes[3]
    hashes.remove(match)
    assert totp.find_recovery_code(codes[3], hashes) is None
    assert totp.find_recovery_code(codes[4], hashes) == hashes[3]


def test_recovery_code_is_accepted_as_people_write_it() -> None:
    stored = totp.hash_recovery_code("01ABC-DEFGH-JKMNP-QRSTV-WXYZ0")
    assert totp.find_recovery_code("oIabc defgh jkmnp-QRSTVwxyzO\n", [stored]) == stored
    assert totp.find_recovery_code("01ABC-DEFGH-JKMNP-QRSTV-WXYZ1", [stored]) is None


@pytest.mark.parametrize("code", ["", "-", "\ud83d", "\u00fc", "x" * 10_000])
def test_other_recovery_codes_are_refused(code: str) -> None:
    assert totp.find_recovery_code(code, [totp.hash_recovery_code("A" * 25)]) is None


def test_stored_hash_does_not_contain_the_code() -> None:
    code = totp.new_recovery_code()
    stored = totp.hash_recovery_code(code)
    assert len(stored) == 64
    assert code.replace("-", "").lower() not in stored
