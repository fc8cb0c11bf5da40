"""PgBouncer in front of a test's PostgreSQL."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from harness.processes import only
from harness.programs import answering, program, user_for
from harness.servers import free_port

# Debian's version of 2022 has no prepared statements, and so is the strictest in use.
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
    """Yield the URL of the same database through a PgBouncer with `pool_size` connections.

    The URL has the folder of the server's socket.
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
    # Next to the socket, where the server's user can read it.
    configuration = socket.with_name(f"pgbouncer-{port}.ini")
    configuration.write_text(text, "utf-8")
    through = re.sub(r"@[^?]*(/[^?]*)\?.*", rf"@127.0.0.1:{port}\1", url)

    # PgBouncer refuses to run as root, and only the server's user may use the socket.
    user = user_for(socket)
    log = folder / configuration.with_suffix(".log").name
    with answering([path, configuration], through, log, user):
        yield through
