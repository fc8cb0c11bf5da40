"""Requests that no client sends by mistake: answered with 4xx, and nothing of them is logged."""

import json
import secrets
from typing import Any

import httpx
import pytest

from harness.accounts_service import COOKIE, PASSWORD, AccountsService
from harness.raw_http import connect, read_all

# PostgreSQL refuses more texts than SQLite.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.seconds(80),
    pytest.mark.parametrize("accounts_project", ["postgresql"], indirect=True),
]

EMAIL = "ada@example.com"
# Texts that a part of a server may not be able to handle.
TEXTS: dict[str, str] = {
    "NUL": "a\0b" * 8,
    "half a surrogate pair": "\ud800" * 15,
    "an emoji of many parts": "👩‍👩‍👧‍👦" * 10,
    "accents that stack": "e" + "\u0301" * 255,
    "ligatures that expand": "\ufdfa" * 256,
    "ten kilobytes": "x" * 10_240,
    "control characters": "\x1b[2J\r\n\x07" * 5,
    "text that looks like SQL": "' OR 1=1; DROP TABLE users; --",
    "a format string": "%s%n{0}{__class__}${jndi:ldap://x}",
}
FIELDS = ("email", "password", "code", "transport")
# What is no value of a text.
VALUES: dict[str, Any] = {
    "null": None,
    "a number": 12345678901234567890,
    "true": True,
    "a list": [PASSWORD],
    "an object": {"$ne": None},
    "nested lists": "[" * 500 + "]" * 500,
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"email=ada",
    "a list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "half an object": b'{"email": "ada@example.com"',
    "NaN": b'{"email": NaN, "password": Infinity}',
    "no UTF-8": b'{"email": "\xff\xfe"}',
    "deeply nested": b'{"password":' * 50_000,
    "a long number": b'{"password": ' + b"9" * 10_000 + b"}",
    "too large": b'{"password": "' + b"x" * 2_000_000 + b'"}',
}
AUTHORIZATION: dict[str, bytes] = {
    "no token": b"Bearer",
    "commas": b"Bearer ,,",
    "two tokens": b"Bearer a b",
    "no ASCII": b"Bearer \xff\xfe",
    "NUL-like": b"Bearer %00",
    "long": b"Bearer " + b"x" * 30_000,
    "a session without a token": b"Bearer session_",
    "a key without a secret": b"Bearer key_",
    "a key with a wrong checksum": b"Bearer key_0123456789ab_" + b"0" * 72,
    "a key without ASCII": b"Bearer key_\xe9_00000000",
    "a hash": b"Bearer " + b"0" * 64,
    "SQL": b"Bearer ' OR '1'='1",
    "Basic": b"Basic YWRhOmFkYQ==",
    "no scheme": b"session_x",
    "empty": b"",
}
COOKIES: dict[str, bytes] = {
    "empty": b"",
    "no value": b"__Host-session",
    "no ASCII": b"__Host-session=\xff\xfe",
    "long": b"__Host-session=" + b"x" * 30_000,
    "many": b"; ".join(b"c%d=x" % number for number in range(3000)),
    "semicolons": b";" * 5000,
    "quotes": b'__Host-session="',
    "SQL": b"__Host-session=' OR '1'='1",
}


def post(accounts: AccountsService, body: object) -> httpx.Response:
    return accounts.browser().http.post("/auth/sign-in", content=json.dumps(body).encode())


def assert_client_error(response: httpx.Response, *secret_texts: str) -> None:
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    for text in secret_texts:
        assert text not in response.text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, field: str, accounts: AccountsService) -> None:
    body = {"email": EMAIL, "password": PASSWORD, field: TEXTS[name]}
    response = post(accounts, body)
    assert_client_error(response, PASSWORD)
    assert TEXTS[name].encode("utf-8", "surrogatepass") not in response.content


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", VALUES)
def test_other_types(name: str, field: str, accounts: AccountsService) -> None:
    response = post(accounts, {"email": EMAIL, "password": PASSWORD, field: VALUES[name]})
    assert_client_error(response, PASSWORD)


@pytest.mark.parametrize("name", BODIES)
def test_body(name: str, accounts: AccountsService) -> None:
    http = accounts.browser().http
    assert_client_error(http.post("/auth/sign-in", content=BODIES[name]))


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "x"])
def test_a_form_is_no_sign_in(kind: str, accounts: AccountsService) -> None:
    """A page of another origin can send forms without asking the service (CORS)."""
    user = accounts.add_user()
    content = json.dumps(user.credentials)
    headers = {"Content-Type": kind}
    response = accounts.browser().http.post("/auth/sign-in", content=content, headers=headers)
    assert response.status_code == 422
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("name", AUTHORIZATION)
def test_authorization(name: str, accounts: AccountsService) -> None:
    headers = [(b"Authorization", AUTHORIZATION[name])]
    response = accounts.browser().http.get("/auth/me", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", COOKIES)
def test_cookie(name: str, accounts: AccountsService) -> None:
    headers = [(b"Cookie", COOKIES[name])]
    response = accounts.browser().http.get("/auth/me", headers=headers)
    assert_client_error(response)
    assert response.status_code == 401


def test_a_cookie_larger_than_a_head_may_be(accounts: AccountsService) -> None:
    head = b"GET /auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: x=%b\r\n\r\n"
    answer = read_all(connect(accounts.process, head % (b"x" * 300_000)))
    assert answer.split(b" ")[1] in {b"400", b"431"}


def test_two_headers_with_credentials(accounts: AccountsService) -> None:
    token = accounts.signed_in().token
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
    for values in (headers, headers[::-1]):
        assert accounts.browser().http.get("/auth/me", headers=values).status_code == 401


def test_invalid_credentials_are_not_replaced_by_the_cookie(accounts: AccountsService) -> None:
    browser = accounts.signed_in()
    headers = {"Authorization": "Bearer x"}
    assert browser.get("/auth/me", headers=headers).status_code == 401


def test_a_token_in_the_address_does_not_count(accounts: AccountsService) -> None:
    token = accounts.signed_in().token
    for name in ("access_token", "token", "session", COOKIE):
        response = accounts.browser().get("/auth/me", params={name: token})
        assert response.status_code == 401


@pytest.mark.parametrize("agent", ["x" * 9000, "\x1b[31m", "Mozilla\t5", "é" * 300])
def test_the_name_of_a_device(agent: str, accounts: AccountsService) -> None:
    """It is shown in the list of sessions: at most 200 printable characters of it."""
    browser = accounts.browser()
    user = accounts.add_user()
    response = browser.request(
        "POST",
        "/auth/sign-in",
        json=user.credentials,
        headers={"User-Agent": agent.encode("latin-1")},
    )
    if response.status_code == 400:
        # The server refuses control characters.
        return
    assert response.status_code == 201
    device = browser.get("/auth/sessions").json()["items"][0]["device"]
    assert len(device) <= 200
    assert device.isprintable()


def test_the_log_and_answers_have_no_secret(accounts: AccountsService) -> None:
    """Neither passwords, tokens, codes, e-mail addresses nor the hashes of them."""
    user = accounts.add_user("*")
    wrong = f"wrong-{secrets.token_hex(8)}"
    browser = accounts.browser()
    refused = browser.post("/auth/sign-in", {"email": user.email, "password": wrong})
    assert_client_error(refused, wrong, user.email)
    invalid = {"email": f"{user.email} ", "password": [wrong], "code": f"{wrong}-code", "x": wrong}
    assert_client_error(browser.post("/auth/sign-in", invalid), wrong)
    browser.sign_in(user)
    token = browser.token
    assert token is not None
    assert browser.get("/users", params={"email": user.email}).status_code == 200
    assert browser.get(f"/users/{user.user_id}").status_code == 200
    browser.request("DELETE", "/auth/sessions/x")
    log = accounts.log
    for secret in (user.email, user.password, wrong, token, token[-20:], accounts.password_hash):
        assert secret not in log
    assert "unexpected error" not in log
    # The id of the user is what the log has.
    assert str(browser.get("/auth/me").json()["subject"]) in accounts.log


def test_nothing_is_cached(accounts: AccountsService) -> None:
    browser = accounts.browser()
    user = accounts.add_user("*")
    answers = [browser.sign_in(user)]
    for path in ("/auth/me", "/auth/sessions", "/users", f"/users/{user.user_id}", "/users/x"):
        answers.append(browser.get(path))
    answers.append(accounts.browser().get("/users"))
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
    for answer in answers[1:]:
        varying = answer.headers["vary"].split(", ")
        assert {"Authorization", "Cookie"} <= {*varying}
