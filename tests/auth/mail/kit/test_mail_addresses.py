"""Addresses as they are sent, and what is none; times in words."""

import pytest

from kit._internal.auth.accounts.mail import messages
from kit._internal.auth.accounts.mail.addresses import AddressError, to_wire


def test_domain_without_ascii_is_encoded() -> None:
    assert to_wire("info@Bücher.example") == "info@xn--bcher-kva.example"
    assert to_wire("zoë@bücher.example") == "zoë@xn--bcher-kva.example"
    assert to_wire("Ada.L+x@Example.com") == "Ada.L+x@Example.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example.com, eve@example.com",
        "a b@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "<ada@example.com>",
        "ada@[127.0.0.1]",
        "ada@exa_mple.com",
        "ada@-a.example",
        "ada@a..example",
        '"a b"@c.example',
        "ada@☃\u200d.example",
        "zoë,eve@example.com",
        f"{'a' * 250}@example.com",
        "eve@b@c.example",
    ],
)
def test_other_address_is_refused_without_being_quoted(address: str) -> None:
    with pytest.raises(AddressError) as error:
        to_wire(address)
    assert "ada" not in str(error.value)
    assert "eve" not in str(error.value)


@pytest.mark.parametrize(
    ("minutes", "duration"),
    [
        (30, "30 minutes"),
        (1, "1 minute"),
        (0.5, "1 minute"),
        (90, "90 minutes"),
        (120, "2 hours"),
        (1440, "24 hours"),
        (10080, "7 days"),
    ],
)
def test_duration_is_in_words(minutes: float, duration: str) -> None:
    assert messages.format_minutes(minutes) == duration
