"""What attempts to sign in are counted for."""

import pytest
from sqlalchemy import MetaData, Table

from kit._internal.auth.accounts.limits import AttemptLimits, network_of

EMAIL, ADDRESS = "jane@example.com", "192.0.2.1"
TABLE = Table("attempts_of_tests", MetaData())


def test_case_of_an_address_does_not_matter() -> None:
    limits = AttemptLimits(TABLE)
    assert limits.keys("Jane@EXAMPLE.com", ADDRESS) == limits.keys(EMAIL, ADDRESS)
    assert limits.keys("john@example.com", ADDRESS) != limits.keys(EMAIL, ADDRESS)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("/run/socket", "/run/socket"),
        ("", ""),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network
