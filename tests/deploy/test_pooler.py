"""A service on a managed PostgreSQL: through a pooler, and with a limit of connections."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from harness.databases import Server
from harness.migrators import migrators
from harness.pgbouncer import pooled
from harness.processes import lines_of, only
from harness.project import Project
from harness.servers import free_port

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(25),
]

POOLING = {"ORDERS_TRANSACTION_POOLING": "true", "ORDERS_WORKERS": "2"}
CLIENTS = 24
ROUNDS = 4


def test_pooler_is_one_that_mixes_sessions(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """What the other tests rely on: two transactions of a client may be on two connections."""
    with (
        pooled(url, tmp_path, pool_size=2) as pooler,
        psycopg.connect(pooler, autocommit=True) as first,
        psycopg.connect(pooler, autocommit=True) as second,
    ):
        backend = only(first.execute("SELECT pg_backend_pid()").fetchone() or ())
        with second.transaction():
            second.execute("SELECT 1")
            assert first.execute("SELECT pg_backend_pid()").fetchone() != (backend,)
        assert server.name(pooler) == server.name(url)


async def use_concurrently(address: str) -> None:
    """Have clients write and read at the same time, each of them its own user."""
    limits = httpx.Limits(max_connections=CLIENTS)
    async with (
        httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(CLIENTS):
            tasks.create_task(write_and_read(client, f"user{number}@example.com"))


async def write_and_read(client: httpx.AsyncClient, email: str) -> None:
    body = {"email": email, "name": "Ada"}
    created = await client.post("/users", json=body)
    assert created.status_code == 201, created.text
    path = created.headers["Location"]
    for turn in range(ROUNDS):
        changed = await client.patch(path, json={"name": f"Ada {turn}"})
        assert changed.status_code == 200, changed.text
        read = await client.get(path)
        assert (read.status_code, read.json()) == (200, changed.json()), read.text
        listed = await client.get("/users", params={"email": email})
        assert listed.json()["items"] == [changed.json()], listed.text
        duplicate = await client.post("/users", json=body)
        assert duplicate.status_code == 409, duplicate.text


@contextlib.contextmanager
def other_sessions(url: str) -> Iterator[None]:
    """Run short transactions all the time, so that no client gets the same session twice."""
    ended = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not ended.is_set():
                with connection.transaction():
                    connection.execute("SELECT pg_sleep(random() / 500)")

    with ThreadPoolExecutor() as pool:
        workers = [pool.submit(work) for _ in range(4)]
        try:
            yield
        finally:
            ended.set()
            for worker in workers:
                worker.result()


def levels(log: str) -> set[str]:
    """Return the levels of the entries of a log."""
    return {json.loads(line)["level"] for line in log.splitlines() if line.startswith("{")}


def test_through_a_pooler_in_transaction_mode(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """With three connections for many clients, no two statements can count on the same one."""
    project.alembic(url, "upgrade", "head")
    log = tmp_path / "log"
    with (
        pooled(url, tmp_path, pool_size=3) as pooler,
        project.serve("make", "run", url=pooler, env=POOLING, log=log) as served,
        other_sessions(pooler),
    ):
        assert httpx.get(f"{served.address}/health/ready").status_code == 200
        asyncio.run(use_concurrently(served.address))
    assert levels(served.log) == {"info"}, served.log
    assert server.query(url, "SELECT count(*), count(DISTINCT name) FROM users") == [(CLIENTS, 1)]


def test_changed_type_is_noticed_through_a_pooler(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """No description of a statement is kept either: no pooler reports that it is out of date."""
    project.alembic(url, "upgrade", "head")
    log = tmp_path / "log"
    with (
        pooled(url, tmp_path) as pooler,
        project.serve("make", "run", url=pooler, env=POOLING, log=log) as served,
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
    """However the pooler assigns its sessions, none of 16 migrators takes one for its own."""
    with (
        pooled(url, tmp_path, pool_size=6) as pooler,
        other_sessions(pooler),
        migrators(project, tmp_path) as crowd,
    ):
        for _ in range(2):
            crowd.start(pooler, "upgrade", "head", count=8)
            assert crowd.wait() == [255] * 8, crowd.logs
            for log in crowd.logs:
                assert "a pooler in transaction mode" in log
    assert not server.tables(url)


def test_pooler_refuses_what_it_cannot_keep(project: Project, url: str, tmp_path: Path) -> None:
    """Without the setting the reason is in the log, in the pooler's words."""
    project.alembic(url, "upgrade", "head")
    with (
        pooled(url, tmp_path) as pooler,
        project.serve("make", "run", url=pooler, log=tmp_path / "log") as served,
    ):
        assert httpx.get(f"{served.address}/health/ready").status_code == 503
    reason = "the database cannot be reached: unsupported startup parameter: statement_timeout"
    assert reason in served.log


def test_replica_opens_no_more_connections_than_its_limit(
    project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """Two workers and many concurrent clients; all connections of the replica are counted."""
    project.alembic(url, "upgrade", "head")
    limited = {"ORDERS_WORKERS": "2", "ORDERS_CONNECTION_LIMIT": "5", "ORDERS_POOL_SIZE": "1"}
    log = tmp_path / "log"
    with project.serve("make", "run", url=url, env=limited, log=log) as served:
        asyncio.run(use_concurrently(served.address))
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orders'"
        opened = only(only(server.query(url, count + f" AND datname = '{server.name(url)}'")))
        # Each worker has its share of the connections, and is one of two.
        assert len(re.findall(r"Started server process", served.log)) == 2
    assert 1 <= opened <= 4
    assert levels(served.log) == {"info"}, served.log


def test_limit_below_the_workers_is_one_line(project: Project, server: Server) -> None:
    env = {
        "DATABASE_URL": server.UNREACHABLE,
        "PORT": str(free_port()),
        "ORDERS_WORKERS": "4",
        "ORDERS_CONNECTION_LIMIT": "3",
    }
    done = project.make("run", env=env, code=None)
    assert lines_of(done.stderr) == [
        "ORDERS_CONNECTION_LIMIT: each of 4 workers needs a connection"
    ]
