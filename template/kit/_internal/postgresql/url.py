"""How DATABASE_URL is read: as libpq does (PostgreSQL manual, "Connection URIs").

The result is normalized: one host is the host of the URL; the folder of a socket and several hosts
are its parameters, as `host=db1,db2&port=5432,5433`. So `url.set(database=...)` keeps them, and
psycopg, psql and SQLAlchemy read it in the same way.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from sqlalchemy import URL

EXAMPLE = "postgresql://user:password@host:5432/database"
UNREADABLE = (
    f"cannot be read: it has to look like {EXAMPLE}, with special characters in user and"
    " password percent-encoded (%40 for @, %2F for /, %25 for %)"
)
BAD_HOST = "has a host that is no host name: 1 to 63 characters between dots, and no spaces"
PORT_MAX = 65535
CREDENTIALS = ("user", "password", "dbname", "sslpassword")
# Credentials end at the first "@", unless there is a "/" before: as in libpq.
URI = re.compile(
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^/@]*))?@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::([^:]*))?")
# SQLAlchemy's way of writing several hosts, and their ports, as parameters.
HOST_AND_PORT = re.compile(r"([^:/]+):([0-9]+)")

# Parameters of libpq (PostgreSQL manual, "Parameter Key Words") that asyncpg takes as well ...
SHARED_PARAMETERS = """
    application_name client_encoding gsslib host krbsrvname load_balance_hosts options passfile
    service sslcert sslcrl sslkey sslmode sslnegotiation sslrootcert ssl_max_protocol_version
    ssl_min_protocol_version target_session_attrs
""".split()  # noqa: SIM905
# ... those that only libpq has, and that are safe to go without, as the application does ...
LIBPQ_PARAMETERS = """
    channel_binding connect_timeout fallback_application_name gssdelegation gssencmode keepalives
    keepalives_count keepalives_idle keepalives_interval max_protocol_version min_protocol_version
    sslcertmode sslcompression sslsni tcp_user_timeout
""".split()  # noqa: SIM905
# ... and those that demand what asyncpg does not do: another server, or a proof of who it is.
DEMANDING_PARAMETERS = """
    hostaddr oauth_client_id oauth_client_secret oauth_issuer oauth_scope replication require_auth
    requirepeer scram_client_key scram_server_key sslcrldir sslkeylogfile
""".split()  # noqa: SIM905
# The values with which a parameter is no demand.
UNDEMANDING = {
    "channel_binding": {"disable", "prefer"},
    "gssencmode": {"disable", "prefer"},
    "min_protocol_version": {"3.0"},
    "sslcertmode": {"allow"},
}
CHOICES = {
    "load_balance_hosts": ("disable", "random"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": (
        ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
    ),
}


def parse_url(value: str) -> URL:
    """Return DATABASE_URL without its driver; raise ValueError with a reason free of secrets."""
    url = parse_any_url(value)
    for name, text in url.query.items():
        if name in DEMANDING_PARAMETERS:
            raise ValueError(f"has {name}, which the driver asyncpg does not support")
        if name in UNDEMANDING and text not in UNDEMANDING[name]:
            supported = " and ".join(sorted(UNDEMANDING[name]))
            raise ValueError(f"has {name}, of which the driver asyncpg supports only {supported}")
    return url


def parse_any_url(value: str) -> URL:
    """Return MIGRATION_DATABASE_URL as parse_url() does; only psycopg has to support it."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        known = separator and re.fullmatch(r"[a-z0-9+]+", scheme)
        raise ValueError(f"has to look like {EXAMPLE}" + (f", not {scheme}://..." if known else ""))
    parts = URI.fullmatch(rest)
    # Another "@" is part of the password, and so is what stands around it.
    if parts is None or "@" in parts["hosts"] + (parts["database"] or ""):
        raise ValueError(UNREADABLE)
    query = parse_query(parts["query"] or "")
    hosts, ports = parse_servers(parts["hosts"], query)
    check_parameters(query, parts["query"] or "")
    url = URL.create(
        "postgresql",
        username=query.pop("user", None) or decode(parts["user"]),
        password=query.pop("password", None) or decode(parts["password"]),
        database=query.pop("dbname", None) or decode(parts["database"]),
    )
    return add_servers(url, hosts, ports, query)


def decode(text: str | None) -> str | None:
    """Return the text without percent-encoding, None where it is empty."""
    try:
        decoded = unquote(text or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError(UNREADABLE) from None
    if "\0" in decoded:
        raise ValueError(UNREADABLE)
    return decoded or None


def parse_query(text: str) -> dict[str, str]:
    """Return the parameters; several of `host` are several hosts, as SQLAlchemy writes them."""
    query: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
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
    if ssl := query.pop("ssl", None):
        query.setdefault("sslmode", "require" if ssl == "true" else ssl)
    return query


def parse_servers(netloc: str, query: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the hosts and their ports, as many; take those that are parameters from the query."""
    matches = [HOST.fullmatch(element) for element in netloc.split(",")]
    if None in matches:
        raise ValueError(UNREADABLE)
    # Decoded together, as libpq does: an encoded comma separates hosts, too.
    hosts = (decode(",".join(match[1] or match[2] for match in matches if match)) or "").split(",")
    ports = (decode(",".join(match[3] or "" for match in matches if match)) or "").split(",")
    if not all(map(is_port, ports)):
        raise ValueError(UNREADABLE)
    if "host" in query:
        hosts = query.pop("host").split(",")
        pairs = [HOST_AND_PORT.fullmatch(host) for host in hosts]
        if any(pairs):
            hosts = [pair[1] if pair else host for host, pair in zip(hosts, pairs, strict=True)]
            ports = [pair[2] if pair else "" for pair in pairs]
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


def is_port(text: str) -> bool:
    return not text or (re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) <= PORT_MAX)


def check_hosts(hosts: list[str]) -> None:
    if len(hosts) > 1 and not all(hosts):
        raise ValueError("has an empty host among several")
    for host in hosts:
        if host.startswith("@"):
            raise ValueError("has an abstract socket, which the drivers do not support")
        if not host or host.startswith("/"):
            continue
        try:
            # What looking up an address does; it has no OSError for a name such as `a..b`.
            host.encode("idna")
        except UnicodeError:
            raise ValueError(BAD_HOST) from None
        if re.search(r"\s", host):
            raise ValueError(BAD_HOST)


def check_parameters(query: dict[str, str], text: str) -> None:
    known = {*SHARED_PARAMETERS, *LIBPQ_PARAMETERS, *DEMANDING_PARAMETERS, *CREDENTIALS}
    unknown = sorted(query.keys() - known)
    # Their names may be parts of a password with an "@" or an "&" in it.
    if unknown and ("@" in text or "password" in query):
        raise ValueError(UNREADABLE)
    if unknown:
        raise ValueError(f"has parameters that PostgreSQL does not know: {', '.join(unknown)}")
    for name, choices in CHOICES.items():
        if query.get(name, choices[0]) not in choices:
            article = "an" if name.startswith("ssl") else "a"
            raise ValueError(f"has {article} {name} that is none of {', '.join(choices)}")
    if query.get("sslrootcert") == "system":
        raise ValueError("has sslrootcert=system: name the file of the certificates instead")
    if "sslpassword" in query:
        raise ValueError("has sslpassword, which messages would show: use a key without a password")
    encoding = query.get("client_encoding", "utf8")
    if re.sub(r"[-_]", "", encoding).lower() not in {"utf8", "unicode"}:
        raise ValueError("has a client_encoding other than UTF8")


def add_servers(url: URL, hosts: list[str], ports: list[str], query: dict[str, str]) -> URL:
    """Return the URL with these servers, normalized as the docstring of this module says."""
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
    """Return host and port of each server; None is what the driver takes where there is none."""
    hosts = str(url.query.get("host") or url.host or "").split(",")
    ports = str(url.query.get("port") or url.port or "").split(",")
    if len(ports) == 1:
        ports = ports * len(hosts)
    return [
        (host or None, int(port) if port else None) for host, port in zip(hosts, ports, strict=True)
    ]


def libpq(url: URL) -> str:
    """Return the URL as psql and psycopg take it."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    arguments = url.translate_connect_args(username="user", database="dbname")
    return make_conninfo(**{**arguments, **url.query})
