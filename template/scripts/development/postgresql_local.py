"""Keeps `make db-reset` from deleting a database that may not be on this machine.

DATABASE_URL alone does not show that: libpq also reads environment variables and service files, and
`localhost` may be the end of a tunnel. So the server is queried, too.
"""

import os
import socket
from ipaddress import ip_address

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from kit.settings import Settings

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
# Variables of libpq that may name another server (PostgreSQL manual, "Environment Variables").
VARIABLES = """
    PGDATABASE PGHOST PGHOSTADDR PGLOADBALANCEHOSTS PGOPTIONS PGPORT PGSERVICE PGSERVICEFILE
    PGSYSCONFDIR PGTARGETSESSIONATTRS
""".split()  # noqa: SIM905
# Seconds to wait for a local server.
TIMEOUT = 5
# Databases of the server itself.
OWN = {"postgres", "template0", "template1"}
CLIENT = "SELECT host(inet_client_addr()), inet_client_port(), pg_backend_pid()"
SERVER = """
    SELECT system_identifier, pg_postmaster_start_time(), current_database()
    FROM pg_control_system()
"""


def refuse_unclear(variable: str, address: str) -> None:
    """Exit with a message unless a URL for libpq names one server on this machine."""
    parameters = conninfo_to_dict(address)
    for name in ("service", "servicefile", "hostaddr"):
        if parameters.get(name):
            raise SystemExit(f"refused: {variable} has {name}=; name the host instead")
    for name in ("host", "port"):
        if "," in str(parameters.get(name, "")):
            raise SystemExit(f"refused: {variable} names several servers; name one")
    for name in VARIABLES:
        if os.environ.get(name):
            raise SystemExit(f"refused: {name} is set and may name another server; unset it")
    host = str(parameters.get("host") or "/")
    if host not in LOCAL_HOSTS and not host.startswith("/"):
        raise SystemExit(f"refused: {variable} leads to {host}, which is on another machine")


def refuse_elsewhere(variable: str, connection: psycopg.Connection) -> None:
    """Exit with a message unless this connection is a direct one to a server on this machine."""
    row = connection.execute(CLIENT).fetchone()
    address, port, process = row or (None, None, 0)
    with socket.socket(fileno=os.dup(connection.fileno())) as client:
        name = client.getsockname()
        if client.family == getattr(socket, "AF_UNIX", None):
            local = address is None and is_local_server(process)
        else:
            # Through a tunnel or a pooler the server sees another client, on another port.
            local = tuple(name[:2]) == (address, port) and ip_address(name[0]).is_loopback
    if not local:
        raise SystemExit(
            f"refused: {variable} leads to a tunnel, a pooler or a container, and the database"
            " may be on another machine; drop it there"
        )


def is_local_server(process: int) -> bool:
    """Return whether the local process with this id is PostgreSQL."""
    try:
        name: str = psutil.Process(process).name()
    except psutil.NoSuchProcess:
        return False
    return name.startswith("postgres")


def refuse_two_databases(settings: Settings, addresses: dict[str, str]) -> None:
    """Exit with a message if DATABASE_URL and MIGRATION_DATABASE_URL are different databases."""
    servers = set()
    for variable, address in addresses.items():
        try:
            with psycopg.connect(address, connect_timeout=TIMEOUT) as connection:
                servers.add(connection.execute(SERVER).fetchone())
        except psycopg.Error as error:
            reason = str(error).partition("\n")[0]
            raise SystemExit(f"refused: cannot connect to {variable}: {reason}") from None
    if len(servers) > 1:
        raise SystemExit(
            f"refused: DATABASE_URL is {settings.database_url!r}, but MIGRATION_DATABASE_URL is"
            f" another database, {settings.migration_database_url!r}"
        )


def name_of(url: URL) -> str:
    """Return the name of the database; exit with a message if it is missing or reserved."""
    if not url.database:
        raise SystemExit("refused: DATABASE_URL names no database")
    if url.database in OWN:
        raise SystemExit(f"refused: {url.database} belongs to the server itself")
    return url.database
