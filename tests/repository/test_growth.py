"""The clients of benchmarks/growth.py, and that part itself in its smallest size."""

import itertools
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import bench, growth, growth_tables
from benchmarks.clients import UNANSWERED, Answers, load, offer, percentile, random_delays
from harness.processes import only, run
from harness.programs import program
from harness.sequential_server import BUSY, INCOMPLETE, OK, answering
from harness.template import ROOT
from tools.reference import rows_of

pytestmark = pytest.mark.seconds(40)


def request() -> bytes:
    return b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_latency_counts_from_the_intended_time() -> None:
    """A slow answer delays those behind it, and each of them shows by how much."""
    with answering((0.4, OK), (0.0, OK)) as port:
        answers = offer(port, request, [0.0, 0.1, 0.2, 0.6])
    slow, *behind, after = sorted(answers.good, reverse=True)
    # A busy machine makes each longer, never shorter.
    assert slow > 0.39
    assert behind[0] > 0.29
    assert behind[1] > 0.19
    assert after < slow
    assert answers.waiting == 3
    assert answers.seconds > 0.59


def test_clients_wait_for_their_answers() -> None:
    """The server answers one request at a time, so the other clients queue."""
    with answering((0.02, OK)) as port:
        answers = load(port, request, clients=3, seconds=0.5)
    assert answers.waiting == 3
    assert 0 < answers.throughput < 50
    assert percentile(answers.good, 0.5) > 0.05


def test_answers_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.clients.PATIENCE", 1)
    with answering((0.0, OK), (0.0, BUSY), (0.0, INCOMPLETE), (3.0, OK)) as port:
        answers = offer(port, request, [0.0, 0.05, 0.1, 0.15])
    assert answers.times.keys() == {200, 503, UNANSWERED}
    assert len(answers.times[200]) == len(answers.times[503]) == 1
    assert len(answers.times[UNANSWERED]) == 2
    assert answers.share(503) == answers.share(200) == 0.25
    assert max(answers.times[UNANSWERED]) > 0.99


def test_port_on_which_nothing_listens() -> None:
    with answering((0.0, OK)) as port:
        pass
    assert load(port, request, clients=1, seconds=0.01).share(UNANSWERED) == 1


def test_random_delays() -> None:
    delays = random_delays(1000, 10)
    assert len(delays) == pytest.approx(10_000, rel=0.05)
    assert delays == sorted(delays) == random_delays(1000, 10)
    assert delays[-1] < 10
    long_gaps = 0
    for before, after in itertools.pairwise(delays):
        long_gaps += after - before > 0.001
    # In a Poisson process a share of 1/e is longer than the mean.
    assert long_gaps / (len(delays) - 1) == pytest.approx(0.368, abs=0.02)


def test_percentile() -> None:
    assert percentile(range(1, 101), 0.5) == 51
    assert percentile(range(1, 101), 0.99) == 100
    assert percentile([7], 0.99) == 7
    assert str(percentile([], 0.5)) == "nan"


def test_throughput_is_of_what_was_served() -> None:
    answers = Answers({201: [0.1] * 6, 200: [0.1] * 2, 503: [0.1] * 2}, seconds=2)
    assert answers.throughput == 4
    assert answers.share(503) == 0.2


def test_requests_are_those_of_wrk() -> None:
    """In its shares, and each of them whole."""
    next_request = growth.mix()
    requests = Counter[str]()
    for _ in range(1000):
        head, _, body = next_request().decode().partition("\r\n\r\n")
        length = re.search(r"Content-Length: (\d+)", head)
        assert len(body) == int(length[1] if length else 0)
        requests[re.sub(r"/users/0189[0-9a-f-]{32} ", "/users/ID ", head.split("HTTP")[0])] += 1
    assert requests.pop("GET /users/ID ") == pytest.approx(400, abs=50)
    assert requests.pop("GET /users?limit=20 ") == pytest.approx(400, abs=50)
    assert requests.pop("POST /users ") == pytest.approx(100, abs=30)
    assert requests.pop("PATCH /users/ID ") == pytest.approx(100, abs=30)
    assert not requests


def test_times_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"duration_ms": 9}\n')
    begin = log.stat().st_size
    with log.open("a") as file:
        file.write('{"event": "started"}\n{"event": "request", "duration_ms": 1.5}\n')
    assert bench.logged_durations(log, begin) == [1.5]


def test_model() -> None:
    """Waiting doubles at half of the capacity, is fivefold at 80 %, and unlimited at 100 %."""
    alone = growth_tables.mean_in_queue(0, 500)
    assert growth_tables.mean_in_queue(250, 500) == pytest.approx(2 * alone)
    assert growth_tables.mean_in_queue(400, 500) == pytest.approx(5 * alone)
    assert growth_tables.figure(growth_tables.mean_in_queue(500, 500)) == "–"


@pytest.mark.slow
def test_growth(tmp_path: Path) -> None:
    """The part in its smallest size: that it measures, not how much."""
    program("pgbouncer", package="pgbouncer")
    run(sys.executable, "-m", "benchmarks", "growth", "--quick", "--docs", tmp_path, cwd=ROOT)
    text = (tmp_path / "growth.md").read_text("utf-8")
    assert first_cells(rows_of(text, "latency")) == ["10", "1,000"]
    workers, pooler = rows_of(text, "workers"), rows_of(text, "pooler")
    assert first_cells(workers) == ["1", "2"]
    assert first_cells(pooler) == ["none", "PgBouncer, 5"]
    without, through = pooler
    assert int(through[-1]) <= 5 < int(without[-1]) <= 20
    fast, slow = only(rows_of(text, "pool-fast")), only(rows_of(text, "pool-slow"))
    assert slow[:2] == ["2", "40"]
    assert 0 < float(slow[2]) < 45
    assert float(slow[2]) < float(fast[1].replace(",", ""))
    for row in [*workers, *pooler, fast, slow]:
        for cell in row[1:]:
            assert re.fullmatch(r"[\d,]+( %)?", cell), row


def first_cells(rows: list[list[str]]) -> list[str]:
    return [row[0] for row in rows]
