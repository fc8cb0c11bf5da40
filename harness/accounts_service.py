"""A service with accounts that runs as a process, the users in its database, and its clients.

    with running_accounts(project, url, log) as service:
        user = service.add_user("users:read")
        browser = service.browser()
        browser.sign_in(user)
        browser.get("/users")

Users are added by SQL, so that tests of one route do not depend on others. Clients handle the
cookie themselves: httpx sends no Secure cookie over http.
"""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from harness.databases import Server, server_of
from harness.processes import Environment
from harness.project import Project
from harness.servers import RunningService

COOKIE = "__Host-session"
PASSWORD = "tangerine lamp orbit 47"
# Argon2 that takes well below a millisecond, where its cost does not matter.
CHEAP = {"ORDERS_AUTH_ARGON2_TIME_COST": "1", "ORDERS_AUTH_ARGON2_MEMORY_KIB": "8"}
# Of a service whose mail no test reads.
NO_MAIL = {
    "ORDERS_MAIL_URL": "smtp://127.0.0.1:9",
    "ORDERS_MAIL_FROM": "Orders <no-reply@example.com>",
    "ORDERS_MAIL_LINKS_URL": "https://app.example.com",
}
HASH = (
    "import sys; from pwdlib.hashers.argon2 import Argon2Hasher as Hasher;"
    "print(Hasher(*map(int, sys.argv[2:])).hash(sys.argv[1]))"
)
# Each client connects from an address of its own, as attempts are counted by address. Linux
# answers on all of 127.0.0.0/8.
ADDRESSES = itertools.count(1)


def new_address() -> str:
    """Return an address of loopback that no other client has."""
    number = next(ADDRESSES)
    return f"127.1.{number // 200}.{number % 200 + 1}"


@dataclass(frozen=True)
class User:
    """A row of users, and what the user signs in with."""

    user_id: str
    email: str
    password: str = field(default=PASSWORD, repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


class Browser:
    """A client with an address of its own, which keeps the cookie of its session."""

    def __init__(
        self, address: str, local: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        transport = httpx.HTTPTransport(verify=False, local_address=local or new_address())
        self.http = httpx.Client(
            base_url=address, transport=transport, headers=dict(headers or {}), timeout=30
        )
        self.token: str | None = None

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request with the cookie; keep the one that the response sets."""
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Cookie", f"{COOKIE}={self.token}")
        response = self.http.request(method, path, headers=headers, **options)
        self.keep_cookie(response)
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)

    def sign_in(self, user: User, **members: str) -> httpx.Response:
        """Sign in; raise AssertionError if that is refused."""
        response = self.post("/auth/sign-in", {**user.credentials, **members})
        assert response.status_code == 201, response.text
        return response

    def keep_cookie(self, response: httpx.Response) -> None:
        name, _, rest = response.headers.get("set-cookie", "").partition("=")
        if name != COOKIE:
            return
        value = rest.partition(";")[0].strip('"')
        self.token = value or None


class AccountsService:
    """A running service and its database."""

    def __init__(
        self, project: Project, url: str, process: RunningService, settings: Environment
    ) -> None:
        self.project = project
        self.url = url
        self.process = process
        self.settings = settings
        self.clients = contextlib.ExitStack()

    @property
    def address(self) -> str:
        return self.process.address

    @property
    def log(self) -> str:
        return self.process.log

    @cached_property
    def server(self) -> Server:
        return server_of(self.project)

    def browser(self, local: str | None = None, **headers: str) -> Browser:
        """Return a client; `local` is the address from which it connects."""
        browser = Browser(self.address, local, headers)
        self.clients.callback(browser.http.close)
        return browser

    def signed_in(self, *permissions: str) -> Browser:
        """Return the browser of a new user with these permissions."""
        browser = self.browser()
        browser.sign_in(self.add_user(*permissions))
        return browser

    def status_of(self, token: str | None) -> int:
        """Return the answer to a client that sends a token as its cookie."""
        browser = self.browser()
        browser.token = token
        return browser.get("/auth/me").status_code

    def status_with_header(self, token: str) -> int:
        """Return the answer to a client that sends a token in its header."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.browser().get("/auth/me", headers=headers).status_code

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.query(self.url, statement)

    @cached_property
    def password_hash(self) -> str:
        """The hash of PASSWORD, with the parameters of the service."""
        names = ("TIME_COST", "MEMORY_KIB", "PARALLELISM")
        defaults = {"TIME_COST": "2", "MEMORY_KIB": "19456", "PARALLELISM": "1"}
        parameters = []
        for name in names:
            parameters.append(self.settings.get(f"ORDERS_AUTH_ARGON2_{name}", defaults[name]))
        return self.project.run("python", "-c", HASH, PASSWORD, *parameters).stdout.strip()

    def add_user(
        self, *permissions: str, is_active: bool = True, totp_secret: str | None = None
    ) -> User:
        """Add a user with PASSWORD and a role that has these permissions."""
        user_id = uuid.uuid4().hex
        email = f"{secrets.token_hex(6)}@example.com"
        self.query(
            "INSERT INTO users (id, email, name, is_active)"
            f" VALUES ('{user_id}', '{email}', 'Ada', {is_active})"
        )
        secret = "NULL"
        if totp_secret is not None:
            secret = f"'{totp_secret}'"
        self.query(
            "INSERT INTO credentials (user_id, password_hash, totp_secret)"
            f" VALUES ('{user_id}', '{self.password_hash}', {secret})"
        )
        if permissions:
            self.add_role(user_id, permissions)
        return User(user_id, email)

    def add_role(self, user_id: str, permissions: tuple[str, ...]) -> None:
        """Give a user a role, named after its permissions."""
        content = json.dumps(permissions)
        name = hashlib.sha256(content.encode()).hexdigest()[:12]
        self.query(
            f"INSERT INTO roles (name, permissions) VALUES ('{name}', '{content}')"
            " ON CONFLICT DO NOTHING"
        )
        self.query(f"INSERT INTO user_roles (user_id, role) VALUES ('{user_id}', '{name}')")

    def add_recovery_code(self, user: User, code: str) -> None:
        digest = hashlib.sha256(code.replace("-", "").encode()).hexdigest()
        self.query(
            f"INSERT INTO recovery_codes (code_hash, user_id) VALUES ('{digest}', '{user.user_id}')"
        )

    def move_session(self, column: str, token: str, seconds: int) -> None:
        """Move a time of a session into the past."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        moved = f"{column} - interval '{seconds} seconds'"
        if self.project.database == "sqlite":
            moved = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-{seconds} seconds')"
        self.query(f"UPDATE sessions SET {column} = {moved} WHERE token_hash = '{digest}'")


@contextlib.contextmanager
def running_accounts(
    project: Project, url: str, log: Path, **settings: str
) -> Iterator[AccountsService]:
    """Migrate the database and run the service on it; settings are environment variables."""
    project.alembic(url, "upgrade", "head")
    environment = {**CHEAP, **NO_MAIL, **settings}
    command = ("python", "-m", "app")
    with project.serve(*command, url=url, env=environment, log=log) as process:
        service = AccountsService(project, url, process, environment)
        with service.clients:
            yield service


def totp_code(secret: str) -> str:
    """Return the code that an authenticator app shows now (RFC 6238, RFC 4226)."""
    counter = int(time.time() // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"
