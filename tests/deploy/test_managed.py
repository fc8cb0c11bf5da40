"""A service on PostgreSQL as somebody else runs it: through a pooler, by TLS, with a limit."""

import asyncio
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import trustme

from harness.databases import Server
from harness.migrators import migrators
from harness.pgbouncer import pooled
from harness.processes import lines_of, only
from harness.programs import answering, program
from harness.project import Project
from harness.servers import free_port

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(35),
]

POOLING = {"ORDERS_TRANSACTION_POOLING": "true", "ORDERS_WORKERS": "2"}
CLIENTS = 24
ROUNDS = 10


def test_pooler_is_one_that_mixes_sessions(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """What the other tests rely on: two transactions of a client may be on two connections."""
    with (
        pooled(url, tmp_path, pool_size=2) as through,
        psycopg.connect(through, autocommit=True) as first,
        psycopg.connect(through, autocommit=True) as second,
    ):
        backend = only(first.execute("SELECT pg_backend_pid()").fetchone() or ())
        with second.transaction():
            second.execute("SELECT 1")
            assert first.execute("SELECT pg_backend_pid()").fetchone() != (backend,)
        assert server.name(through) == server.name(url)


async def use_as_many(address: str) -> None:
    """Have clients write and read at the same time, each of them its own user."""
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:

        async def use(number: int) -> None:
            body = {"email": f"user{number}@example.com", "name": "Ada"}
            created = await client.post("/users", json=body)
            assert created.status_code == 201, created.text
            path = created.headers["Location"]
            for turn in range(ROUNDS):
                changed = await client.patch(path, json={"name": f"Ada {turn}"})
                assert changed.status_code == 200, changed.text
                read = await client.get(path)
                assert (read.status_code, read.json()) == (200, changed.json()), read.text
                listed = await client.get("/users", params={"email": body["email"]})
                assert listed.json()["items"] == [changed.json()], listed.text
                taken = await client.post("/users", json=body)
                assert taken.status_code == 409, taken.text

        await asyncio.gather(*map(use, range(CLIENTS)))


@contextlib.contextmanager
def neighbours(url: str) -> Iterator[None]:
    """Run short transactions of others all the time, so that nobody gets the same session twice."""
    ended = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not ended.is_set():
                with connection.transaction():
                    connection.execute("SELECT pg_sleep(random() / 500)")

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(work) for _ in range(4)]
        try:
            yield
        finally:
            ended.set()
            for one in running:
                one.result()


def complaints(log: str) -> list[str]:
    """Return the lines of a log that are warnings, or worse; the log has to have others."""
    levels = {line: json.loads(line)["level"] for line in log.splitlines() if line[:1] == "{"}
    assert "info" in levels.values(), log
    return [line for line, level in levels.items() if level != "info"]


def test_through_a_pooler_in_transaction_mode(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """With three connections for many clients, no two statements can count on the same one."""
    project.alembic(url, "upgrade", "head")
    log = tmp_path / "log"
    with (
        pooled(url, tmp_path, pool_size=3) as through,
        project.serve("make", "run", url=through, env=POOLING, log=log) as served,
        neighbours(through),
    ):
        assert httpx.get(f"{served.address}/health/ready").status_code == 200
        asyncio.run(use_as_many(served.address))
    assert not complaints(served.log)
    assert server.query(url, "SELECT count(*), count(DISTINCT name) FROM users") == [(CLIENTS, 1)]


def test_changed_type_is_noticed_through_a_pooler(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """No description of a statement is kept either: no pooler says when it has become wrong."""
    project.alembic(url, "upgrade", "head")
    log = tmp_path / "log"
    with (
        pooled(url, tmp_path) as through,
        project.serve("make", "run", url=through, env=POOLING, log=log) as served,
        httpx.Client(base_url=served.address, timeout=60) as client,
    ):
        client.post("/users", json={"email": "ada@example.com", "name": "Ada"})
        before = client.get("/users").json()
        server.query(url, "ALTER TABLE users ALTER is_active DROP DEFAULT")
        server.query(url, "ALTER TABLE users ALTER is_active TYPE integer USING 1")
        for _ in range(10):
            assert client.get("/users").json() == before, served.log


def test_migrations_notice_a_pooler_that_others_use(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """However the sessions happen to be given out, none of 16 migrators takes one for its own."""
    with (
        pooled(url, tmp_path, pool_size=6) as through,
        neighbours(through),
        migrators(project, tmp_path) as crowd,
    ):
        for _ in range(2):
            crowd.start(through, "upgrade", "head", count=8)
            assert crowd.wait() == [255] * 8, crowd.logs
            assert all("a pooler in transaction mode" in log for log in crowd.logs)
    assert not server.tables(url)


def test_pooler_refuses_what_it_cannot_keep(project: Project, url: str, tmp_path: Path) -> None:
    """Without the setting the reason is in the log, in the pooler's words."""
    project.alembic(url, "upgrade", "head")
    with (
        pooled(url, tmp_path) as through,
        project.serve("make", "run", url=through, log=tmp_path / "log") as served,
    ):
        assert httpx.get(f"{served.address}/health/ready").status_code == 503
    reason = "the database cannot be reached: unsupported startup parameter: statement_timeout"
    assert reason in served.log


def test_replica_opens_no_more_connections_than_its_limit(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """Two workers and many clients at once; all connections of the replica are counted."""
    project.alembic(url, "upgrade", "head")
    limited = {"ORDERS_WORKERS": "2", "ORDERS_CONNECTION_LIMIT": "5", "ORDERS_POOL_SIZE": "1"}
    log = tmp_path / "log"
    with project.serve("make", "run", url=url, env=limited, log=log) as served:
        asyncio.run(use_as_many(served.address))
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orders'"
        opened = only(only(server.query(url, count + f" AND datname = '{server.name(url)}'")))
        # Each worker has its share of the connections, and is one of two.
        assert len(re.findall(r"Started server process", served.log)) == 2
    assert 1 <= opened <= 4
    assert not complaints(served.log)


def test_limit_below_the_workers_is_one_line(project: Project, server: Server) -> None:
    given = {"DATABASE_URL": server.UNREACHABLE, "PORT": str(free_port())}
    given |= {"ORDERS_WORKERS": "4", "ORDERS_CONNECTION_LIMIT": "3"}
    done = project.make("run", env=given, code=None)
    assert lines_of(done.stderr) == [
        "ORDERS_CONNECTION_LIMIT: each of 4 workers needs a connection"
    ]


@dataclass(frozen=True)
class Encrypted:
    """A server that answers nobody without TLS, and the certificates of two authorities."""

    port: int
    authority: Path
    stranger: Path

    def url(self, mode: str, authority: Path | None = None, host: str = "localhost") -> str:
        ending = f"&sslrootcert={authority}" if authority else ""
        return f"postgresql://postgres:s3cret@{host}:{self.port}/postgres?sslmode={mode}{ending}"


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Encrypted]:
    """Run Debian's PostgreSQL with TLS: the one that the project brings is built without."""
    programs = Path(program("postgres", package="postgresql")).parent
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        folder = Path(name)
        authorities = {name: trustme.CA() for name in ("authority", "stranger")}
        for one, authority in authorities.items():
            authority.cert_pem.write_to_path(folder / f"{one}.pem")
        certificate = authorities["authority"].issue_cert("localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        (folder / "server.pem").chmod(0o600)
        # It refuses to run as root.
        owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())[0]
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
        folder.chmod(0o755)
        data, port = folder / "data", free_port()
        user = owner if os.geteuid() == 0 else None
        make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, user=user)
        (data / "pg_hba.conf").write_text("hostssl all all all trust\n", "utf-8")
        options = {
            "listen_addresses": "localhost",
            "port": port,
            "unix_socket_directories": folder,
            "ssl": "on",
            "ssl_cert_file": folder / "server.pem",
            "ssl_key_file": folder / "server.pem",
        }
        given = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [programs / "postgres", "-D", data, *given]
        made = Encrypted(port, folder / "authority.pem", folder / "stranger.pem")
        # Fast: without waiting for whoever is still connected.
        with answering(command, made.url("require"), folder / "log", user, signal.SIGINT, grace=30):
            yield made


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_tls(project: Project, encrypted: Encrypted, tmp_path: Path, mode: str) -> None:
    url = encrypted.url(mode, encrypted.authority if mode != "require" else None)
    project.alembic(url, "upgrade", "head")
    with project.serve("make", "run", url=url, log=tmp_path / "log") as served:
        assert httpx.get(f"{served.address}/health/ready").status_code == 200
        assert httpx.get(f"{served.address}/users").json()["items"] == []


def test_without_tls_is_refused(project: Project, encrypted: Encrypted) -> None:
    """What shows that the others were encrypted."""
    done = project.alembic(encrypted.url("disable"), "current", code=None)
    assert "no encryption" in done.stdout + done.stderr


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_wrong_certificate_is_one_line(
    project: Project, encrypted: Encrypted, tmp_path: Path, wrong: str
) -> None:
    url = {
        "authority": encrypted.url("verify-full", encrypted.stranger),
        "name": encrypted.url("verify-full", encrypted.authority, host="127.0.0.1"),
    }[wrong]
    done = project.alembic(url, "upgrade", "head", code=None)
    line = only((done.stdout + done.stderr).strip().splitlines())
    reason = {
        "authority": "certificate verify failed",
        "name": 'server certificate for "localhost" does not match host name "127.0.0.1"',
    }[wrong]
    assert reason in line
    with project.serve("make", "run", url=url, log=tmp_path / "log") as served:
        assert httpx.get(f"{served.address}/health/ready").status_code == 503
    reasons = [line for line in served.log.splitlines() if "cannot be reached: " in line]
    assert reasons
    assert all("certificate verify failed" in line for line in reasons)
    assert "s3cret" in url
    assert "s3cret" not in served.log + line
