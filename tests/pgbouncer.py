"""PgBouncer in front of a test's PostgreSQL."""

import contextlib
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support import free_port, only
from tests.system import answering, program

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
user = {runs_as}
"""


@contextlib.contextmanager
def pooled(url: str, folder: Path, mode: str = "transaction", pool_size: int = 4) -> Iterator[str]:
    """Yield the address of the same database through a PgBouncer with so many connections to it.

    The address names the folder of the server's socket.
    """
    path = program("pgbouncer", package="pgbouncer")
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = only(query["host"])
    port = free_port()
    text = CONFIGURATION.format(
        host=host.replace("'", "''"),
        server=query.get("port", ["5432"])[0],
        user=parts.username,
        port=port,
        mode=mode,
        pool_size=pool_size,
        # It refuses to run as root; whoever owns the socket's folder may use the socket.
        runs_as=pwd.getpwuid(Path(host).stat().st_uid if os.geteuid() == 0 else os.geteuid())[0],
    )
    configuration = folder / f"pgbouncer-{port}.ini"
    configuration.write_text(text, "utf-8")
    through = re.sub(r"@[^?]*(/[^?]*)\?.*", rf"@127.0.0.1:{port}\1", url)

    with answering([path, configuration], through, configuration.with_suffix(".log")):
        yield through
