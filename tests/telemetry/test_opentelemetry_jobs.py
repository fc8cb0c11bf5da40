"""Spans of migrations and backfills, which end by themselves."""

from collections.abc import Iterator

import pytest

from harness.databases import Server
from harness.otlp import Receiver
from harness.processes import only
from harness.project import FIRST, Project
from harness.working_copy import STEPS, Revise

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture
def environment(receiver: Receiver, url: str) -> dict[str, str]:
    """The variables of a job that is part of a trace."""
    parent = f"00-{TRACE_ID}-{PARENT_ID}-01"
    return {"DATABASE_URL": url, "TRACEPARENT": parent, **receiver.environment}


def test_migration_is_a_span_with_a_child_per_revision(
    copy: Project, revise: Revise, receiver: Receiver, environment: dict[str, str]
) -> None:
    add_column = "    op.add_column('users', sa.Column('planted', sa.Text()))"
    revise("second", STEPS, upgrade=add_column, downgrade="    pass")
    done = copy.run("alembic", "upgrade", "head", env=environment)
    job = only(receiver.named("alembic upgrade"))
    steps = receiver.children(job)
    assert (job.trace_id, job.parent_id, job.failed) == (TRACE_ID, PARENT_ID, False)
    assert {step.name for step in steps} == {f"upgrade {FIRST}", "upgrade second"}
    for step in steps:
        assert step.attributes == {
            "direction": "upgrade",
            "revision": step.name.removeprefix("upgrade "),
        }
        assert job.start <= step.start < step.end <= job.end
    assert f'"trace_id": "{TRACE_ID}", "span_id": "{job.span_id}"' in done.stderr
    assert job.resource["service.name"] == "orders"
    assert not receiver.leaks(["planted"])


def test_failed_migration_is_sent_with_what_was_applied(
    copy: Project, revise: Revise, receiver: Receiver, environment: dict[str, str]
) -> None:
    broken = "    op.execute(\"INSERT INTO planted VALUES ('planted')\")"
    revise("second", STEPS, upgrade=broken, downgrade="    pass")
    copy.run("alembic", "upgrade", "head", env=environment, code=None)
    job = only(receiver.named("alembic upgrade"))
    assert job.failed
    assert job.attributes["error.type"]
    assert [step.name for step in receiver.children(job)] == [f"upgrade {FIRST}"]
    assert not receiver.leaks(["planted"])


def test_backfill_is_a_span_with_a_child_per_pass(
    project: Project, server: Server, url: str, receiver: Receiver, environment: dict[str, str]
) -> None:
    project.alembic(url, "upgrade", "head")
    server.run_script(url, "CREATE TABLE things (id integer PRIMARY KEY, done integer);")
    server.run_script(url, "INSERT INTO things (id) VALUES (1), (2), (3);")
    arguments = ("things", "--set", "done = 4711", "--where", "done IS NULL")
    project.run("python", "-m", "scripts.backfill", *arguments, env=environment)
    job = only(receiver.named("backfill"))
    step = only(receiver.children(job))
    assert (job.trace_id, job.failed) == (TRACE_ID, False)
    assert step.attributes == {"rows": 3}
    assert not receiver.leaks(["4711"])


def test_failed_backfill_is_a_failed_span(
    project: Project, receiver: Receiver, environment: dict[str, str]
) -> None:
    arguments = ("planted", "--set", "done = 1", "--where", "done = 'planted'")
    project.run("python", "-m", "scripts.backfill", *arguments, env=environment, code=None)
    job = only(receiver.named("backfill"))
    assert job.failed
    assert not receiver.leaks(["planted"])


def test_migration_does_not_wait_for_a_receiver_that_hangs(
    project: Project, server: Server, url: str, receiver: Receiver, environment: dict[str, str]
) -> None:
    """It ends soon, successfully, with a line about what was dropped."""
    receiver.answers.clear()
    # What waits for it, waits for longer than the test.
    env = {**environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
    done = project.run("alembic", "upgrade", "head", env=env, timeout=60)
    assert "2 spans dropped" in done.stderr
    assert "Traceback" not in done.stderr
    assert "users" in server.tables(url)


def test_commands_that_change_nothing_send_nothing(
    project: Project, receiver: Receiver, environment: dict[str, str]
) -> None:
    project.run("alembic", "current", env=environment)
    assert not receiver.exports
