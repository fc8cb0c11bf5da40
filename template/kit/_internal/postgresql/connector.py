"""Connects to the first suitable server in DATABASE_URL.

asyncpg can do this itself, but with one timeout for all servers: a server that is down and does not
answer uses up the time of the others.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from typing import Any
from urllib.parse import urlencode

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL

from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.url import list_servers
from kit._internal.postgresql.url_parameters import LIBPQ_PARAMETERS

Server = tuple[str | None, int | None]

# Parameters that are handled here, not by asyncpg.
OWN_PARAMETERS = {"host", "port", "load_balance_hosts"}
# Errors after which the next server is tried, as in libpq; not for a wrong password.
SERVER_ERRORS = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
# All errors of opening a connection, including an invalid host name.
CONNECTION_ERRORS = (
    OSError,
    UnicodeError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# The server did not answer in time, or before the request was cancelled.
NO_ANSWER = (TimeoutError, asyncio.CancelledError)
# How long a server that did not answer is tried last.
SECONDS_AT_THE_END = 30


class Servers:
    """Opens connections to the servers of a URL.

    `timeout` is in seconds, for all servers together. `silence` is how many seconds a server may
    take to acknowledge data before the connection is closed.
    """

    def __init__(self, url: URL, timeout: float, silence: float) -> None:
        self.servers = list_servers(url)
        self.is_balanced = url.query.get("load_balance_hosts") == "random"
        self.timeout = timeout / len(self.servers)
        self.silence = silence
        # None is asyncpg's default: an environment variable.
        self.target = url.query.get("target_session_attrs")
        self.parameters_dsn = parameters_dsn(url)
        self.silent_since: dict[Server, float] = {}

    async def connect(self, **arguments: Any) -> Any:  # noqa: ANN401
        """Return an asyncpg connection; raise its error, or OSError if no server is suitable."""
        if len(self.servers) == 1:
            return await self.connect_to(self.servers[0], arguments)
        targets: list[object] = [self.target]
        if self.target == "prefer-standby":
            targets = ["standby", "any"]
        failures: dict[Server, str] = {}
        for target in targets:
            for server in self.in_order():
                try:
                    arguments["target_session_attrs"] = target
                    return await self.connect_to(server, arguments)
                except asyncpg.TargetServerAttributeNotMatched:
                    failures[server] = f"is not {target or 'suitable'}"
                except SERVER_ERRORS as error:
                    failures[server] = ERRORS.describe(error)
        reasons = [f"{host}:{port or 5432} {text}" for (host, port), text in failures.items()]
        raise ConnectionError(f"no server suits: {'; '.join(reasons)}")

    async def connect_to(self, server: Server, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
        host, port = server
        arguments = {**arguments, "host": host, "port": port, "timeout": self.timeout}
        try:
            connection = await asyncpg.connect(self.parameters_dsn, **arguments)
        except NO_ANSWER:
            self.silent_since[server] = time.monotonic()
            raise
        self.silent_since.pop(server, None)
        # asyncpg has no public way to its socket. Checked with asyncpg 0.32, with and without
        # uvloop; tests/kit/postgresql_servers_test.py fails when this changes.
        limit_silence(connection._transport.get_extra_info("socket"), self.silence)  # noqa: SLF001
        return connection

    def in_order(self) -> list[Server]:
        """Return the servers in order of attempts; those that recently did not answer are last."""
        servers = list(self.servers)
        if self.is_balanced:
            secrets.SystemRandom().shuffle(servers)
        silent_after = time.monotonic() - SECONDS_AT_THE_END
        return sorted(servers, key=lambda server: self.silent_since.get(server, 0) > silent_after)


def parameters_dsn(url: URL) -> str | None:
    """Return a DSN with only the parameters of the URL: asyncpg accepts them in no other way."""
    handled = {*LIBPQ_PARAMETERS, *OWN_PARAMETERS}
    parameters = {name: value for name, value in url.query.items() if name not in handled}
    if not parameters:
        return None
    return f"postgresql://?{urlencode(parameters)}"


def limit_silence(connected: socket.socket, seconds: float) -> None:
    """Make the system close a connection whose server acknowledges nothing for this time.

    Otherwise a request waits 15 minutes for a machine that is down.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it (RFC 5482)
    if connected.family in {socket.AF_INET, socket.AF_INET6} and option is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
