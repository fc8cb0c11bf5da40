"""If-Match and If-None-Match of changes, by RFC 9110, 13.1."""

import pytest
from httpx import AsyncClient

from tests.kit.books import (
    MISSING,
    add_book_routes,
    create_book,
    create_second_version,
    create_tables,
    field,
    title_of,
)
from tests.kit.support import allowed_client
from kit.application import Service
from kit.testing import assert_problem

WRITES = [("PATCH", "?title=new"), ("PUT", "?title=new"), ("DELETE", "")]
# What an update is answered with, by the If-Match of a row with version 2.
IF_MATCH = {
    '"2"': 200,
    "*": 200,
    ' "2" ': 200,
    '"1", "2"': 200,
    '"1" ,\t"2","x,y"': 200,
    ', ,"2",': 200,
    '"1"': 412,
    '"3"': 412,
    'W/"2"': 412,
    'W/"2", "1"': 412,
    '"02"': 412,
    '"2.0"': 412,
    '""': 412,
    '"é"': 412,
    "": 412,
    '"99999999999999999999"': 412,
    '"2147483648"': 412,
    '"-2"': 412,
    "2": 400,
    "'2'": 400,
    '"2': 400,
    '"2" "3"': 400,
    '*, "2"': 400,
    'w/"2"': 400,
    'W/ "2"': 400,
    '"2"; "3"': 400,
    '"a\x7fb"': 400,
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


async def test_change_of_nothing_keeps_the_version(books: AsyncClient) -> None:
    path = await create_book(books)
    assert (await books.patch(path)).headers["ETag"] == '"1"'
    assert (await books.patch(path, headers={"If-Match": '"1"'})).headers["ETag"] == '"1"'
    assert_problem(await books.patch(path, headers={"If-Match": '"2"'}), 412, "version-mismatch")


async def test_if_match_decides(books: AsyncClient) -> None:
    path = await create_second_version(books)
    for header, status in IF_MATCH.items():
        response = await books.patch(path, headers=field("If-Match", header))
        assert response.status_code == status, header
        if status == 412:
            assert_problem(response, 412, "version-mismatch")
        if status == 400:
            assert_problem(response, 400, "invalid-if-match")


@pytest.mark.parametrize(("method", "query"), WRITES)
async def test_refused_change_changes_nothing(books: AsyncClient, method: str, query: str) -> None:
    path = await create_second_version(books)
    for header, status in IF_MATCH.items():
        if status != 200:
            headers = field("If-Match", header)
            response = await books.request(method, path + query, headers=headers)
            assert response.status_code == status, header
    assert await title_of(books, path) == "older"
    changed = await books.request(method, path + query, headers={"If-Match": '"1", "2"'})
    assert changed.is_success


@pytest.mark.parametrize(("method", "query"), WRITES)
async def test_missing_row_is_404_with_any_if_match(
    books: AsyncClient, method: str, query: str
) -> None:
    """RFC 9110, 13.2.1: preconditions are ignored where the answer would be an error anyway."""
    for header in ('"1"', '"1", "2"', "*", 'W/"1"'):
        response = await books.request(method, MISSING + query, headers={"If-Match": header})
        assert_problem(response, 404, "book-not-found")


async def test_lines_of_if_match_are_a_list(books: AsyncClient) -> None:
    path = await create_second_version(books)
    lines = [("If-Match", '"1"'), ("If-Match", '"2"')]
    assert (await books.patch(f"{path}?title=new", headers=lines)).status_code == 200
    assert (await books.patch(f"{path}?title=new", headers=lines)).status_code == 412


@pytest.mark.parametrize(("method", "query"), WRITES)
async def test_if_none_match_refuses_changes(books: AsyncClient, method: str, query: str) -> None:
    """RFC 9110, 13.1.2: 412 for methods other than GET and HEAD."""
    path = await create_second_version(books)
    for header in ("*", '"2"', 'W/"2"', '"1", "2"'):
        response = await books.request(method, path + query, headers={"If-None-Match": header})
        assert_problem(response, 412, "version-mismatch")
    missing = await books.request(method, MISSING + query, headers={"If-None-Match": "*"})
    assert_problem(missing, 404, "book-not-found")
    both = {"If-Match": '"2"', "If-None-Match": '"1"'}
    assert (await books.request(method, path + query, headers=both)).is_success


async def test_hostile_headers_take_little_time(books: AsyncClient) -> None:
    """Parsing takes time proportional to the length, and no list reaches a statement."""
    path = await create_book(books)
    for header in (", " * 8000, '"1' * 5000, "\t" * 16000 + "x", '"7",' * 4000):
        response = await books.patch(f"{path}?title=new", headers={"If-Match": header})
        assert response.status_code in (400, 412)
