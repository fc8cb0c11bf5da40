"""Versions and soft deletion in a service: its checks, and requests at the same moment."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness.at_once import at_once, statuses
from harness.databases import Server
from harness.fuzzing import CHECKS, fuzz
from harness.processes import wait_for
from harness.project import Project
from harness.servers import RunningService
from harness.versioned_service import add_articles

pytestmark = pytest.mark.slow

CLIENTS = 10
ROUNDS = 10


@pytest.fixture
def service(copy: Project, url: str) -> Project:
    """Return a service with articles, whose database is migrated."""
    add_articles(copy)
    copy.alembic(url, "upgrade", "head")
    copy.make("db-revision", "m=add articles")
    copy.alembic(url, "upgrade", "head")
    return copy


@pytest.fixture
def workers(service: Project, tmp_path: Path) -> Iterator[RunningService]:
    """Yield the service on two processes."""
    env = {"ORDERS_WORKERS": "2"}
    with service.serve("python", "-m", "app", env=env, log=tmp_path / "log") as running:
        started = re.compile(r"Started server process \[\d+\]")
        wait_for(lambda: len(started.findall(running.log)) == 2, "both workers serve")
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
    """Those of migrations, models and routes, and the formatter, linter and type checker."""
    service.run("ruff", "check", "app/articles/routes.py", "app/models")
    service.run("mypy", "app", timeout=300)
    service.run("pytest", "--quiet", "tests/test_checks.py", timeout=300)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_one_change_of_a_version_wins(workers: RunningService, method: str) -> None:
    """PATCH changes the row in one statement, PUT in a session that reads it without a lock."""
    article = create_article(workers, "a")
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
    article = create_article(workers, "a")
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


def test_deletions_at_once_are_one(workers: RunningService, server: Server, url: str) -> None:
    article = create_article(workers, "a")
    answers = at_once([partial(httpx.delete, article)] * CLIENTS)
    assert statuses(answers) == [204, *[404] * (CLIENTS - 1)]
    counted = server.query(url, "SELECT count(*), max(version) FROM articles")
    assert [tuple(map(int, row)) for row in counted] == [(1, 2)]


def test_code_of_a_deleted_article_is_free_once(workers: RunningService) -> None:
    assert httpx.delete(create_article(workers, "a")).status_code == 204
    body = {"title": "new", "code": "a"}
    create = partial(httpx.post, f"{workers.address}/articles", json=body)
    answers = at_once([create] * CLIENTS)
    assert statuses(answers) == [201, *[409] * (CLIENTS - 1)]


def test_api_does_what_it_says(workers: RunningService, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, header or content type, also with invalid If-Match."""
    checks = (*CHECKS, "negative_data_rejection")
    fuzz(workers.address, tmp_path, "--include-path-regex", "^/art", checks=checks)
    assert "unexpected error" not in workers.log
