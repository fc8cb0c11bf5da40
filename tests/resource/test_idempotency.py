"""Repeated requests to real servers: many at the same time, on two processes; after a kill."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness.at_once import at_once, statuses
from harness.databases import server_of
from harness.processes import wait_for
from harness.project import Project
from harness.repeatable_service import held, post_product, wait_until_held, with_products
from harness.servers import RunningService, wait_for_workers
from harness.template import DATABASES

pytestmark = pytest.mark.slow

TRIES = 20


@pytest.fixture(scope="module", params=DATABASES)
def shop(
    request: pytest.FixtureRequest,
    projects: Callable[..., Project],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Yield a service with products, whose database is migrated."""
    origin = projects(request.param)
    folder = tmp_path_factory.mktemp("idempotency")
    with server_of(origin).empty_database(folder) as url:
        yield with_products(origin, url, folder)


@pytest.fixture(scope="module")
def workers(shop: Project) -> Iterator[RunningService]:
    """Yield the service on two processes."""
    env = {"ORDERS_WORKERS": "2"}
    with shop.serve("python", "-m", "app", env=env, log=shop.folder.parent / "log") as service:
        wait_for_workers(service, 2)
        yield service


def count_products(shop: Project, title: str) -> int:
    """Return the number of products with this title: each test has its own."""
    statement = f"SELECT id FROM products WHERE title = '{title}'"
    return len(server_of(shop).query(shop.environment_file["DATABASE_URL"], statement))


def test_requests_at_the_same_time_create_one_row(workers: RunningService, shop: Project) -> None:
    title = "at the same time"
    responses = at_once([partial(post_product, workers, "a", title=title) for _ in range(TRIES)])
    assert {*statuses(responses)} <= {201, 409}
    refused = [response for response in responses if response.status_code == 409]
    for response in refused:
        assert response.json()["type"] == "urn:problem:idempotency-key-in-use"
    later = post_product(workers, "a", title=title)
    created = [response for response in responses if response.status_code == 201]
    assert {answer_of(response) for response in created} == {answer_of(later)}
    assert "Idempotent-Replayed" in later.headers
    assert count_products(shop, title) == 1


def answer_of(response: httpx.Response) -> tuple[int, bytes, str]:
    return response.status_code, response.content, response.headers["Location"]


def test_requests_with_other_keys_create_rows_of_their_own(
    workers: RunningService, shop: Project
) -> None:
    title = "other keys"
    calls = []
    for number in range(TRIES):
        calls.append(partial(post_product, workers, f"key-{number}", title=title))
    assert {*statuses(at_once(calls))} == {201}
    assert count_products(shop, title) == TRIES


def test_killed_process_leaves_neither_row_nor_key(shop: Project, tmp_path: Path) -> None:
    killed = {"title": "killed", "sku": "7"}
    with (
        shop.serve("python", "-m", "app", log=tmp_path / "killed") as service,
        held(shop),
        ThreadPoolExecutor() as pool,
    ):
        request = pool.submit(post_product, service, "killed", **killed)
        wait_until_held(service)
        service.process.kill()
        assert isinstance(request.exception(60), httpx.TransportError)
    with shop.serve("python", "-m", "app", log=tmp_path / "log") as service:
        # PostgreSQL ends the transaction when it notices that its client has ended.
        wait_for(
            lambda: post_product(service, "killed", **killed).status_code == 201, "it is repeated"
        )
        assert "Idempotent-Replayed" in post_product(service, "killed", **killed).headers
    assert count_products(shop, "killed") == 1


def test_client_that_disconnects_gets_the_answer_later(
    workers: RunningService, shop: Project
) -> None:
    title = "disconnected"
    with held(shop), httpx.Client() as client, pytest.raises(httpx.ReadTimeout):
        client.post(
            f"{workers.address}/products",
            json={"title": title},
            headers={"Idempotency-Key": title},
            timeout=httpx.Timeout(60, read=1),
        )
    repeat = partial(post_product, workers, title, title=title)
    wait_for(lambda: repeat().status_code == 201, "it is answered")
    assert "Idempotent-Replayed" in repeat().headers
    assert count_products(shop, title) == 1
