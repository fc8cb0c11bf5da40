"""Which passwords users may choose, by NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5 (6.2).

Every character is allowed, and no kind of character is required. A password has to be long, and
must not be what an attacker tries first: a common password, or the user's own data.
"""

import base64
import bisect
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from kit._internal.problems import ProblemError

# NIST requires 15 characters of a password that is the only factor, which it is for every user
# without a second one; 8 is the minimum with a second factor. ASVS (6.2.1) recommends the same.
MIN_LENGTH = 15
LOWEST_MIN_LENGTH = 8
# NIST and ASVS (6.2.9) require that 64 characters are possible. The limit bounds the work.
MAX_LENGTH = 256
# Shorter words are too often part of other words.
MIN_WORD = 3
# How many characters a password needs beyond the data of its user, or before it repeats.
MIN_OWN_CHARACTERS = 8
# Hashes of common passwords: see the head of the file.
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt")
# Bytes of a hash of a common password.
PREFIX = 6

TEXTS = {
    "too-short": "The password needs at least {min_length} characters. Several words, such as a"
    " sentence that only you know, are easier to remember than few odd characters.",
    "too-long": "The password has more than {max_length} characters.",
    "invalid-text": "The password contains a character that is not valid Unicode.",
    "common": "The password is common, so it is among the first that an attacker tries. Changing"
    " a few characters does not help: choose several unrelated words, or let a password manager"
    " create it.",
    "personal": "The password consists of your name, your e-mail address or the name of this"
    " service, which an attacker knows. Choose several unrelated words, or let a password manager"
    " create it.",
}


class WeakPasswordError(ProblemError):
    """422: the password cannot be used; `reason` says why, `detail` how to choose another.

    The reason is too-short, too-long, invalid-text, common or personal.
    """

    def __init__(self, reason: str, min_length: int) -> None:
        detail = TEXTS[reason].format(min_length=min_length, max_length=MAX_LENGTH)
        members = {"reason": reason, "min_length": min_length, "max_length": MAX_LENGTH}
        super().__init__(422, detail, "weak-password", members)
        self.reason = reason


class PasswordRules:
    """The rules of a service.

    - `min_length`: the minimum in characters, 8 or more.
    - `service_words`: names that everyone knows, such as that of the service (ASVS 5, 6.2.11).
    """

    def __init__(self, min_length: int = MIN_LENGTH, service_words: Sequence[str] = ()) -> None:
        if min_length < LOWEST_MIN_LENGTH:
            raise ValueError(f"passwords need at least {LOWEST_MIN_LENGTH} characters")
        self.min_length = min_length
        self.service_words = service_words

    def check(self, password: str, email: str, names: Sequence[str] = ()) -> None:
        """Raise WeakPasswordError if a user with this address and these names may not choose it."""
        reason = self.find_reason(password, email, names)
        if reason is not None:
            raise WeakPasswordError(reason, self.min_length)

    def find_reason(self, password: str, email: str, names: Sequence[str]) -> str | None:
        # In the form in which it is hashed, by code points.
        text = unicodedata.normalize("NFC", password)
        if len(text) < self.min_length:
            return "too-short"
        if len(text) > MAX_LENGTH:
            return "too-long"
        if not is_valid(text):
            return "invalid-text"
        if is_common(text) or repeats(text):
            return "common"
        if consists_of(text, [*self.service_words, *names, *parts_of_address(email)]):
            return "personal"
        return None


def is_valid(text: str) -> bool:
    """Return whether a text has no half of a surrogate pair, which JSON can contain."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_common(text: str) -> bool:
    """Return whether a password is in the list of common ones, in any case."""
    prefix = common_prefix(text)
    prefixes = common_prefixes()
    index = bisect.bisect_left(prefixes, prefix)
    return index < len(prefixes) and prefixes[index] == prefix


def common_prefix(text: str) -> bytes:
    return hashlib.sha256(text.casefold().encode()).digest()[:PREFIX]


@cache
def common_prefixes() -> list[bytes]:
    """Return the sorted prefixes of hashes of common passwords; read when first needed."""
    lines = COMMON_PASSWORDS.read_text("ascii").splitlines()
    content = base64.b64decode("".join(line for line in lines if not line.startswith("#")))
    return [content[start : start + PREFIX] for start in range(0, len(content), PREFIX)]


def repeats(text: str) -> bool:
    """Return whether a password is a few characters again and again: `aaaa`, `abcabcab`."""
    folded = text.casefold()
    for period in range(1, min(MIN_OWN_CHARACTERS, len(folded) // 2 + 1)):
        if folded[period:] == folded[:-period]:
            return True
    return False


def consists_of(text: str, words: Iterable[str]) -> bool:
    """Return whether a password is made of these words, and few other characters.

    A word in a password that has enough of its own is no reason to refuse it.
    """
    folded = [word.casefold() for word in words if len(word) >= MIN_WORD]
    rest = text.casefold()
    for word in sorted(folded, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != text.casefold() and len(rest) < MIN_OWN_CHARACTERS


def parts_of_address(email: str) -> Iterator[str]:
    """Yield the words of an e-mail address, and of each side of it."""
    yield email
    yield from email.split("@")
    yield from re.split(r"[@._+-]", email)
