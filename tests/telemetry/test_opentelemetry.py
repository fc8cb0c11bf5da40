"""Spans of a service that runs: of requests, WebSockets, statements and outgoing requests."""

from collections.abc import Iterator

import httpx
import pytest

from harness.otlp import Receiver, Span
from harness.processes import only, wait_for
from harness.project import Project
from harness.raw_websocket import RawWebSocket
from harness.servers import RunningService
from harness.traced_routes import with_traced_routes
from harness.traces import Trace, log_lines, send

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

# What no export may contain, in any case.
SECRETS = (
    "planted",
    "127.0.0.9",
    "authorization",
    "secret-key",
    "ada@example.com",
    "01890000-0000-7000-8000-000000000000",
)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture(scope="module")
def served(
    light_project: Project, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """A service that sends everything to the receiver."""
    folder = tmp_path_factory.mktemp("traced")
    url = f"sqlite:///{folder}/orders.db"
    project = with_traced_routes(light_project, folder / "orders", url)
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret-key"}
    environment = {**receiver.environment, **headers, "OTEL_SERVICE_NAME": "shop"}
    command = ("python", "-m", "app")
    with project.serve(*command, env=environment, log=folder / "log") as server:
        yield server


@pytest.fixture
def trace() -> Trace:
    return Trace()


def test_request_is_a_span_named_by_its_route(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    """It is a child of the client's span, and has neither the path nor the query."""
    key = "01890000-0000-7000-8000-000000000000"
    answer = send(served, trace, "GET", f"/users/{key}?planted=planted")
    span = receiver.wait_for_span("GET /users/{user_id}", trace.id)
    assert (span.kind, span.parent_id, span.failed) == ("SERVER", trace.parent_id, False)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/users/{user_id}",
        "http.response.status_code": 404,
        "url.scheme": "http",
        "request_id": answer.headers["X-Request-ID"],
    }
    assert span.resource["service.name"] == "shop"
    assert span.resource["service.version"]
    assert receiver.exports[0].headers["authorization"] == "secret-key"


def test_unknown_path_is_named_by_the_method_only(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    assert send(served, trace, "DELETE", "/planted/path").status_code == 404
    span = receiver.wait_for_span("DELETE", trace.id)
    assert "http.route" not in span.attributes


def test_health_checks_have_no_span(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    for path in ("/health/live", "/health/ready"):
        assert send(served, trace, "GET", path).is_success
        assert send(served, trace, "HEAD", path).is_success
    assert send(served, trace, "GET", "/users").is_success
    span = receiver.wait_for_span("GET /users", trace.id)
    spans = [item for item in receiver.spans if item.trace_id == trace.id]
    assert {item.span_id for item in spans} <= {
        span.span_id,
        *(child.span_id for child in receiver.children(span)),
    }


@pytest.mark.parametrize(
    "traceparent",
    ["planted", "00-0-0-01", f"00-{'0' * 32}-{'0' * 16}-01", "ff-planted", "00-" + "x" * 600],
)
def test_malformed_parent_starts_a_trace(
    served: RunningService, receiver: Receiver, traceparent: str
) -> None:
    answer = httpx.get(f"{served.address}/docs", headers={"traceparent": traceparent})
    assert answer.is_success
    request_id = answer.headers["X-Request-ID"]
    span = only(wait_for(lambda: with_request_id(receiver, request_id), "the span arrives"))
    assert (span.parent_id, len(span.trace_id)) == ("", 32)


def with_request_id(receiver: Receiver, request_id: str) -> list[Span]:
    return [span for span in receiver.spans if span.attributes.get("request_id") == request_id]


def test_unexpected_error_is_recorded_by_its_type(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    assert send(served, trace, "GET", "/traced/failure/planted").status_code == 500
    span = receiver.wait_for_span("GET /traced/failure/{secret}", trace.id)
    assert span.failed
    assert span.attributes["error.type"] == "ValueError"
    assert span.events == [("exception", {"exception.type": "ValueError"})]


def test_unknown_methods_are_not_recorded(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    send(served, trace, "PROPFIND", "/users")
    span = receiver.wait_for_span("HTTP /users", trace.id)
    assert span.attributes["http.request.method"] == "_OTHER"


def test_outgoing_requests_are_children_and_send_their_ids(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    """What the client sends as `baggage` is not passed on."""
    baggage = {"baggage": "planted=planted"}
    with Receiver.running() as other:
        params = {"url": f"{other.endpoint}/planted-path?planted-query"}
        answer = send(served, trace, "GET", "/traced/call", params=params, headers=baggage)
        assert answer.text == "200"
        request = only(export for export in other.exports if export.path.startswith("/planted"))
    server_span = receiver.wait_for_span("GET /traced/call", trace.id)
    span = receiver.wait_for_span("POST", trace.id)
    assert (span.kind, span.parent_id) == ("CLIENT", server_span.span_id)
    assert span.attributes == {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": other.port,
        "http.response.status_code": 200,
    }
    assert request.headers["traceparent"] == f"00-{trace.id}-{span.span_id}-01"
    assert "baggage" not in request.headers
    synchronous = receiver.wait_for_span("GET", trace.id)
    assert synchronous.failed
    assert synchronous.attributes["error.type"] == "501"


def test_outgoing_request_that_fails_is_recorded_by_its_type(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    answer = send(
        served, trace, "GET", "/traced/call", params={"url": "http://127.0.0.1:1/planted"}
    )
    assert answer.status_code == 500
    span = receiver.wait_for_span("POST", trace.id)
    assert span.failed
    assert span.attributes["error.type"] == "httpx.ConnectError"


def test_websocket_is_a_span_until_it_is_closed(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    with RawWebSocket(served, "/traced/socket/planted?planted", **trace.headers) as connection:
        assert connection.answer.startswith(b"HTTP/1.1 101 ")
        assert [connection.ask("planted"), connection.ask("planted")] == ["answer", "answer"]
        wait_for(lambda: len(receiver.named("SELECT users", trace.id)) == 2, "statements arrive")
        assert not receiver.named("WS /traced/socket/{name}", trace.id)
    span = receiver.wait_for_span("WS /traced/socket/{name}", trace.id)
    assert (span.kind, span.parent_id, span.failed) == ("SERVER", trace.parent_id, False)
    assert span.attributes["http.response.status_code"] == 101
    assert {child.name for child in receiver.children(span)} == {"SELECT users"}
    line = only(line for line in log_lines(served, trace) if line["event"] == "connected")
    assert line["span_id"] == span.span_id


def test_every_line_of_a_request_has_the_ids_of_its_span(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    assert send(served, trace, "GET", "/traced/own-span").is_success
    span = receiver.wait_for_span("GET /traced/own-span", trace.id)
    own = receiver.wait_for_span("own", trace.id)
    assert own.parent_id == span.span_id
    lines = {line["event"]: line["span_id"] for line in log_lines(served, trace)}
    assert lines == {"within": own.span_id, "request": span.span_id}


def test_unsampled_request_has_ids_and_sends_no_span(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    """The next service must not sample it either."""
    unsampled = {"traceparent": trace.headers["traceparent"].removesuffix("01") + "00"}
    with Receiver.running() as other:
        params = {"url": f"{other.endpoint}/"}
        answer = send(served, trace, "GET", "/traced/call", params=params, headers=unsampled)
        assert answer.is_success
        passed_on = other.exports[0].headers["traceparent"]
    assert passed_on.startswith(f"00-{trace.id}-")
    assert passed_on.endswith("-00")
    assert {line["event"] for line in log_lines(served, trace)} >= {"request"}
    later = Trace()
    send(served, later, "GET", "/users")
    receiver.wait_for_span("GET /users", later.id)
    assert not [span for span in receiver.spans if span.trace_id == trace.id]


def test_nothing_exported_has_a_secret_or_personal_data(
    served: RunningService, receiver: Receiver, trace: Trace
) -> None:
    body = {"email": "Ada@example.com", "name": "planted-name"}
    headers = {"X-Planted": "planted-header", "Authorization": "Bearer planted-token"}
    for _ in range(2):
        send(served, trace, "POST", "/users?planted=planted", json=body, headers=headers)
    send(served, trace, "GET", "/users?email=ada@example.com")
    send(served, trace, "GET", "/traced/statements/planted-name", headers=headers)
    send(served, trace, "GET", "/traced/broken-statement")
    send(served, trace, "GET", "/traced/failure/planted")
    send(served, trace, "POST", "/traced/transaction", headers=headers)
    receiver.wait_for_span("POST /traced/transaction", trace.id)
    wait_for(lambda: len(receiver.named("INSERT users", trace.id)) >= 3, "statements arrive")
    assert not receiver.leaks(SECRETS)
