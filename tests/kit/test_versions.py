"""Versions in HTTP, by RFC 9110: ETag, 304, and changes at the same time."""

from typing import Any

import pytest
from fastapi import Request, Response
from httpx import AsyncClient

from tests.kit.books import (
    MISSING,
    add_book_routes,
    create_book,
    create_second_version,
    create_tables,
    field,
)
from tests.kit.support import allowed_client, concurrent_statuses
from kit.application import Service
from kit.testing import assert_problem
from kit.versions import set_etag

# What a GET is answered with, by the If-None-Match of a row with version 2.
IF_NONE_MATCH = {
    '"2"': 304,
    'W/"2"': 304,
    "*": 304,
    '"1", W/"2"': 304,
    '"1"': 200,
    "": 200,
    "2": 200,
    '*, "2"': 200,
}


@pytest.fixture
def app(own_app: Service) -> Service:
    """Return a started service with the routes of books."""
    add_book_routes(own_app)
    return own_app


@pytest.fixture
async def books(app: Service) -> AsyncClient:
    await create_tables(app.state.database)
    return allowed_client(app)


async def test_etag_is_the_version(books: AsyncClient) -> None:
    created = await books.post("/books", params={"title": "a"})
    path = f"/books/{created.json()['id']}"
    read = await books.get(path)
    changed = await books.patch(path, params={"title": "b"})
    replaced = await books.put(path, params={"title": "c"})
    tags = [response.headers["ETag"] for response in (created, read, changed, replaced)]
    assert tags == ['"1"', '"1"', '"2"', '"3"']


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_if_none_match_decides(books: AsyncClient, method: str) -> None:
    path = await create_second_version(books)
    for header, status in IF_NONE_MATCH.items():
        response = await books.request(method, path, headers=field("If-None-Match", header))
        assert response.status_code == status, header
        assert response.headers["ETag"] == '"2"'
        assert response.headers["Cache-Control"] == "private, no-cache"


async def test_304_has_the_headers_of_200_and_no_body(books: AsyncClient) -> None:
    path = await create_book(books)
    full = await books.get(path)
    unchanged = await books.get(path, headers={"If-None-Match": full.headers["ETag"]})
    assert unchanged.status_code == 304
    assert unchanged.content == b""
    ignored = {"content-length", "content-type", "x-request-id", "etag", "date"}
    assert set(full.headers) - set(unchanged.headers) <= ignored
    assert "Content-Length" not in unchanged.headers
    assert unchanged.headers.get("Vary") == full.headers.get("Vary")


async def test_missing_row_is_404_with_if_none_match(books: AsyncClient) -> None:
    assert_problem(await books.get(MISSING, headers={"If-None-Match": "*"}), 404, "book-not-found")


async def test_changes_are_not_stored(books: AsyncClient) -> None:
    path = await create_book(books)
    changed = await books.patch(path, params={"title": "b"})
    assert changed.headers["Cache-Control"] == "no-store"


async def test_route_may_forbid_to_store(app: Service, books: AsyncClient) -> None:
    @app.get("/secret")
    async def get_secret(request: Request, response: Response) -> str:
        response.headers["Cache-Control"] = "no-store"
        set_etag(request, response, {"version": 7})
        return "secret"

    known = {"If-None-Match": '"7"'}
    for answer in (await books.get("/secret"), await books.get("/secret", headers=known)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["ETag"] == '"7"'


async def test_page_has_a_weak_tag_that_changes_with_its_rows(books: AsyncClient) -> None:
    path = await create_book(books)
    first = await books.get("/books")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    known = {"If-None-Match": tag}
    assert (await books.get("/books", headers=known)).status_code == 304
    assert (await books.get("/books?limit=1", headers=known)).status_code == 304
    await books.patch(path, params={"title": "new"})
    assert (await books.get("/books", headers=known)).status_code == 200


async def test_one_of_several_changes_of_a_version_wins(books: AsyncClient) -> None:
    path = await create_book(books)
    known = {"If-Match": '"1"'}
    requests = [books.patch(f"{path}?title={number}", headers=known) for number in range(8)]
    assert sorted(await concurrent_statuses(*requests)) == [200, *[412] * 7]
    assert (await books.get(path)).headers["ETag"] == '"2"'


async def test_one_of_several_sessions_with_a_version_wins(books: AsyncClient) -> None:
    path = await create_book(books)
    known = {"If-Match": '"1"'}
    requests = [books.put(f"{path}?title={number}", headers=known) for number in range(8)]
    statuses = await concurrent_statuses(*requests)
    assert min(statuses) == 200
    assert set(sorted(statuses)[1:]) <= {409, 412}
    assert (await books.get(path)).headers["ETag"] == '"2"'


async def test_change_or_deletion_wins(books: AsyncClient) -> None:
    path = await create_book(books)
    known = {"If-Match": '"1"'}
    statuses = await concurrent_statuses(
        books.delete(path, headers=known), books.patch(f"{path}?title=new", headers=known)
    )
    assert statuses in ([204, 404], [412, 200])


async def test_changes_without_if_match_all_count(books: AsyncClient) -> None:
    path = await create_book(books)
    requests = [books.patch(f"{path}?title={number}") for number in range(8)]
    assert await concurrent_statuses(*requests) == [200] * 8
    assert (await books.get(path)).headers["ETag"] == '"9"'


def responses_of(document: dict[str, Any], method: str, path: str) -> set[str]:
    return set(document["paths"][path][method]["responses"])


def headers_of(document: dict[str, Any], method: str, path: str) -> set[str]:
    parameters = document["paths"][path][method].get("parameters", [])
    return {item["name"] for item in parameters if item["in"] == "header"}


async def test_document_has_headers_and_statuses(app: Service) -> None:
    document = app.openapi()
    book = "/books/{book_id}"
    assert headers_of(document, "get", book) == {"If-None-Match"}
    assert headers_of(document, "get", "/books") == {"If-None-Match"}
    for method in ("patch", "put", "delete"):
        assert headers_of(document, method, book) == {"If-Match"}
        assert {"400", "412"} <= responses_of(document, method, book)
    assert "304" in responses_of(document, "get", book)
    read = document["paths"][book]["get"]["responses"]
    assert read["200"]["headers"]["ETag"]["schema"] == {"type": "string"}
    assert "content" in read["200"]
    assert "content" not in read["304"]
