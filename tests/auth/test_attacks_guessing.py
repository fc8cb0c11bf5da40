"""Guessing passwords: limits hold over processes and restarts, and nobody evades them."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import httpx
import pytest

from harness.accounts_service import AccountsService, Browser, User, new_address, running_accounts
from harness.at_once import at_once
from harness.databases import server_of

pytestmark = [pytest.mark.slow, pytest.mark.seconds(80)]

# Where the database has no part in it.
light = pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)

# The defaults of the settings.
PER_ACCOUNT, PER_ADDRESS, PER_ACCOUNT_AND_ADDRESS = 100, 100, 10
TRIES = 50


@pytest.fixture(scope="module")
def second(
    accounts: AccountsService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    """Yield another process on the same database."""
    log = tmp_path_factory.mktemp("second") / "log"
    with running_accounts(accounts.project, accounts.url, log) as service:
        yield service


def guess(browser: Browser, email: str, **headers: str) -> httpx.Response:
    body = {"email": email, "password": secrets.token_hex(8)}
    return browser.post("/auth/sign-in", body, headers=headers)


def statuses(browser: Browser, email: str, number: int, **headers: str) -> list[int]:
    return [guess(browser, email, **headers).status_code for _ in range(number)]


def random_email() -> str:
    return f"{secrets.token_hex(6)}@example.com"


def exhaust(service: AccountsService, user: User) -> Browser:
    """Return the browser of an attacker who has used up its attempts for an account."""
    attacker = service.browser()
    assert set(statuses(attacker, user.email, PER_ACCOUNT_AND_ADDRESS)) == {401}
    return attacker


def assert_limited(response: httpx.Response) -> None:
    assert response.status_code == 429, response.text
    assert "too-many-attempts" in response.text
    assert 1 <= int(response.headers["retry-after"]) <= 15 * 60


@pytest.mark.parametrize("known", [True, False])
def test_exactly_ten_attempts_of_fifty_at_once(
    known: bool, accounts: AccountsService, second: AccountsService
) -> None:
    """Two processes get them from one address, for a known or an unknown account."""
    email = accounts.add_user().email if known else random_email()
    address = new_address()
    calls = []
    for number in range(TRIES):
        browser = (accounts, second)[number % 2].browser(address)
        calls.append(partial(statuses, browser, email, 1))
    answers = list(chain.from_iterable(at_once(calls)))
    assert answers.count(401) == PER_ACCOUNT_AND_ADDRESS, answers
    assert answers.count(429) == TRIES - PER_ACCOUNT_AND_ADDRESS, answers


@light
def test_the_right_password_is_refused_over_the_limit(accounts: AccountsService) -> None:
    """Otherwise the attacker would only have to go on."""
    user = accounts.add_user()
    attacker = exhaust(accounts, user)
    assert_limited(attacker.post("/auth/sign-in", user.credentials))
    # Not from the address of the user.
    accounts.browser().sign_in(user)


def test_the_limit_holds_after_a_restart(accounts: AccountsService, tmp_path: Path) -> None:
    user, address = accounts.add_user(), new_address()
    statuses(accounts.browser(address), user.email, PER_ACCOUNT_AND_ADDRESS)
    with running_accounts(accounts.project, accounts.url, tmp_path / "log") as restarted:
        assert_limited(guess(restarted.browser(address), user.email))


def test_many_addresses_for_an_account(accounts: AccountsService) -> None:
    email = random_email()
    answers: list[int] = []
    for _ in range(PER_ACCOUNT // PER_ACCOUNT_AND_ADDRESS + 1):
        answers += statuses(accounts.browser(), email, PER_ACCOUNT_AND_ADDRESS)
    assert answers.count(401) == PER_ACCOUNT
    assert answers[PER_ACCOUNT:] == [429] * PER_ACCOUNT_AND_ADDRESS


@light
def test_many_accounts_from_an_address(accounts: AccountsService) -> None:
    """A list of stolen passwords has one for each account."""
    browser = accounts.browser()
    answers = [guess(browser, random_email()).status_code for _ in range(PER_ADDRESS + 5)]
    assert answers == [401] * PER_ADDRESS + [429] * 5


@light
def test_an_account_of_the_attacker_does_not_help(accounts: AccountsService) -> None:
    """Signing in to it resets neither the limit of others nor that of the address."""
    victim, own = accounts.add_user(), accounts.add_user()
    attacker = accounts.browser()
    tried = 0
    for _ in range(PER_ADDRESS):
        answer = guess(attacker, victim.email)
        if answer.status_code == 429:
            break
        tried += 1
        attacker.sign_in(own)
    assert tried == PER_ACCOUNT_AND_ADDRESS


@light
def test_a_success_forgets_the_mistakes_of_the_user(accounts: AccountsService) -> None:
    user, browser = accounts.add_user(), accounts.browser()
    for _ in range(3):
        assert set(statuses(browser, user.email, PER_ACCOUNT_AND_ADDRESS - 1)) == {401}
        browser.sign_in(user)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"])
@light
def test_a_header_does_not_change_the_address(header: str, accounts: AccountsService) -> None:
    """Only a proxy on this machine is believed, unless FORWARDED_ALLOW_IPS says otherwise."""
    browser, email = accounts.browser(), random_email()
    answers = []
    for number in range(PER_ACCOUNT_AND_ADDRESS + 1):
        value = f"203.0.113.{number}"
        if header == "Forwarded":
            value = f"for={value}"
        answers += statuses(browser, email, 1, **{header: value})
    assert answers == [401] * PER_ACCOUNT_AND_ADDRESS + [429]


@light
def test_a_client_of_a_proxy_cannot_forge_its_address(accounts: AccountsService) -> None:
    """The proxy appends the address that it sees: the last is true, what was before is not."""
    browser, email = accounts.browser("127.0.0.1"), random_email()
    answers = []
    for number in range(PER_ACCOUNT_AND_ADDRESS + 1):
        forwarded = f"203.0.113.{number}, 198.51.100.{secrets.randbelow(100)}, 192.0.2.1"
        answers += statuses(browser, email, 1, **{"X-Forwarded-For": forwarded})
    assert answers == [401] * PER_ACCOUNT_AND_ADDRESS + [429]


@light
def test_a_network_of_ipv6_is_one_address(accounts: AccountsService) -> None:
    """A client has 2^64 addresses, of which the first 64 bits are the same."""
    browser, email = accounts.browser("127.0.0.1"), random_email()
    network = secrets.token_hex(2)
    answers = []
    for number in range(PER_ACCOUNT_AND_ADDRESS + 1):
        address = f"2001:db8:1:{network}:{number}::{number}"
        answers += statuses(browser, email, 1, **{"X-Forwarded-For": address})
    assert answers == [401] * PER_ACCOUNT_AND_ADDRESS + [429]
    other = {"X-Forwarded-For": f"2001:db8:2:{network}::1"}
    assert statuses(browser, email, 1, **other) == [401]


@pytest.mark.parametrize("write", [str.upper, str.title, lambda email: f" {email} "])
@light
def test_another_spelling_is_the_same_account(
    write: Callable[[str], str], accounts: AccountsService
) -> None:
    user = accounts.add_user()
    attacker = exhaust(accounts, user)
    answer = guess(attacker, write(user.email))
    assert answer.status_code in {422, 429}


def test_the_table_has_no_address(accounts: AccountsService) -> None:
    browser = accounts.browser("127.9.9.9")
    email = random_email()
    guess(browser, email)
    rows = str(accounts.query("SELECT * FROM sign_in_limits"))
    assert email not in rows
    assert "127.9.9.9" not in rows


@light
def test_a_new_service_has_no_account(accounts: AccountsService, tmp_path: Path) -> None:
    """Neither is there a role that a user could get by its name."""
    with server_of(accounts.project).empty_database(tmp_path) as url:
        accounts.project.alembic(url, "upgrade", "head")
        for table in ("users", "credentials", "roles", "user_roles", "api_keys"):
            assert accounts.server.query(url, f"SELECT count(*) FROM {table}") == [(0,)]
