"""Versions and soft deletion in a service: its checks, and requests at the same moment."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness.at_once import at_once, statuses
from harness.databases import server_of
from harness.fuzzing import CHECKS, fuzz
from harness.project import Project
from harness.servers import RunningService, wait_for_workers
from harness.template import DATABASES
from harness.versioned_service import add_articles

pytestmark = pytest.mark.slow

CLIENTS = 10
ROUNDS = 10


@pytest.fixture(scope="module", params=DATABASES)
def service(
    request: pytest.FixtureRequest,
    projects: Callable[..., Project],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Yield a service with articles, whose database is migrated."""
    origin = projects(request.param)
    folder = tmp_path_factory.mktemp("versions")
    with server_of(origin).empty_database(folder) as url:
        project = add_articles(origin.copy(folder / "orders", url))
        project.alembic(url, "upgrade", "head")
        project.alembic(url, "revision", "--autogenerate", "-m", "add articles")
        project.alembic(url, "upgrade", "head")
        yield project


@pytest.fixture(scope="module")
def workers(service: Project) -> Iterator[RunningService]:
    """Yield the service on two processes, with the articles of all tests."""
    env = {"ORDERS_WORKERS": "2"}
    log = service.folder.parent / "log"
    with service.serve("python", "-m", "app", env=env, log=log) as running:
        wait_for_workers(running, 2)
        yield running


def create_article(service: RunningService, code: str) -> str:
    """Return the URL of a new article."""
    body = {"title": "old", "code": code}
    response = httpx.post(f"{service.address}/articles", json=body)
    assert response.status_code == 201, response.text
    assert response.headers["ETag"] == '"1"'
    return f"{service.address}/articles/{response.json()['id']}"


def send(method: str, url: str, title: str, if_match: str | None) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return httpx.request(method, url, json={"title": title}, headers=headers, timeout=30)


def test_checks_pass(service: Project) -> None:
    """Those of migrations, models and routes."""
    service.run("pytest", "--quiet", "tests/test_checks.py", timeout=300)


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_code_is_formatted_linted_and_typed(service: Project) -> None:
    """It is the same on each database, but for the name of an argument."""
    service.run("ruff", "check", "app/articles/routes.py", "app/models")
    service.run("mypy", "app", timeout=300)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_one_change_of_a_version_wins(workers: RunningService, method: str) -> None:
    """PATCH changes the row in one statement, PUT in a session that reads it without a lock."""
    article = create_article(workers, method)
    for version in range(1, ROUNDS + 1):
        known = f'"{version}"'
        titles = [f"title {version} {number}" for number in range(CLIENTS)]
        answers = at_once([partial(send, method, article, title, known) for title in titles])
        won = [answer for answer in answers if answer.status_code == 200]
        assert len(won) == 1, [answer.text for answer in answers]
        lost = {answer.status_code for answer in answers if answer is not won[0]}
        assert lost <= {409, 412}
        if method == "PATCH":
            assert lost == {412}
        stored = httpx.get(article)
        assert stored.json() == won[0].json()
        assert stored.headers["ETag"] == won[0].headers["ETag"] == f'"{version + 1}"'


def test_each_change_without_if_match_counts(workers: RunningService) -> None:
    article = create_article(workers, "without if-match")
    answers = at_once([partial(send, "PATCH", article, str(n), None) for n in range(CLIENTS)])
    assert sorted(int(answer.headers["ETag"].strip('"')) for answer in answers) == [
        *range(2, CLIENTS + 2)
    ]


def test_change_or_deletion_wins(workers: RunningService) -> None:
    for number in range(ROUNDS):
        article = create_article(workers, f"code {number}")
        known = {"If-Match": '"1"'}
        deleted, changed = at_once(
            [
                partial(httpx.delete, article, headers=known),
                partial(send, "PATCH", article, "new", '"1"'),
            ]
        )
        pair = (deleted.status_code, changed.status_code)
        assert pair in {(204, 404), (412, 200)}
        assert httpx.get(article).is_success == changed.is_success


def test_deletions_at_once_are_one(workers: RunningService, service: Project) -> None:
    article = create_article(workers, "deleted")
    answers = at_once([partial(httpx.delete, article)] * CLIENTS)
    assert statuses(answers) == [204, *[404] * (CLIENTS - 1)]
    statement = "SELECT count(*), max(version) FROM articles WHERE code = 'deleted'"
    counted = server_of(service).query(service.environment_file["DATABASE_URL"], statement)
    assert [tuple(map(int, row)) for row in counted] == [(1, 2)]


def test_code_of_a_deleted_article_is_free_once(workers: RunningService) -> None:
    assert httpx.delete(create_article(workers, "free")).status_code == 204
    body = {"title": "new", "code": "free"}
    create = partial(httpx.post, f"{workers.address}/articles", json=body)
    answers = at_once([create] * CLIENTS)
    assert statuses(answers) == [201, *[409] * (CLIENTS - 1)]


def test_api_does_what_it_says(workers: RunningService, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, header or content type, also with invalid If-Match."""
    checks = (*CHECKS, "negative_data_rejection")
    options = ("--include-path-regex", "^/art")
    fuzz(workers.address, tmp_path, *options, checks=checks, examples=20, seconds=10)
    assert "unexpected error" not in workers.log
