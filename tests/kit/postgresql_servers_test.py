"""What only PostgreSQL has: several servers, and errors that quote rows."""

import socket
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, text

from app.db import WriteSession
from app.settings import Settings
from tests.kit.databases import refusing, silent
from tests.kit.postgresql_urls import LIBPQ_ONLY
from tests.kit.support import patient, serve, settings_for
from kit._internal.database import dialect
from kit._internal.error_texts import conceal
from kit._internal.postgresql.connector import limit_silence
from kit._internal.postgresql.testing import connect
from kit._internal.postgresql.url import libpq, list_servers, parse_any_url
from kit.db import Database
from kit.testing import Log, assert_problem, client_of, only, upgrade

EMAIL = "ada@example.com"
USER = {"email": EMAIL, "name": "Ada"}

# Neither a URL nor PostgreSQL can carry the zero in a name; a comma separates hosts.
name = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
host = st.sampled_from(["db", "db.example.com", "%2Frun%2Fpostgresql", "[::1]", "10.0.0.1"])
port = st.sampled_from(["", ":5433", ":6543"])
URIS = st.builds(
    lambda user, password, servers, database, query: (
        f"postgresql://{quote(user, '')}:{quote(password, '')}@{','.join(servers)}"
        f"/{quote(database, '')}?{query}"
    ),
    name,
    name,
    st.lists(st.builds(str.__add__, host, port), min_size=1, max_size=3),
    name,
    st.sampled_from(["", "user=m@e", "dbname=a%20b", "host=/run,db", "password=+&sslmode=allow"]),
)


@given(URIS)
@patient
def test_url_means_what_it_means_to_libpq(uri: str) -> None:
    expected = conninfo_to_dict(uri)
    try:
        url = parse_any_url(uri)
    except ValueError as error:
        # Two ports for one host of the query, for example: libpq reports it when it connects.
        assert "hosts and" in str(error)  # noqa: PT017
        return
    ports = str(expected.pop("port", "")).split(",")
    actual = conninfo_to_dict(libpq(url))
    actual.pop("port", None)
    assert actual == expected
    if len(ports) == len(list_servers(url)):
        assert [port or 5432 for _, port in list_servers(url)] == [int(p or 5432) for p in ports]


@pytest.mark.parametrize("parameter", LIBPQ_ONLY)
def test_migrations_may_use_what_only_libpq_has(parameter: str) -> None:
    url = f"postgresql://db/orders?{parameter}"
    settings = Settings(_env_file=None, DATABASE_URL="postgresql://", MIGRATION_DATABASE_URL=url)
    name, _, value = parameter.partition("=")
    assert settings.migration_url.query == {name: value}


def beside(url: URL, other: str, **query: str) -> Settings:
    """Return settings for the server at `other`, and after it the one of this database."""
    folder, port = only(list_servers(url))
    host, other_port = only(list_servers(parse_any_url(other)))
    both = {"host": f"{host},{folder}", "port": f"{other_port},{port or 5432}", **query}
    settings = settings_for(url._replace(host=None, port=None).set(query=both))
    return settings.model_copy(update={"connection_timeout": 1, "ready_timeout": 0.2})


@pytest.mark.parametrize("target", ["any", "read-write", "primary", "prefer-standby"])
async def test_next_server_is_taken_when_one_is_down(
    own_url: URL, tmp_path: Path, target: str
) -> None:
    with refusing(tmp_path) as down:
        settings = beside(own_url, down, target_session_attrs=target)
        upgrade(settings.database_url)
        async with serve(settings) as app, client_of(app) as client:
            assert (await client.get("/health/ready")).status_code == 200
            assert (await client.post("/users", json=USER)).status_code == 201


async def test_server_that_does_not_answer_is_tried_last(own_url: URL, tmp_path: Path) -> None:
    with silent(tmp_path) as down:
        # The start is the first attempt, and gives up before it gets to the second server.
        async with serve(beside(own_url, down)) as app, client_of(app) as client:
            assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("target", ["read-only", "standby"])
async def test_no_server_that_suits_is_told(
    own_url: URL, tmp_path: Path, log: Log, target: str
) -> None:
    with refusing(tmp_path) as down:
        settings = beside(own_url, down, target_session_attrs=target)
        async with serve(settings) as app, client_of(app) as client:
            assert_problem(await client.get("/health/ready"), 503, "not-ready")
            assert_problem(await client.get("/users"), 503, "database-unavailable")
    assert f"is not {target}" in str(log())


def test_machine_that_is_gone_is_noticed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as connected,
    ):
        limit_silence(connected, 1.5)
        if sys.platform == "linux":
            limit = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert limit == 1500


async def test_connection_to_a_server_that_became_read_only_is_replaced(own_url: URL) -> None:
    settings = settings_for(own_url).model_copy(update={"pool_size": 1, "pool_overflow": 0})
    async with serve(settings) as app, client_of(app) as client:
        async with app.state.database.read_engine.connect() as connection:
            await connection.execute(text("SET default_transaction_read_only = on"))
        response = await client.post("/users", json=USER)
        assert_problem(response, 503, "database-unavailable")
        assert (await client.post("/users", json=USER)).status_code == 201


BAD_STATEMENTS = {
    "INSERT INTO once VALUES (:value)": 409,
    "SELECT CAST(:value AS integer)": 500,
    "SELECT CAST(CAST(:value AS text) AS integer)": 500,
}


@pytest.mark.parametrize("statement", BAD_STATEMENTS)
async def test_values_are_not_logged(
    own_app: FastAPI, own_client: AsyncClient, log: Log, statement: str
) -> None:
    database: Database = own_app.state.database
    async with database.write_sessions.begin() as session:
        await session.execute(text("CREATE TABLE once (v text, EXCLUDE USING hash (v WITH =))"))
        await session.execute(text("INSERT INTO once VALUES (:value)"), {"value": EMAIL})

    @own_app.post("/bad")
    async def execute(session: WriteSession) -> None:
        await session.execute(text(statement), {"value": EMAIL})

    assert (await own_client.post("/bad")).status_code == BAD_STATEMENTS[statement]
    assert "SQLSTATE " in str(log())
    assert EMAIL not in str(log())


def test_error_of_a_migration_is_described_without_values(own_url: URL) -> None:
    with connect(own_url) as connection:
        connection.execute("CREATE TABLE once (v text CONSTRAINT uq_once UNIQUE)")
        connection.execute("INSERT INTO once VALUES (%s)", [EMAIL])
        with pytest.raises(psycopg.Error) as duplicate:
            connection.execute("INSERT INTO once VALUES (%s)", [EMAIL])
    expected = 'duplicate key value violates unique constraint "uq_once"'
    assert (
        dialect.ERRORS.describe(duplicate.value)
        == f"{expected} (SQLSTATE 23505, constraint uq_once)"
    )
    assert EMAIL not in dialect.ERRORS.format_error(duplicate.value)
    message = f"failed: {duplicate.value}"
    assert EMAIL in message
    assert EMAIL not in conceal(message)
