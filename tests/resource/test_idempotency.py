"""Repeated requests to real servers: many at the same time, on two processes; after a kill."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness.at_once import at_once, statuses
from harness.databases import Server
from harness.processes import wait_for
from harness.project import Project
from harness.repeatable_service import held, post_product, wait_until_held, with_products
from harness.servers import RunningService

pytestmark = pytest.mark.slow

TRIES = 50


@pytest.fixture
def shop(project: Project, url: str, tmp_path: Path) -> Project:
    """Return a service with products, whose database is `url`."""
    return with_products(project, url, tmp_path)


@pytest.fixture
def workers(shop: Project, tmp_path: Path) -> Iterator[RunningService]:
    """Yield the service on two processes."""
    env = {"ORDERS_WORKERS": "2"}
    with shop.serve("python", "-m", "app", env=env, log=tmp_path / "log") as service:
        started = re.compile(r"Started server process \[\d+\]")
        wait_for(lambda: len(started.findall(service.log)) == 2, "both workers serve")
        yield service


def count_products(server: Server, url: str) -> int:
    return len(server.query(url, "SELECT id FROM products"))


def test_requests_at_the_same_time_create_one_row(
    workers: RunningService, server: Server, url: str
) -> None:
    responses = at_once([partial(post_product, workers, "a") for _ in range(TRIES)])
    assert {*statuses(responses)} <= {201, 409}
    refused = [response for response in responses if response.status_code == 409]
    for response in refused:
        assert response.json()["type"] == "urn:problem:idempotency-key-in-use"
    later = post_product(workers, "a")
    created = [response for response in responses if response.status_code == 201]
    assert {answer_of(response) for response in created} == {answer_of(later)}
    assert "Idempotent-Replayed" in later.headers
    assert count_products(server, url) == 1


def answer_of(response: httpx.Response) -> tuple[int, bytes, str]:
    return response.status_code, response.content, response.headers["Location"]


def test_requests_with_other_keys_create_rows_of_their_own(
    workers: RunningService, server: Server, url: str
) -> None:
    calls = [partial(post_product, workers, f"key-{number}") for number in range(TRIES)]
    responses = at_once(calls)
    assert {*statuses(responses)} == {201}
    assert count_products(server, url) == TRIES


def test_killed_process_leaves_neither_row_nor_key(
    shop: Project, server: Server, url: str, tmp_path: Path
) -> None:
    with (
        shop.serve("python", "-m", "app", log=tmp_path / "killed") as service,
        held(shop),
        ThreadPoolExecutor() as pool,
    ):
        request = pool.submit(post_product, service, "a", sku="7")
        wait_until_held(service)
        service.process.kill()
        assert isinstance(request.exception(60), httpx.TransportError)
    with shop.serve("python", "-m", "app", log=tmp_path / "log") as service:
        # PostgreSQL ends the transaction when it notices that its client has ended.
        wait_for(lambda: post_product(service, "a", sku="7").status_code == 201, "it is repeated")
        assert "Idempotent-Replayed" in post_product(service, "a", sku="7").headers
    assert count_products(server, url) == 1


def test_client_that_disconnects_gets_the_answer_later(
    shop: Project, server: Server, url: str, tmp_path: Path
) -> None:
    with shop.serve("python", "-m", "app", log=tmp_path / "log") as service:
        with held(shop), httpx.Client() as client, pytest.raises(httpx.ReadTimeout):
            client.post(
                f"{service.address}/products",
                json={"title": "Tea"},
                headers={"Idempotency-Key": "a"},
                timeout=httpx.Timeout(60, read=1),
            )
        wait_for(lambda: post_product(service, "a").status_code == 201, "it is answered")
        assert "Idempotent-Replayed" in post_product(service, "a").headers
    assert count_products(server, url) == 1
