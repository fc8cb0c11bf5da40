"""Requests that a page of another origin makes with the cookie of a user who has signed in."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.accounts_service import COOKIE, AccountsService, Browser, running_accounts
from harness.databases import server_of
from harness.project import Project
from harness.raw_http import connect, read_all
from harness.raw_websocket import RawWebSocket
from harness.releases import edit

pytestmark = [pytest.mark.slow, pytest.mark.seconds(25)]

APP = "https://app.example.com"
SETTINGS = {"ORDERS_CORS_ORIGINS": APP}
# Headers of a browser, and whether the page may write. {host} is the service's own.
REQUESTS: dict[str, tuple[dict[str, str], bool]] = {
    "no browser": ({}, True),
    "own page": ({"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}, True),
    "own page, old browser": ({"Origin": "http://{host}"}, True),
    "own page behind a proxy with TLS": ({"Origin": "https://{host}"}, True),
    "typed address": ({"Sec-Fetch-Site": "none"}, True),
    "allowed page": ({"Origin": APP, "Sec-Fetch-Site": "same-site"}, True),
    "allowed page, old browser": ({"Origin": APP}, True),
    "other page": ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
    "other page, old browser": ({"Origin": "https://evil.example"}, False),
    "other page without Origin": ({"Sec-Fetch-Site": "cross-site"}, False),
    "subdomain": ({"Origin": "http://a.{host}", "Sec-Fetch-Site": "same-site"}, False),
    "subdomain, old browser": ({"Origin": "http://a.{host}"}, False),
    "subdomain without Origin": ({"Sec-Fetch-Site": "same-site"}, False),
    "other port": ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, False),
    "other port, old browser": ({"Origin": "http://127.0.0.1:1"}, False),
    "no port": ({"Origin": "http://127.0.0.1"}, False),
    "sandboxed frame": ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
    "sandboxed frame, old browser": ({"Origin": "null"}, False),
    "own host as user name": ({"Origin": "http://{host}@evil.example"}, False),
    "own host as prefix": ({"Origin": "http://{host}.evil.example"}, False),
    "allowed host as prefix": ({"Origin": f"{APP}.evil.example"}, False),
    "allowed host without TLS": ({"Origin": "http://app.example.com"}, False),
    "malformed": ({"Origin": "http://[::1"}, False),
    "every origin": ({"Origin": "*"}, False),
    "empty": ({"Origin": ""}, False),
    "unknown site": ({"Sec-Fetch-Site": "same-origin, cross-site"}, False),
}
SOCKET = """\
    @app.websocket("/socket", dependencies=[require_for("users")])
    async def serve_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    return app


def __getattr__"""
# What a user with all permissions could do to the path of a user who does not exist.
WRITES: dict[str, dict[str, Any]] = {
    "POST": {"json": {"email": "x", "name": "x"}},
    "PATCH": {"json": {"name": "x"}},
    "DELETE": {},
}


@pytest.fixture(scope="module")
def service(
    light_accounts: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccountsService]:
    """Yield a service with a WebSocket, which allows the pages of APP."""
    folder = tmp_path_factory.mktemp("origins")
    copy = light_accounts.copy(folder / "orders", f"sqlite:///{folder}/orders.db")
    edit(copy.folder / "app/main.py", "from app.db", "from fastapi import WebSocket\n\nfrom app.db")
    edit(copy.folder / "app/main.py", "    return app\n\n\ndef __getattr__", SOCKET)
    url = copy.environment_file["DATABASE_URL"]
    with running_accounts(copy, url, folder / "log", **SETTINGS) as service:
        yield service


@pytest.fixture(scope="module")
def browser(service: AccountsService) -> Browser:
    """Return the browser of a user with all permissions."""
    return service.signed_in("*")


def host_of(browser: Browser) -> str:
    return browser.http.base_url.netloc.decode()


def headers_of(name: str, browser: Browser) -> dict[str, str]:
    headers = {}
    for key, value in REQUESTS[name][0].items():
        headers[key] = value.replace("{host}", host_of(browser))
    return headers


def is_cross_origin(response: httpx.Response) -> bool:
    return response.status_code == 403 and "cross-origin-request" in response.text


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("name", REQUESTS)
def test_writing_with_the_cookie(name: str, method: str, browser: Browser) -> None:
    path = "/users"
    if method != "POST":
        path = "/users/00000000-0000-7000-8000-000000000000"
    response = browser.request(method, path, headers=headers_of(name, browser), **WRITES[method])
    assert is_cross_origin(response) != REQUESTS[name][1], response.text
    if REQUESTS[name][1]:
        # It got as far as the route.
        assert response.status_code in {404, 422}


@pytest.mark.parametrize("name", REQUESTS)
def test_signing_in_and_out(name: str, browser: Browser) -> None:
    """A forced sign-in lets the user act in the attacker's account (login CSRF)."""
    headers = headers_of(name, browser)
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": "wrong"}
    other = Browser(str(browser.http.base_url))
    sign_in = other.post("/auth/sign-in", body, headers=headers)
    assert sign_in.status_code == (401 if REQUESTS[name][1] else 403)
    if not REQUESTS[name][1]:
        assert is_cross_origin(browser.post("/auth/sign-out", headers=headers))


@pytest.mark.parametrize("name", REQUESTS)
def test_reading_with_the_cookie_is_left_to_the_browser(name: str, browser: Browser) -> None:
    """The response says that only allowed pages may read it (CORS)."""
    response = browser.get("/users", headers=headers_of(name, browser))
    assert response.status_code == 200
    origin = REQUESTS[name][0].get("Origin")
    readable = response.headers.get("access-control-allow-origin")
    assert readable == (APP if origin == APP else None)
    if readable:
        assert response.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_token_in_a_header_is_not_sent_by_itself(name: str, browser: Browser) -> None:
    """Only code that knows the token can send it, so the origin does not matter."""
    headers = {**headers_of(name, browser), "Authorization": f"Bearer {browser.token}"}
    response = browser.http.post("/users", json={"email": "x", "name": "x"}, headers=headers)
    assert response.status_code == 422


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Negotiate x", ""])
def test_other_credentials_do_not_switch_the_check_off(
    authorization: str, browser: Browser
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": authorization}
    assert is_cross_origin(browser.post("/users", {}, headers=headers))


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PROPFIND"])
def test_other_methods_do_nothing(method: str, browser: Browser) -> None:
    response = browser.request(method, "/users", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code in {400, 403, 405}, response.text


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method"])
def test_a_read_cannot_become_a_write(override: str, browser: Browser) -> None:
    headers = {override: "DELETE", "Sec-Fetch-Site": "cross-site"}
    assert browser.get("/users", headers=headers).status_code == 200
    assert browser.get("/users").json()["items"]


def test_a_request_without_a_host(service: AccountsService, browser: Browser) -> None:
    """HTTP/1.0 has no Host; an empty one must not equal the missing host of `null`."""
    for host in ("", "Host:\r\n"):
        head = f"POST /auth/sign-out HTTP/1.0\r\n{host}Origin: null\r\nContent-Length: 0\r\n"
        cookie = f"Cookie: __Host-session={browser.token}\r\n\r\n"
        answer = read_all(connect(service.process, (head + cookie).encode()))
        assert answer.split(b" ")[1] in {b"400", b"403"}, answer


@pytest.mark.parametrize("name", REQUESTS)
def test_opening_a_socket_with_the_cookie(
    name: str, service: AccountsService, browser: Browser
) -> None:
    """Browsers let any page open one, and send the cookie (cross-site WebSocket hijacking)."""
    headers = {"Cookie": f"{COOKIE}={browser.token}"}
    for key, value in REQUESTS[name][0].items():
        # The host that RawWebSocket sends.
        headers[key] = value.replace("{host}", "localhost")
    with RawWebSocket(service.process, "/socket", **headers) as socket:
        status = socket.answer.split(b" ")[1]
    assert status == (b"101" if REQUESTS[name][1] else b"403")


@pytest.mark.parametrize("origins", ["*", f"*,{APP}"])
def test_every_origin_never_gets_the_cookie(
    origins: str, light_accounts: Project, tmp_path: Path
) -> None:
    settings = {"ORDERS_CORS_ORIGINS": origins}
    with (
        server_of(light_accounts).empty_database(tmp_path) as url,
        running_accounts(light_accounts, url, tmp_path / "log", **settings) as service,
    ):
        browser = service.signed_in("*")
        evil = {"Origin": "https://evil.example"}
        response = browser.get("/users", headers=evil)
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert is_cross_origin(browser.post("/users", {}, headers=evil))
