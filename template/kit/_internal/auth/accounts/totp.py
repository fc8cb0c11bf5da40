"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes, without any storage.

The caller stores the secret and the last step of an account, and the hashes of its recovery codes.
It has to change them atomically: a step is accepted if it is greater than the stored one
(`UPDATE ... SET last_step = :step WHERE last_step < :step`), a recovery code if its hash could be
deleted. Otherwise two concurrent requests could use a code twice.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence

from pyotp import TOTP, random_base32

# What every authenticator app supports: SHA-1, six digits, 30 seconds (RFC 6238, 4 and 5.2).
STEP_SECONDS = 30
DIGITS = 6
# How many steps the clock of the client may differ (RFC 6238, 5.2 and 6).
DRIFT_STEPS = 1
# Characters of Base32: 160 bits, as RFC 4226 (4, R6) recommends.
SECRET_LENGTH = 32

RECOVERY_CODES = 10
# Crockford's alphabet: without I, L, O and U, which are easily confused.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CONFUSED = str.maketrans("ILO", "110")
# 25 characters of 5 bits: from 112 bits on, SHA-256 without salt suffices (NIST SP 800-63B-4,
# 3.1.2.2; ASVS 5, 6.5.2). Shorter codes would need a hash for passwords.
GROUPS, GROUP_LENGTH = 5, 5


def new_secret() -> str:
    """Return a random secret, in Base32, to store and to show once."""
    return random_base32(SECRET_LENGTH)


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """Return the otpauth:// URI, to show as a QR code.

    The app lists `issuer`, the name of the service, with `account`, such as the e-mail address.
    """
    return TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(
        name=account, issuer_name=issuer
    )


def verify(secret: str, code: str, last_step: int | None, now: float | None = None) -> int | None:
    """Return the time step of a code, to be stored as the last one; None if it is refused.

    A code is accepted once (RFC 6238, 5.2): only steps after `last_step`, that of the last accepted
    code, count. `now` is a Unix time.
    """
    digits = re.sub(r"[ -]", "", code)
    if len(digits) != DIGITS or not re.fullmatch("[0-9]+", digits):
        return None
    if now is None:
        now = time.time()
    totp = TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    current_step = int(now // STEP_SECONDS)
    accepted = None
    # All steps are compared, so that the time does not show which of them has matched.
    for step in range(current_step - DRIFT_STEPS, current_step + DRIFT_STEPS + 1):
        matches = hmac.compare_digest(totp.generate_otp(step), digits)
        if matches and (last_step is None or step > last_step):
            accepted = step
    return accepted


def new_recovery_codes() -> list[str]:
    """Return random codes, to show once; store hash_recovery_code() of each."""
    return [new_recovery_code() for _ in range(RECOVERY_CODES)]


def new_recovery_code() -> str:
    groups = []
    for _ in range(GROUPS):
        characters = [secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)]
        groups.append("".join(characters))
    return "-".join(groups)


def hash_recovery_code(code: str) -> str:
    """Return the SHA-256 of a code, in hexadecimal; case, spaces and hyphens do not matter."""
    characters = re.sub(r"[\s-]", "", code.upper()).translate(CONFUSED)
    return hashlib.sha256(characters.encode("utf-8", "surrogatepass")).hexdigest()


def find_recovery_code(code: str, hashes: Sequence[str]) -> str | None:
    """Return the stored hash of a code, which the caller deletes; None for an unknown code.

    It takes the same time for every code.
    """
    hashed = hash_recovery_code(code)
    match = None
    for stored in hashes:
        if hmac.compare_digest(stored, hashed):
            match = stored
    return match
