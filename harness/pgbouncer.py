"""PgBouncer in front of a test's PostgreSQL."""

import contextlib
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from harness.processes import only
from harness.programs import answering, program
from harness.servers import free_port

# Debian's is of 2022, and so as strict as one can be met: it knows no prepared statements.
CONFIGURATION = """
[databases]
* = host='{host}' port={server} user='{user}'

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 500
"""


@contextlib.contextmanager
def pooled(url: str, folder: Path, mode: str = "transaction", pool_size: int = 4) -> Iterator[str]:
    """Yield the address of the same database through a PgBouncer with so many connections to it.

    The URL names the folder of the server's socket.
    """
    path = program("pgbouncer", package="pgbouncer")
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = only(query["host"])
    server = query.get("port", ["5432"])[0]
    socket = Path(host, f".s.PGSQL.{server}")
    port = free_port()
    text = CONFIGURATION.format(
        host=host.replace("'", "''"),
        server=server,
        user=parts.username,
        port=port,
        mode=mode,
        pool_size=pool_size,
    )
    # Beside the socket, where its owner can read it.
    configuration = socket.with_name(f"pgbouncer-{port}.ini")
    configuration.write_text(text, "utf-8")
    through = re.sub(r"@[^?]*(/[^?]*)\?.*", rf"@127.0.0.1:{port}\1", url)

    # It refuses to run as root; only the owner of the socket may use that. With the groups of root it
    # reaches the folder, as the server does.
    owner = pwd.getpwuid(socket.stat().st_uid)[0]
    user = owner if os.geteuid() == 0 else None
    log = folder / configuration.with_suffix(".log").name
    with answering([path, configuration], through, log, user):
        yield through
