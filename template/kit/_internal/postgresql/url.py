"""Parses DATABASE_URL as libpq does (PostgreSQL manual, "Connection URIs").

The result is normalized: a single host is the host of the URL; a socket folder and several hosts
are parameters, as `host=db1,db2&port=5432,5433`. So `url.set(database=...)` keeps them, and
psycopg, psql and SQLAlchemy read them in the same way.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from sqlalchemy import URL

from kit._internal.postgresql.url_parameters import (
    check_asyncpg_supports,
    check_parameters,
    unknown_parameters,
)

EXAMPLE = "postgresql://user:password@host:5432/database"
UNREADABLE = (
    f"cannot be read; expected format: {EXAMPLE}, with special characters in user and"
    " password percent-encoded (%40 for @, %2F for /, %25 for %)"
)
BAD_HOST = "has an invalid host name: use 1 to 63 characters between dots, and no spaces"
MAX_PORT = 65535
# Credentials end at the first "@", unless it follows a "/": as in libpq.
URI = re.compile(
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^/@]*))?@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::([^:]*))?")
# A host and its port in a parameter, the format of SQLAlchemy for several hosts.
HOST_AND_PORT = re.compile(r"([^:/]+):([0-9]+)")


def parse_url(value: str) -> URL:
    """Return DATABASE_URL without its driver; raise ValueError with a reason without secrets."""
    url = parse_any_url(value)
    check_asyncpg_supports(url.query)
    return url


def parse_any_url(value: str) -> URL:
    """Return MIGRATION_DATABASE_URL, which psycopg must support, but not asyncpg."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise ValueError(f"expected format: {EXAMPLE}{quote_scheme(scheme, separator)}")
    parts = URI.fullmatch(rest)
    if parts is None:
        raise ValueError(UNREADABLE)
    # A second "@" is part of a password, as is the text around it.
    if "@" in parts["hosts"] or "@" in (parts["database"] or ""):
        raise ValueError(UNREADABLE)
    query_text = parts["query"] or ""
    query = parse_query(query_text)
    hosts, ports = parse_servers(parts["hosts"], query)
    # Names of unknown parameters may be parts of a password that has an "@" or an "&".
    if unknown_parameters(query) and ("@" in query_text or "password" in query):
        raise ValueError(UNREADABLE)
    check_parameters(query)
    url = URL.create(
        "postgresql",
        username=query.pop("user", None) or decode(parts["user"]),
        password=query.pop("password", None) or decode(parts["password"]),
        database=query.pop("dbname", None) or decode(parts["database"]),
    )
    return add_servers(url, hosts, ports, query)


def quote_scheme(scheme: str, separator: str) -> str:
    """Return the end of a message about a wrong scheme; empty if it may be a password."""
    if separator and re.fullmatch(r"[a-z0-9+]+", scheme):
        return f", not {scheme}://..."
    return ""


def decode(text: str | None) -> str | None:
    """Return the percent-decoded text; None if it is empty."""
    try:
        decoded = unquote(text or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError(UNREADABLE) from None
    if "\0" in decoded:
        raise ValueError(UNREADABLE)
    return decoded or None


def parse_query(text: str) -> dict[str, str]:
    """Return the parameters; `host` may be repeated, SQLAlchemy's format for several hosts."""
    query: dict[str, str] = {}
    for pair in text.split("&"):
        if not pair:
            continue
        encoded_name, separator, encoded = pair.partition("=")
        name, value = decode(encoded_name), decode(encoded)
        if not separator or not name:
            raise ValueError(UNREADABLE)
        if value is None:
            continue
        if name == "host" and name in query:
            value = f"{query[name]},{value}"
        elif name in query:
            raise ValueError("has a parameter more than once")
        query[name] = value
    translate_ssl(query)
    return query


def translate_ssl(query: dict[str, str]) -> None:
    """Replace the parameter `ssl` with `sslmode`, as libpq does for `ssl=true` of JDBC."""
    ssl = query.pop("ssl", None)
    if ssl == "true":
        ssl = "require"
    if ssl is not None:
        query.setdefault("sslmode", ssl)


def parse_servers(netloc: str, query: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return as many hosts as ports; remove their parameters from the query."""
    hosts, ports = split_netloc(netloc)
    if "host" in query:
        hosts, parameter_ports = split_host_parameter(query.pop("host"))
        if any(parameter_ports):
            ports = parameter_ports
    if "port" in query:
        ports = query.pop("port").split(",")
    if not all(map(is_port, ports)):
        raise ValueError("has a port that is not a number")
    if not any(ports) or len(ports) == 1:
        ports = ports[:1] * len(hosts)
    if len(ports) != len(hosts):
        raise ValueError(f"has {len(hosts)} hosts and {len(ports)} ports")
    check_hosts(hosts)
    return hosts, ports


def split_netloc(netloc: str) -> tuple[list[str], list[str]]:
    """Return the hosts and the ports before the path of a URL; a port may be empty."""
    hosts, ports = [], []
    for server in netloc.split(","):
        match = HOST.fullmatch(server)
        if match is None:
            raise ValueError(UNREADABLE)
        hosts.append(match[1] or match[2])
        ports.append(match[3] or "")
    # Decoded after joining, as in libpq: an encoded comma separates hosts, too.
    hosts = (decode(",".join(hosts)) or "").split(",")
    ports = (decode(",".join(ports)) or "").split(",")
    if not all(map(is_port, ports)):
        raise ValueError(UNREADABLE)
    return hosts, ports


def split_host_parameter(value: str) -> tuple[list[str], list[str]]:
    """Return the hosts and the ports in the parameter `host`; a port may be empty."""
    hosts, ports = [], []
    for server in value.split(","):
        pair = HOST_AND_PORT.fullmatch(server)
        if pair is None:
            hosts.append(server)
            ports.append("")
        else:
            hosts.append(pair[1])
            ports.append(pair[2])
    return hosts, ports


def is_port(text: str) -> bool:
    """Return whether a text is a port or empty."""
    return not text or (re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) <= MAX_PORT)


def check_hosts(hosts: list[str]) -> None:
    if len(hosts) > 1 and not all(hosts):
        raise ValueError("has an empty host among several")
    for host in hosts:
        if host.startswith("@"):
            raise ValueError("has an abstract socket, which the drivers do not support")
        if not host or host.startswith("/"):
            continue
        try:
            # As name resolution does, which raises no OSError for a name such as `a..b`.
            host.encode("idna")
        except UnicodeError:
            raise ValueError(BAD_HOST) from None
        if re.search(r"\s", host):
            raise ValueError(BAD_HOST)


def add_servers(url: URL, hosts: list[str], ports: list[str], query: dict[str, str]) -> URL:
    """Return the URL with these servers, normalized as described in the module's docstring."""
    if len(hosts) > 1:
        query["host"] = ",".join(hosts)
        if any(ports):
            query["port"] = ",".join(port or "5432" for port in ports)
        return url.set(query=query)
    if hosts[0].startswith("/"):
        query["host"] = hosts[0]
    elif hosts[0]:
        url = url.set(host=hosts[0])
    if ports[0]:
        url = url.set(port=int(ports[0]))
    return url.set(query=query)


def list_servers(url: URL) -> list[tuple[str | None, int | None]]:
    """Return host and port of each server; None is the default of the driver."""
    hosts = str(url.query.get("host") or url.host or "").split(",")
    ports = str(url.query.get("port") or url.port or "").split(",")
    if len(ports) == 1:
        ports = ports * len(hosts)
    servers: list[tuple[str | None, int | None]] = []
    for host, port in zip(hosts, ports, strict=True):
        number = None
        if port:
            number = int(port)
        servers.append((host or None, number))
    return servers


def libpq(url: URL) -> str:
    """Return the URL as a connection string for psql and psycopg."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    arguments = url.translate_connect_args(username="user", database="dbname")
    return make_conninfo(**{**arguments, **url.query})
