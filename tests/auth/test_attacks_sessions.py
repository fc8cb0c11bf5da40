"""Sessions that another person has planted, stolen or kept."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.accounts_service import AccountsService, Browser, User, running_accounts
from harness.processes import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.seconds(80)]

# Where the database has no part in it.
light = pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)

TOKEN = re.compile(r"session_[A-Za-z0-9_-]{43}")
DAY = 24 * 60 * 60
# Seconds for which the second process of these tests remembers a session.
CACHE = {"ORDERS_AUTH_SESSION_CACHE": "2"}


@pytest.fixture(scope="module")
def second(
    accounts: AccountsService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    """Yield another process on the same database, such as a replica."""
    log = tmp_path_factory.mktemp("second") / "log"
    with running_accounts(accounts.project, accounts.url, log, **CACHE) as service:
        yield service


def token_of(browser: Browser) -> str:
    assert browser.token is not None
    return browser.token


@pytest.mark.parametrize("planted", ["session_" + "A" * 43, "x", ""])
@light
def test_a_planted_cookie_is_not_adopted(planted: str, accounts: AccountsService) -> None:
    browser = accounts.browser()
    browser.token = planted
    browser.sign_in(accounts.add_user())
    assert browser.token != planted
    assert accounts.status_of(planted) == 401


@light
def test_a_planted_session_of_the_attacker_ends(accounts: AccountsService) -> None:
    """The attacker signs in first, and plants a valid cookie."""
    attacker = accounts.signed_in()
    planted = token_of(attacker)
    victim = accounts.browser()
    victim.token = planted
    victim.sign_in(accounts.add_user())
    assert victim.token != planted
    assert accounts.status_of(planted) == 401


@light
def test_each_sign_in_has_a_token_of_its_own(accounts: AccountsService) -> None:
    browser, user = accounts.browser(), accounts.add_user()
    tokens = set()
    for _ in range(3):
        browser.sign_in(user)
        tokens.add(token_of(browser))
    assert len(tokens) == 3
    # Of one browser, only the last is valid.
    assert sorted(accounts.status_of(token) for token in tokens) == [200, 401, 401]


@light
def test_a_token_is_random(accounts: AccountsService) -> None:
    """43 characters of Base64 are 256 bits."""
    assert TOKEN.fullmatch(token_of(accounts.signed_in()))


def test_the_hash_in_the_database_is_no_token(accounts: AccountsService) -> None:
    token = token_of(accounts.signed_in())
    stored = hashlib.sha256(token.encode()).hexdigest()
    rows = accounts.query(f"SELECT token_hash FROM sessions WHERE token_hash = '{stored}'")
    assert rows == [(stored,)]
    assert not accounts.query(f"SELECT 1 FROM sessions WHERE token_hash = '{token}'")
    for text in (stored, f"session_{stored}"):
        assert accounts.status_of(text) == 401
        assert accounts.status_with_header(text) == 401


@pytest.mark.parametrize(
    ("column", "seconds", "status"),
    [
        ("last_seen_at", 7 * DAY + 60, 401),
        ("last_seen_at", 7 * DAY - 60, 200),
        ("expires_at", 30 * DAY + 60, 401),
        ("expires_at", 30 * DAY - 60, 200),
    ],
)
def test_a_session_ends_by_itself(
    column: str, seconds: int, status: int, accounts: AccountsService
) -> None:
    token = token_of(accounts.signed_in())
    accounts.move_session(column, token, seconds)
    assert accounts.status_of(token) == status


def test_use_does_not_prolong_the_lifetime(accounts: AccountsService) -> None:
    token = token_of(accounts.signed_in())
    accounts.move_session("last_seen_at", token, DAY)
    before = accounts.query("SELECT id, expires_at FROM sessions ORDER BY id")
    assert accounts.status_of(token) == 200
    assert accounts.query("SELECT id, expires_at FROM sessions ORDER BY id") == before


def delete_user(administrator: Browser, user: User) -> httpx.Response:
    return administrator.request("DELETE", f"/users/{user.user_id}")


def deactivate_user(administrator: Browser, user: User) -> httpx.Response:
    return administrator.request("PATCH", f"/users/{user.user_id}", json={"is_active": False})


@pytest.mark.parametrize("remove", [delete_user, deactivate_user])
@light
def test_a_user_who_is_gone(
    remove: Callable[[Browser, User], httpx.Response], second: AccountsService
) -> None:
    """The session ends at the latest after the seconds for which a process remembers it."""
    browser, user = second.browser(), second.add_user()
    browser.sign_in(user)
    assert browser.get("/auth/me").status_code == 200
    assert remove(second.signed_in("*"), user).is_success
    wait_for(lambda: browser.get("/auth/me").status_code == 401, "the session has ended", 30)
    again = second.browser().post("/auth/sign-in", user.credentials)
    assert again.status_code == 401
    assert "wrong-password" in again.text


@pytest.mark.parametrize("path", ["/auth/sign-out", "/auth/sign-out-everywhere"])
@light
def test_signing_out_ends_the_session_in_this_process(path: str, accounts: AccountsService) -> None:
    browser, user = accounts.browser(), accounts.add_user()
    browser.sign_in(user)
    token = token_of(browser)
    # It is remembered now.
    assert accounts.status_of(token) == 200
    assert browser.post(path).status_code == 204
    assert browser.token is None
    assert accounts.status_of(token) == 401
    assert accounts.status_with_header(token) == 401


@light
def test_signing_out_ends_the_session_in_other_processes(
    accounts: AccountsService, second: AccountsService
) -> None:
    """They remember it for some seconds, which a setting says."""
    browser = accounts.signed_in()
    token = token_of(browser)
    assert second.status_of(token) == 200
    assert browser.post("/auth/sign-out").status_code == 204
    wait_for(lambda: second.status_of(token) == 401, "the session has ended there", 30)


def test_signing_out_everywhere(accounts: AccountsService) -> None:
    user, browsers = accounts.add_user(), [accounts.browser() for _ in range(3)]
    for browser in browsers:
        browser.sign_in(user)
    other = token_of(accounts.signed_in())
    tokens = [token_of(browser) for browser in browsers]
    assert browsers[0].post("/auth/sign-out-everywhere").status_code == 204
    assert [accounts.status_of(token) for token in tokens] == [401] * 3
    assert accounts.status_of(other) == 200


@light
def test_sessions_of_others(accounts: AccountsService) -> None:
    """Neither a list nor an id gives access to them; administrators have routes of their own."""
    victim, attacker = accounts.signed_in(), accounts.signed_in("*")
    session_id = victim.get("/auth/sessions").json()["items"][0]["id"]
    assert session_id not in attacker.get("/auth/sessions").text
    answer = attacker.request("DELETE", f"/auth/sessions/{session_id}")
    assert answer.status_code == 404
    assert accounts.status_of(token_of(victim)) == 200
    assert token_of(victim) not in victim.get("/auth/sessions").text


@light
def test_a_session_after_a_restart(accounts: AccountsService, tmp_path: Path) -> None:
    token = token_of(accounts.signed_in())
    for name in ("first", "then"):
        with running_accounts(accounts.project, accounts.url, tmp_path / name) as service:
            assert service.status_of(token) == 200
