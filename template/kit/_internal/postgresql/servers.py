"""The servers that DATABASE_URL names, and connecting to the first one that suits.

asyncpg itself can do this, but with one time limit for all servers: one that does not answer,
because its machine is gone, keeps every connection from the others.
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
from kit._internal.postgresql.url import LIBPQ_PARAMETERS, list_servers

Server = tuple[str | None, int | None]

# Parameters that are read here, and not by asyncpg.
OWN_PARAMETERS = {"host", "port", "load_balance_hosts"}
# After these the next server is tried, as libpq does; a wrong password is wrong everywhere.
NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
# Whatever keeps a connection from being opened, an impossible host name included.
FAILURES = (
    *(OSError, UnicodeError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)
# It has not answered, or the caller has lost patience before.
SILENCE = (TimeoutError, asyncio.CancelledError)
# How long a server that did not answer is tried after the others.
LAST_SECONDS = 30


class Servers:
    """Opens connections to the servers of a URL."""

    def __init__(self, url: URL, timeout: float, silence: float) -> None:
        self.servers = list_servers(url)
        self.is_balanced = url.query.get("load_balance_hosts") == "random"
        self.timeout = timeout / len(self.servers)
        self.silence = silence
        # Where there is none, asyncpg takes that of the environment.
        self.target = url.query.get("target_session_attrs")
        # asyncpg reads libpq's parameters from an address only, so it gets one that is all that.
        ignored = {*LIBPQ_PARAMETERS, *OWN_PARAMETERS}
        query = {name: value for name, value in url.query.items() if name not in ignored}
        self.address = f"postgresql://?{urlencode(query)}" if query else None
        self.silent_since: dict[Server, float] = {}

    async def connect(self, **arguments: Any) -> Any:  # noqa: ANN401
        """Return a connection of asyncpg; raise what it raises, or OSError when no server suits."""
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
                except NEXT as error:
                    failures[server] = ERRORS.describe(error)
        reasons = [f"{host}:{port or 5432} {why}" for (host, port), why in failures.items()]
        raise ConnectionError(f"no server suits: {'; '.join(reasons)}")

    async def connect_to(self, server: Server, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
        host, port = server
        address = {"host": host, "port": port, "timeout": self.timeout}
        try:
            connection = await asyncpg.connect(self.address, **{**arguments, **address})
        except SILENCE:
            self.silent_since[server] = time.monotonic()
            raise
        self.silent_since.pop(server, None)
        # No public way leads to the socket; checked with asyncpg 0.32, with and without uvloop.
        limit_silence(connection._transport.get_extra_info("socket"), self.silence)  # noqa: SLF001
        return connection

    def in_order(self) -> list[Server]:
        """Return the servers as they are to be tried, those that did not answer lately last."""
        servers = list(self.servers)
        if self.is_balanced:
            secrets.SystemRandom().shuffle(servers)
        silent_after = time.monotonic() - LAST_SECONDS
        return sorted(servers, key=lambda one: self.silent_since.get(one, 0) > silent_after)


def limit_silence(connected: socket.socket, seconds: float) -> None:
    """Have the system close a connection whose machine acknowledges nothing for so long.

    Otherwise a request waits for a quarter of an hour for a machine that is gone.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it (RFC 5482)
    if connected.family in {socket.AF_INET, socket.AF_INET6} and option is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
