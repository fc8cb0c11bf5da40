"""Requests at the same moment: what may be used once is used once, and changes end what was before.

Two processes on one database get the requests by turns, each from an address of its own.
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from harness.accounts_service import AccountsService, Browser, User, running_accounts, totp_code
from harness.at_once import at_once
from harness.databases import server_of
from harness.processes import wait_for
from harness.project import Project
from harness.smtp import MailServer, receiving_mail, token_of

pytestmark = [pytest.mark.slow, pytest.mark.seconds(80)]

TRIES = 50
NEW_PASSWORD = "violet harbour anchor 93"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
RECOVERY_CODE = "01234-56789-ABCDE-FGHJK-MNPQR"
SETTINGS = {
    # None is refused because others wait.
    "ORDERS_AUTH_ARGON2_QUEUE": "200",
    "ORDERS_AUTH_SESSION_CACHE": "1",
}


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with receiving_mail() as server:
        yield server


@pytest.fixture(scope="module")
def services(
    accounts_project: Project, mail: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[AccountsService]]:
    """Yield two processes on one database."""
    folder = tmp_path_factory.mktemp("races")
    settings = {**SETTINGS, **mail.settings()}
    with (
        server_of(accounts_project).empty_database(folder) as url,
        running_accounts(accounts_project, url, folder / "first", **settings) as first,
        running_accounts(accounts_project, url, folder / "second", **settings) as second,
    ):
        yield [first, second]


@pytest.fixture
def browsers(services: list[AccountsService]) -> list[Browser]:
    """Return TRIES browsers, which call both processes by turns."""
    return [services[number % 2].browser() for number in range(TRIES)]


Request = Callable[[Browser], httpx.Response]


def statuses(browsers: list[Browser], request: Request) -> list[int]:
    """Return the answers to the request of all browsers at once."""
    answers = at_once([partial(request, browser) for browser in browsers])
    return sorted(answer.status_code for answer in answers)


def new_email() -> str:
    return f"{secrets.token_hex(6)}@example.com"


def is_signed_in(browser: Browser) -> bool:
    """Return whether the session is valid for a process that does not remember it."""
    response = browser.get("/auth/me")
    assert response.status_code in {200, 401}, response.text
    return response.status_code == 200


def wait_for_end(browsers: list[Browser]) -> None:
    """Wait for the seconds for which the processes remember sessions."""
    wait_for(lambda: not any(map(is_signed_in, browsers)), "all sessions have ended", 30)


def test_a_link_to_reset_a_password(
    services: list[AccountsService], browsers: list[Browser], mail: MailServer
) -> None:
    user = services[0].add_user()
    services[0].browser().post("/auth/password-reset", {"email": user.email})
    body = {"token": token_of(mail.wait_for_message(user.email)), "password": NEW_PASSWORD}
    answers = statuses(browsers, lambda client: client.post("/auth/password-reset/confirm", body))
    assert answers == [201] + [400] * (TRIES - 1)
    assert sum(map(is_signed_in, browsers)) == 1


def test_a_link_to_sign_up(
    services: list[AccountsService], browsers: list[Browser], mail: MailServer
) -> None:
    email = new_email()
    services[0].browser().post("/auth/sign-up", {"email": email, "name": "Ada"})
    body = {"token": token_of(mail.wait_for_message(email)), "password": NEW_PASSWORD}
    answers = statuses(browsers, lambda client: client.post("/auth/sign-up/confirm", body))
    assert answers == [201] + [400] * (TRIES - 1)
    count = services[0].query(f"SELECT count(*) FROM users WHERE email = '{email}'")
    assert count == [(1,)]


def test_a_link_to_change_the_address(
    services: list[AccountsService], browsers: list[Browser], mail: MailServer
) -> None:
    user, email = services[0].add_user(), new_email()
    browser = services[0].browser()
    browser.sign_in(user)
    browser.post("/auth/email", {"email": email, "current_password": user.password})
    body = {"token": token_of(mail.wait_for_message(email))}
    for other in browsers:
        other.token = browser.token
    answers = statuses(browsers, lambda client: client.post("/auth/email/confirm", body))
    assert answers == [204] + [400] * (TRIES - 1)


def test_a_code_of_an_app(services: list[AccountsService], browsers: list[Browser]) -> None:
    user = services[0].add_user(totp_secret=SECRET)
    body = {**user.credentials, "code": totp_code(SECRET)}
    answers = statuses(browsers, lambda client: client.post("/auth/sign-in", body))
    assert answers == [201] + [401] * (TRIES - 1)
    assert services[0].browser().post("/auth/sign-in", body).status_code == 401


def test_a_recovery_code(services: list[AccountsService], browsers: list[Browser]) -> None:
    user = services[0].add_user(totp_secret=SECRET)
    services[0].add_recovery_code(user, RECOVERY_CODE)
    body = {**user.credentials, "code": RECOVERY_CODE}
    answers = statuses(browsers, lambda client: client.post("/auth/sign-in", body))
    assert answers == [201] + [401] * (TRIES - 1)


def sign_in(browser: Browser, user: User) -> int:
    return browser.post("/auth/sign-in", user.credentials).status_code


def read(browser: Browser, path: str) -> int:
    return browser.get(path).status_code


def sign_out(browser: Browser) -> int:
    return browser.post("/auth/sign-out").status_code


def sign_in_during(browsers: list[Browser], user: User, change: Callable[[], int]) -> int:
    """Sign a user in 20 times during a change; return its status.

    No session that began with the old password outlives it.
    """
    calls: list[Callable[[], int]] = []
    for browser in browsers[:20]:
        calls.append(partial(sign_in, browser, user))
    calls.insert(10, change)
    answers = at_once(calls)
    status = answers.pop(10)
    assert {*answers} <= {201, 401}, answers
    wait_for_end([browser for browser in browsers if browser.token])
    return status


def test_signing_in_while_the_password_is_changed(
    services: list[AccountsService], browsers: list[Browser]
) -> None:
    """No session that began with the old password outlives the change."""
    user, owner = services[0].add_user(), services[0].browser()
    owner.sign_in(user)
    body = {"current_password": user.password, "password": NEW_PASSWORD}
    change = partial(owner.post, "/auth/password", body)
    assert sign_in_during(browsers, user, lambda: change().status_code) == 200
    assert is_signed_in(owner)


def test_signing_in_while_the_password_is_reset(
    services: list[AccountsService], browsers: list[Browser], mail: MailServer
) -> None:
    user, owner = services[0].add_user(), services[0].browser()
    owner.post("/auth/password-reset", {"email": user.email})
    body = {"token": token_of(mail.wait_for_message(user.email)), "password": NEW_PASSWORD}
    change = partial(owner.post, "/auth/password-reset/confirm", body)
    assert sign_in_during(browsers, user, lambda: change().status_code) == 201
    assert is_signed_in(owner)


def test_requests_while_the_password_is_changed(services: list[AccountsService]) -> None:
    """They are answered by the old session or refused; none fails, and none continues."""
    user, owner = services[0].add_user("users:read"), services[0].browser()
    owner.sign_in(user)
    others = [service.browser() for service in services]
    for other in others:
        other.sign_in(user)
    body = {"current_password": user.password, "password": NEW_PASSWORD}
    calls: list[Callable[[], int]] = [lambda: owner.post("/auth/password", body).status_code]
    for _ in range(10):
        for other in others:
            # A client of its own: a connection answers one request at a time.
            token, client = other.token, services[0].browser()
            client.token = token
            calls.append(partial(read, client, "/users"))
    answers = at_once(calls)
    assert answers[0] == 200
    assert {*answers[1:]} <= {200, 401}, answers
    wait_for_end(others)


def test_signing_out_while_requests_run(services: list[AccountsService]) -> None:
    """A request that began before does not make the process remember the session afterwards."""
    for _ in range(10):
        browser = services[0].signed_in()
        clients = [services[0].browser() for _ in range(8)]
        for client in clients:
            client.token = browser.token
        calls: list[Callable[[], int]] = []
        for client in clients:
            calls.append(partial(read, client, "/auth/me"))
        calls.append(partial(sign_out, browser))
        assert at_once(calls)[-1] == 204
        assert clients[0].get("/auth/me").status_code == 401


def test_turning_the_second_factor_on_while_signing_in(
    services: list[AccountsService], browsers: list[Browser]
) -> None:
    """No session that began without a code outlives the change."""
    user, owner = services[0].add_user(), services[0].browser()
    owner.sign_in(user)
    secret = owner.post("/auth/totp", {"current_password": user.password}).json()["secret"]
    body = {"code": totp_code(secret)}
    calls: list[Callable[[], int]] = []
    for browser in browsers[:20]:
        calls.append(partial(sign_in, browser, user))
    calls.insert(10, lambda: owner.post("/auth/totp/confirm", body).status_code)
    answers = at_once(calls)
    assert answers.pop(10) == 200
    assert {*answers} <= {201, 401}, answers
    wait_for_end([browser for browser in browsers if browser.token])
    assert is_signed_in(owner)
