"""Migrations and backfills push their metrics to a Pushgateway, and never fail because of it."""

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness.databases import Server
from harness.jobs import FILL, ROWS, TABLE
from harness.output import lines_with
from harness.processes import clean_environment, only, wait_for
from harness.project import Project
from harness.prometheus import pushed, pushgateway
from harness.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

# Where the database has no part in it.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)
SUCCESS = "job_last_success_timestamp_seconds"
RUN = "job_last_run_timestamp_seconds"
BACKFILL = ("jobs", "--set", "done = true", "--where", "NOT done")


@pytest.fixture
def filled(server: Server, url: str) -> str:
    """Return the URL of a database with the table of jobs."""
    server.query(url, TABLE)
    server.query(url, FILL)
    return url


def test_migration_that_fails_keeps_the_last_success(
    project: Project, url: str, tmp_path: Path
) -> None:
    with pushgateway(tmp_path) as gateway:
        env = {"DATABASE_URL": url, "ORDERS_PUSHGATEWAY_URL": gateway}
        project.run_python("alembic", "upgrade", "head", env=env)
        first = pushed(gateway)["alembic upgrade"]
        project.run_python("alembic", "upgrade", "nothing", env=env, code=None)
        second = pushed(gateway)["alembic upgrade"]
    assert (first["job_failed"], first["job_steps"], first["job_rows"]) == (0, 1, 0)
    assert first["job_duration_seconds"] > 0
    assert first[SUCCESS] == first[RUN]
    assert (second["job_failed"], second["job_steps"]) == (1, 0)
    assert second[RUN] > first[RUN]
    assert second[SUCCESS] == first[SUCCESS]


def test_backfill_pushes_the_number_of_rows(project: Project, filled: str, tmp_path: Path) -> None:
    with pushgateway(tmp_path) as gateway:
        env = {"DATABASE_URL": filled, "ORDERS_PUSHGATEWAY_URL": gateway}
        project.script("backfill", *BACKFILL, env=env)
        done = pushed(gateway)["backfill"]
        project.script("backfill", "nothing", *BACKFILL[1:], env=env, code=1)
        failed = pushed(gateway)["backfill"]
    assert (done["job_failed"], done["job_rows"]) == (0, ROWS)
    assert (failed["job_failed"], failed["job_rows"]) == (1, 0)
    assert failed[SUCCESS] == done[SUCCESS]


@light
def test_backfill_that_is_stopped_has_failed(
    project: Project, server: Server, filled: str, tmp_path: Path
) -> None:
    with pushgateway(tmp_path) as gateway:
        env = {"PATH": project.path, "DATABASE_URL": filled, "ORDERS_PUSHGATEWAY_URL": gateway}
        process = subprocess.Popen(
            ["python", "-m", "scripts.backfill", *BACKFILL, "--batch", "5"],
            cwd=project.folder,
            env=clean_environment(env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        changed = "SELECT count(*) FROM jobs WHERE done"
        wait_for(lambda: only(only(server.query(filled, changed))), "the first batch")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
        metrics = pushed(gateway)["backfill"]
    assert metrics["job_failed"] == 1
    assert SUCCESS not in metrics


@light
def test_pushgateway_with_a_password(project: Project, url: str, tmp_path: Path) -> None:
    with pushgateway(tmp_path, password=True) as gateway:
        env = {"DATABASE_URL": url, "ORDERS_PUSHGATEWAY_URL": gateway}
        project.run_python("alembic", "upgrade", "head", env=env)
        assert pushed(gateway)["alembic upgrade"]["job_failed"] == 0
        env["ORDERS_PUSHGATEWAY_URL"] = gateway.replace("team:", "stranger:")
        done = project.run_python("alembic", "upgrade", "head", env=env)
    assert warning_of(done.stderr).endswith("the Pushgateway answered 401")
    assert "word" not in done.stdout + done.stderr


@light
@pytest.mark.parametrize("command", ["upgrade", "backfill"])
def test_pushgateway_that_is_down_costs_a_warning(
    project: Project, filled: str, command: str
) -> None:
    gateway = f"http://team:s3cret@127.0.0.1:{free_port()}/prefix"
    env = {"DATABASE_URL": filled, "ORDERS_PUSHGATEWAY_URL": gateway}
    if command == "upgrade":
        done = project.run_python("alembic", "upgrade", "head", env=env)
    else:
        done = project.script("backfill", *BACKFILL, env=env)
    line = only(lines_with(done.stderr, "were not pushed"))
    assert "the Pushgateway cannot be reached: [Errno 111] Connection refused" in line
    assert "s3cret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@light
def test_pushgateway_that_does_not_answer_costs_seconds(project: Project, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"DATABASE_URL": url, "ORDERS_PUSHGATEWAY_URL": gateway}
        done = project.run_python("alembic", "upgrade", "nothing", env=env, code=None)
    assert warning_of(done.stderr).startswith("metrics of alembic upgrade were not pushed")
    assert "Can't locate revision" in done.stdout + done.stderr


@light
def test_url_of_the_pushgateway_is_never_shown(project: Project, url: str) -> None:
    show = "from app.settings import Settings; s = Settings(); print(s, s.model_dump_json())"
    env = {"DATABASE_URL": url, "ORDERS_PUSHGATEWAY_URL": "http://team:s3cret@gateway"}
    done = project.run("python", "-c", show, env=env)
    assert "pushgateway_url" in done.stdout
    assert "s3cret" not in done.stdout
    env["ORDERS_PUSHGATEWAY_URL"] = "http://team:s3cret@gateway:port"
    done = project.run_python("alembic", "current", env=env, code=None)
    line = "ORDERS_PUSHGATEWAY_URL: Input should be a valid URL, invalid port number"
    assert done.stderr.strip() == line


def warning_of(output: str) -> str:
    """Return the only record about the push."""
    record = json.loads(only(lines_with(output, "were not pushed")))
    assert record["level"] == "warning"
    event: str = record["event"]
    return event
