"""Spans of database statements, on each database and each way to execute them."""

from collections.abc import Iterator

import httpx
import pytest

from harness.databases import server_of
from harness.otlp import Receiver, Span
from harness.processes import wait_for
from harness.project import Project
from harness.servers import RunningService
from harness.traced_routes import with_traced_routes

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture(scope="module")
def served(
    project: Project, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Yield a service of each database; each test calls a route of its own."""
    folder = tmp_path_factory.mktemp("traced")
    command, env = ("python", "-m", "app"), receiver.environment
    with server_of(project).empty_database(folder) as url:
        copied = with_traced_routes(project, folder / "orders", url)
        receiver.exports.clear()
        with copied.serve(*command, env=env, log=folder / "log") as server:
            yield server


def statements_of(receiver: Receiver, name: str) -> list[Span]:
    """Return the spans of a request's statements, without those of a new connection."""
    request = receiver.wait_for_span(name)
    children = receiver.children(request)
    return [span for span in children if "users" in span.attributes.get("db.query.text", "")]


def test_every_way_to_execute_a_statement_has_a_span(
    served: RunningService, receiver: Receiver, project: Project
) -> None:
    """A single statement, a session, a stream, and handwritten SQL with a literal."""
    assert httpx.get(f"{served.address}/traced/statements/planted-name").is_success
    spans = wait_for(
        lambda: (
            len(statements_of(receiver, "GET /traced/statements/{name}")) == 4
            and statements_of(receiver, "GET /traced/statements/{name}")
        ),
        "four statements arrive",
    )
    for span in spans:
        assert (span.name, span.kind, span.failed) == ("SELECT users", "CLIENT", False)
        assert span.attributes["db.system.name"] == project.database
        assert span.attributes["db.operation.name"] == "SELECT"
        assert span.attributes["db.collection.name"] == "users"
        assert span.attributes["db.namespace"]
        assert "/" not in span.attributes["db.namespace"]
    texts = sorted(span.attributes["db.query.text"] for span in spans)
    assert "SELECT name FROM users WHERE name = ?" in texts
    assert not receiver.leaks(["planted"])


def test_transaction_has_its_statements(served: RunningService, receiver: Receiver) -> None:
    assert httpx.post(f"{served.address}/traced/transaction").is_success
    spans = statements_of(receiver, "POST /traced/transaction")
    assert {span.name for span in spans} == {"INSERT users"}
    assert not receiver.leaks(["planted"])


def test_failed_statement_has_its_state(
    served: RunningService, receiver: Receiver, project: Project
) -> None:
    assert httpx.get(f"{served.address}/traced/broken-statement").is_success
    request = receiver.wait_for_span("GET /traced/broken-statement")
    failed = [span for span in receiver.children(request) if span.failed]
    states = {"postgresql": "42703", "sqlite": "SQLITE_ERROR"}
    assert [span.attributes["db.response.status_code"] for span in failed] == [
        states[project.database]
    ]
    assert failed[0].attributes["error.type"].endswith("Error")
    assert not request.failed
    assert not receiver.leaks(["planted-parameter", "no such column", "does not exist"])


def inserts_of_requests(receiver: Receiver) -> list[Span]:
    """Return the spans of the statements that requests to POST /users have sent."""
    inserts = []
    for request in receiver.named("POST /users"):
        inserts += [span for span in receiver.children(request) if span.name == "INSERT users"]
    return inserts


def test_duplicate_is_recorded_without_its_row(
    served: RunningService, receiver: Receiver, project: Project
) -> None:
    body = {"email": "ada@example.com", "name": "Ada"}
    answers = [httpx.post(f"{served.address}/users", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    wait_for(lambda: len(inserts_of_requests(receiver)) == 2, "both statements arrive")
    states = {"postgresql": "23505", "sqlite": "SQLITE_CONSTRAINT_UNIQUE"}
    failed = [span for span in inserts_of_requests(receiver) if span.failed]
    assert [span.attributes["db.response.status_code"] for span in failed] == [
        states[project.database]
    ]
    assert not receiver.leaks(["ada@example.com"])
