"""Types of schemas: what a client sends is stored as it is, or is 422."""

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from tests.kit.things import ThingCreate, add_routes, create_tables
from kit.db import Database


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with the table of things, where a commit is a commit."""
    database: Database = own_app.state.database
    await create_tables(database)
    add_routes(own_app)
    return database


async def send(client: AsyncClient, field: str, value: str) -> object:
    """Send the JSON text of a value; return its field of the answer, or the status."""
    body = f'{{"{field}": {value}}}'
    response = await client.post(
        "/things", content=body, headers={"Content-Type": "application/json"}
    )
    if response.status_code == 201:
        stored: object = response.json()[field]
        return stored
    return response.status_code


LARGE = "1" + "0" * 308
DEEP = "[" * 49 + "{}" + "]" * 49
ACCEPTED = [
    ("title", '" tea \\u00a0"', "tea"),
    ("title", '"\\ud83c\\udf75 \\u200d\\u0301"', "\U0001f375 \u200d\u0301"),
    ("title", '"' + "\U0001f375" * 12 + '"', "\U0001f375" * 12),
    ("note", '" tea\\r\\n\\twith\\u0001milk\\u2028"', " tea\r\n\twith\x01milk\u2028"),
    ("count", "-2147483648", -(2**31)),
    ("count", "2147483647", 2**31 - 1),
    ("big", "-9223372036854775808", -(2**63)),
    ("big", "9223372036854775807", 2**63 - 1),
    ("price", "0.1", "0.10"),
    ("price", '"-99999999.99"', "-99999999.99"),
    ("price", '"99999999.990"', "99999999.99"),
    ("price", '"0e999999999999999999"', "0.00"),
    ("price", "1e7", "10000000.00"),
    ("price", '"-0"', "0.00"),
    ("whole", '"-999999999999999999"', "-999999999999999999"),
    ("small", '"0.999999999999999999"', "0.999999999999999999"),
    ("small", '"-0.000000000000000001"', "-1E-18"),
    ("ratio", "1.7976931348623157e308", 1.7976931348623157e308),
    ("ratio", "5e-324", 5e-324),
    ("ratio", "0.1", 0.1),
    ("ratio", LARGE, 1e308),
    ("day", '"0001-01-01"', "0001-01-01"),
    ("day", '"9999-12-31"', "9999-12-31"),
    ("moment", '"0001-01-01T00:00:00Z"', "0001-01-01T00:00:00Z"),
    ("moment", '"9999-12-31T23:59:59.999999Z"', "9999-12-31T23:59:59.999999Z"),
    ("moment", '"2026-02-28T23:30:00-01:00"', "2026-03-01T00:30:00Z"),
    ("color", '"dark blue"', "dark blue"),
    (
        "data",
        '{"a": [1, 2.5, true, null, "\\ud83c\\udf75"]}',
        {"a": [1, 2.5, True, None, "\U0001f375"]},
    ),
    ("data", "1.7976931348623157e308", 1.7976931348623157e308),
    ("data", "5e-324", 5e-324),
    ("data", "9223372036854775807", 2**63 - 1),
    ("data", "[1e20, 100000000000000000000]", [1e20, 10**20]),
    ("data", '"null"', "null"),
    ("data", "false", False),
    ("data", "null", None),
]
REFUSED = [
    ("title", '""'),
    ("title", '" \\u3000\\n"'),
    ("title", '"1234567890123"'),
    ("title", '"\\u0000"'),
    ("title", '"a\\nb"'),
    ("title", '"\\u202e"'),
    ("title", '"\\ud800"'),
    ("title", "1"),
    ("note", '""'),
    ("note", '"a\\u0000b"'),
    ("note", '"\\udfff"'),
    ("count", "2147483648"),
    ("count", "-2147483649"),
    ("count", "1e400"),
    ("count", "NaN"),
    ("count", "1" + "0" * 4000),
    ("big", "9223372036854775808"),
    ("big", "-9223372036854775809"),
    ("big", "1" + "0" * 4000),
    ("price", "0.001"),
    ("price", "100000000"),
    ("price", "1e400"),
    ("price", '"1e400"'),
    ("price", '"1e999999999999999999"'),
    ("price", '"1e-999999999999999999"'),
    ("price", '"NaN"'),
    ("price", '"sNaN"'),
    ("price", '"-Infinity"'),
    ("price", "NaN"),
    ("price", "Infinity"),
    ("price", "1" + "0" * 4000),
    ("price", '"' + "1" * 100_000 + '"'),
    ("whole", "1e18"),
    ("small", "1"),
    ("ratio", "NaN"),
    ("ratio", "-Infinity"),
    ("ratio", "1e309"),
    ("ratio", '"inf"'),
    ("ratio", "1" + "0" * 309),
    ("ratio", "1" + "0" * 4000),
    ("day", '"0000-01-01"'),
    ("day", '"10000-01-01"'),
    ("day", '"2026-02-29"'),
    ("day", "1e400"),
    ("day", "NaN"),
    ("day", "1" + "0" * 4000),
    ("moment", '"0000-01-01T00:00:00Z"'),
    ("moment", '"0001-01-01T00:00:00+01:00"'),
    ("moment", '"9999-12-31T23:59:59-01:00"'),
    ("moment", '"2026-01-01T00:00:00"'),
    ("moment", "1e400"),
    ("moment", "NaN"),
    ("moment", "1" + "0" * 4000),
    ("color", '"green"'),
    ("color", '"\\u0000"'),
    ("color", '"RED"'),
    ("color", "{}"),
    ("data", '"\\u0000"'),
    ("data", '{"\\u0000": 1}'),
    ("data", '["\\ud800"]'),
    ("data", '{"\\ud800": 1}'),
    ("data", "NaN"),
    ("data", "[[-Infinity]]"),
    ("data", "1e400"),
    ("data", f"[{DEEP}]"),
    ("data", "9223372036854775808"),
    ("data", "-9223372036854775809"),
    ("data", '{"a": 123456789012345678901234567890}'),
    ("data", "[" * 900 + "]" * 900),
    ("data", "1" + "0" * 4000),
]
# Not JSON that can be read at all.
UNREADABLE = [
    ("data", "[" * 100_000 + "]" * 100_000),
    ("data", "1" * 5000),
    ("count", "1" * 5000),
]


async def test_value_is_stored_as_it_is(own: Database, own_client: AsyncClient) -> None:
    answers = {}
    for field, sent, _stored in ACCEPTED:
        answers[field, sent] = await send(own_client, field, sent)
    wrong = {}
    for field, sent, stored in ACCEPTED:
        if answers[field, sent] != stored:
            wrong[field, sent[:40]] = answers[field, sent]
    assert wrong == {}


async def test_other_value_is_refused(own: Database, own_client: AsyncClient) -> None:
    wrong = {}
    for field, sent in REFUSED:
        answer = await send(own_client, field, sent)
        if answer != 422:
            wrong[field, sent[:40]] = answer
    assert wrong == {}
    for field, sent in UNREADABLE:
        assert await send(own_client, field, sent) in {400, 422}


async def test_queries_are_limited_like_bodies(own: Database, own_client: AsyncClient) -> None:
    await own_client.post("/things", json={"title": "tea", "price": "1.50", "color": "red"})
    for query, count in (
        ("title=tea", 1),
        ("title=%20", 0),
        ("price=1.5", 1),
        ("price=1.51", 0),
        ("color=red", 1),
        ("big=-9223372036854775808", 0),
        ("moment=0001-01-01T00:00:00Z", 0),
        ("day=9999-12-31", 0),
        ("ratio=1e308", 0),
    ):
        page = (await own_client.get(f"/things?{query}")).json()
        assert len(page["items"]) == count, query
    for query in (
        "title=%00",
        "title=a%0Ab",
        "title=1234567890123",
        "count=2147483648",
        "big=9223372036854775808",
        "price=1.505",
        "price=1e400",
        "price=nan",
        "ratio=inf",
        "ratio=1e400",
        "day=0000-01-01",
        "moment=10000-01-01T00:00:00Z",
        "color=%00",
    ):
        assert (await own_client.get(f"/things?{query}")).status_code == 422, query


def test_openapi_has_the_limits() -> None:
    fields = ThingCreate.model_json_schema()["properties"]
    title = fields["title"]["anyOf"][0]
    assert (title["minLength"], title["maxLength"]) == (1, 12)
    assert fields["count"]["anyOf"][0]["minimum"] == -(2**31)
