"""The cookie of a session: its attributes, and other cookies in its place."""

from http.cookies import SimpleCookie

import pytest

from harness.accounts_service import COOKIE, AccountsService, Browser

# The database has no part in it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.seconds(80),
    pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True),
]

DAY = 24 * 60 * 60


def token_of(browser: Browser) -> str:
    assert browser.token is not None
    return browser.token


def test_attributes_of_the_cookie(accounts: AccountsService) -> None:
    """A browser takes a cookie with the prefix __Host- only with these (RFC 6265bis, 4.1.3.2)."""
    browser = accounts.browser()
    response = browser.sign_in(accounts.add_user())
    assert_attributes(response.headers["set-cookie"], str(30 * DAY))
    assert token_of(browser) not in response.text
    ended = browser.post("/auth/sign-out")
    assert ended.status_code == 204
    assert_attributes(ended.headers["set-cookie"], "0")


def assert_attributes(header: str, max_age: str) -> None:
    morsel = SimpleCookie(header)[COOKIE]
    assert morsel["secure"] and morsel["httponly"]
    assert morsel["samesite"].lower() == "lax"
    assert morsel["path"] == "/"
    assert morsel["domain"] == ""
    assert morsel["max-age"] == max_age


def test_a_client_with_bearer_gets_no_cookie(accounts: AccountsService) -> None:
    response = accounts.browser().sign_in(accounts.add_user(), transport="bearer")
    assert "set-cookie" not in response.headers
    assert accounts.status_with_header(response.json()["token"]) == 200


@pytest.mark.parametrize(
    "cookies",
    [
        "{name}={token}; {name}={other}",
        "{name}={other}; {name}={token}",
        "{name}={token}; {name}={token}",
        "{name}=; {name}={token}",
        "session={token}",
        "__host-session={token}",
        "__Secure-session={token}",
        "x={name}={token}",
        "{name} x={token}",
        "{name}={token}x",
        "{name}={token}%3B",
        "{name}",
    ],
)
def test_other_cookies(cookies: str, accounts: AccountsService) -> None:
    """With several, which of them counts would be a guess: one may come from a subdomain."""
    token, other = token_of(accounts.signed_in()), token_of(accounts.signed_in())
    header = cookies.format(name=COOKIE, token=token, other=other)
    browser = accounts.browser()
    assert browser.get("/auth/me", headers={"Cookie": header}).status_code == 401
    assert accounts.status_of(token) == 200


def test_two_headers_with_cookies(accounts: AccountsService) -> None:
    """HTTP/2 splits the header, so each of them counts."""
    headers = []
    for browser in (accounts.signed_in(), accounts.signed_in()):
        headers.append(("Cookie", f"{COOKIE}={browser.token}"))
    client = accounts.browser().http
    assert client.get("/auth/me", headers=headers).status_code == 401
    assert client.get("/auth/me", headers=[headers[0], ("Cookie", "x=y")]).status_code == 200
