"""Which passwords users may choose: long ones that an attacker does not try first."""

import subprocess
import sys

import pytest

from kit._internal.auth.accounts import password_rules
from kit._internal.auth.accounts.password_rules import PasswordRules, WeakPasswordError

EMAIL = "jane.doe@mail.example.com"
NAMES = ["Jane Doe", "Jane"]
RULES = PasswordRules(service_words=["orders", "Acme Orders"])


def reason_against(password: str, rules: PasswordRules = RULES) -> str | None:
    """Return the code of the reason why Jane Doe may not choose a password."""
    try:
        rules.check(password, EMAIL, NAMES)
    except WeakPasswordError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "password",
    [
        "seven grey elephants",
        "twelve   spaces between",
        "  leading and trailing  ",
        "nur ein kleiner satz \u00fcber k\u00e4se",
        "\ube44\ubc00\ubc88\ud638\ub294 \uae38\uc218\ub85d \uc88b\uc2b5\ub2c8\ub2e4 \uc815\ub9d0",
        # Animals.
        "".join(chr(0x1F400 + 3 * number) for number in range(15)),
        "84620193751946208",
        "lowercaseonlybutlong",
        "tab\tand\nnewline\0and nul",
        # A word of the user in a password that has enough of its own.
        "jane likes grey elephants",
        "my orders are never late",
    ],
)
def test_any_character_is_allowed(password: str) -> None:
    assert reason_against(password) is None


@pytest.mark.parametrize("length", [64, 256])
def test_long_password_is_allowed(length: int) -> None:
    password = "".join(chr(0x4E00 + number) for number in range(length))
    assert reason_against(password) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "too-short"),
        ("fourteen chars", "too-short"),
        # Eight characters, each of two code points until they are composed.
        ("u\u0308" * 8, "too-short"),
        ("x1" * 129, "too-long"),
        ("half a surrogate \ud83d pair", "invalid-text"),
    ],
)
def test_length_is_limited(password: str, reason: str) -> None:
    assert reason_against(password) == reason


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "PasswordPassword",
        "PASSWORD123456789",
        "123456789123456789",
        "1234567890123456",
        "qwertyuiopasdfghjkl",
        "asdfghjklzxcvbnm",
        "iloveyouiloveyou",
        "thisismypassword",
        "1qaz2wsx3edc4rfv",
    ],
)
def test_common_password_is_refused_in_any_case(password: str) -> None:
    assert password_rules.is_common(password)
    assert reason_against(password) == "common"


@pytest.mark.parametrize(
    "password", ["a" * 15, " " * 20, "xkq" * 6, "Xkqxkqxkqxkqxkqxk", "\u00fc7" * 9]
)
def test_repeated_characters_are_refused(password: str) -> None:
    assert not password_rules.is_common(password)
    assert reason_against(password) == "common"


@pytest.mark.parametrize(
    "password",
    [
        EMAIL,
        "Jane.Doe@Mail.Example.com",
        "jane.doe@mail.example.com!",
        "janedoejanedoe2026",
        "Doe-Jane-Orders-1",
        "acme orders acme",
        "ordersordersorders1",
        "mail.example.com-2026",
    ],
)
def test_own_data_is_refused(password: str) -> None:
    assert reason_against(password) == "personal"


def test_minimum_of_nist_is_the_default() -> None:
    assert PasswordRules().min_length == 15
    assert reason_against("xkqvbnzwrtplmd") == "too-short"
    assert reason_against("xkqvbnzwrtplmde") is None


def test_lower_minimum_is_a_setting() -> None:
    rules = PasswordRules(min_length=8)
    assert reason_against("xkqvbnzw", rules) is None
    assert reason_against("xkqvbnz", rules) == "too-short"
    assert reason_against("password1", rules) == "common"
    assert reason_against("Football", rules) == "common"
    assert reason_against("abcdabcd", rules) == "common"
    # The first character is the last one: that is no repetition.
    assert reason_against("xkqvbnzx", rules) is None
    with pytest.raises(ValueError, match="at least 8"):
        PasswordRules(min_length=7)


def test_problem_says_why_and_what_to_do() -> None:
    with pytest.raises(WeakPasswordError) as caught:
        RULES.check("fourteen chars", EMAIL)
    assert caught.value.status == 422
    assert caught.value.kind == "weak-password"
    assert caught.value.members == {"reason": "too-short", "min_length": 15, "max_length": 256}
    assert "at least 15 characters" in caught.value.detail
    assert "fourteen chars" not in str(caught.value)


def test_list_is_long_enough_for_every_minimum() -> None:
    # ASVS 5, 6.2.4: the 3,000 most common ones that are long enough. 10,000 of them have 15 or more
    # characters; the number of the others is in the head of the file.
    prefixes = password_rules.common_prefixes()
    assert len(prefixes) > 16_000
    assert prefixes == sorted(set(prefixes))
    assert {len(prefix) for prefix in prefixes} == {6}


def test_list_is_read_when_it_is_needed() -> None:
    program = (
        "from kit._internal.auth.accounts import password_rules\n"
        "assert not password_rules.common_prefixes.cache_info().currsize\n"
        "password_rules.is_common('x')\n"
        "assert password_rules.common_prefixes.cache_info().currsize\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
