"""Finding out who has an account: the answers are the same for all e-mail addresses, and as fast.

tests/auth/accounts_kit/test_same_work.py counts what the service does for each of them.
"""

import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

from harness.accounts_service import AccountsService, Browser, running_accounts
from harness.at_once import Durations, always_slower, durations
from harness.databases import server_of
from harness.project import Project

# accounts_kit/test_same_work.py shows that the work is the same on each database.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.seconds(80),
    pytest.mark.parametrize("accounts_project", ["postgresql"], indirect=True),
]

TRIES = 100
# An address gets so many mails; also below the limits of attempts to sign in.
TRIES_PER_ACCOUNT = 8
ACCOUNTS = TRIES // TRIES_PER_ACCOUNT
SETTINGS = {
    "ORDERS_AUTH_ATTEMPTS_PER_ADDRESS": "100000",
    # Milliseconds, far more than the noise.
    "ORDERS_AUTH_ARGON2_MEMORY_KIB": "4096",
}
# Headers that differ in every answer.
CHANGING = {"date", "x-request-id"}

Ask = Callable[[Browser, str], httpx.Response]


def sign_in(browser: Browser, email: str) -> httpx.Response:
    body = {"email": email, "password": secrets.token_hex(8)}
    return browser.post("/auth/sign-in", body)


def request_reset(browser: Browser, email: str) -> httpx.Response:
    return browser.post("/auth/password-reset", {"email": email})


def sign_up(browser: Browser, email: str) -> httpx.Response:
    return browser.post("/auth/sign-up", {"email": email, "name": "Ada"})


QUESTIONS: list[Ask] = [sign_in, request_reset, sign_up]


@pytest.fixture(scope="module")
def service(
    accounts_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    folder = tmp_path_factory.mktemp("enumeration")
    with (
        server_of(accounts_project).empty_database(folder) as url,
        running_accounts(accounts_project, url, folder / "log", **SETTINGS) as service,
    ):
        yield service


def everything_but(response: httpx.Response, *emails: str) -> tuple[int, dict[str, str], str]:
    """Return an answer without what differs anyway; raise AssertionError if it has an address."""
    headers = {name: value for name, value in response.headers.items() if name not in CHANGING}
    text = response.text.replace(response.headers["x-request-id"], "")
    for email in emails:
        assert email not in text
    return response.status_code, headers, text


@pytest.mark.parametrize("ask", QUESTIONS)
def test_the_answer_is_the_same(ask: Ask, service: AccountsService) -> None:
    """Also for users who are not active, and users without a password."""
    without_password = service.add_user()
    service.query(f"DELETE FROM credentials WHERE user_id = '{without_password.user_id}'")
    emails = [
        service.add_user().email,
        service.add_user(is_active=False).email,
        service.add_user(totp_secret="A" * 32).email,
        without_password.email,
        f"{secrets.token_hex(6)}@example.com",
    ]
    answers = []
    for email in emails:
        answers.append(everything_but(ask(service.browser(), email), email))
    assert answers[0][0] in {202, 401}
    assert answers == [answers[0]] * len(answers)


@pytest.mark.parametrize("ask", QUESTIONS)
def test_the_limit_is_the_same(ask: Ask, service: AccountsService) -> None:
    known_email, unknown_email = service.add_user().email, f"{secrets.token_hex(6)}@example.com"
    series = []
    for email in (known_email, unknown_email):
        browser = service.browser()
        series.append([ask(browser, email).status_code for _ in range(12)])
    assert series[0] == series[1]
    assert series[0][-2:] == [429, 429]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_the_time_is_the_same(ask: Ask, service: AccountsService) -> None:
    """Over 100 tries each, an attacker does not learn more than by tossing a coin."""

    def measure() -> Durations:
        """Ask for new addresses from a new client: both may send only so many requests."""
        browser = service.browser()
        known = [service.add_user().email for _ in range(ACCOUNTS)]
        unknown = [f"{secrets.token_hex(6)}@example.com" for _ in range(ACCOUNTS)]
        return durations(
            lambda number: expect(ask(browser, known[number % ACCOUNTS])),
            lambda number: expect(ask(browser, unknown[number % ACCOUNTS])),
            TRIES,
        )

    assert always_slower(measure) is None


def expect(response: httpx.Response) -> None:
    assert response.status_code in {202, 401}, response.text


def test_a_new_address_of_a_user_does_not_tell_who_has_it(service: AccountsService) -> None:
    taken = service.add_user().email
    answers = []
    for email in (taken, f"{secrets.token_hex(6)}@example.com"):
        user, browser = service.add_user(), service.browser()
        browser.sign_in(user)
        body = {"email": email, "current_password": user.password}
        answers.append(everything_but(browser.post("/auth/email", body), email))
    assert answers[0] == answers[1]
    assert answers[0][0] == 202


def test_wrong_tokens_do_not_tell_why(service: AccountsService) -> None:
    """The answer does not say what they could have been for."""
    answers = []
    for token in ("x", secrets.token_urlsafe(32), "0" * 64):
        body = {"token": token, "password": secrets.token_hex(12)}
        for path in ("/auth/password-reset/confirm", "/auth/sign-up/confirm"):
            answers.append(everything_but(service.browser().post(path, body)))
    assert answers[0][0] == 400
    assert answers == [answers[0]] * len(answers)
