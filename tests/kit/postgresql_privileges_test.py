"""What a role may not do is named in one line, and so is a database that cannot be used."""

from collections.abc import Callable, Iterator
from secrets import token_hex

import pytest
from alembic import command
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import URL

from tests.kit.support import events, serve, settings_for
from kit._internal.postgresql.testing import connect
from kit.testing import Log, alembic_config, assert_problem, client_of, create_database


@pytest.fixture
def role(own_url: URL) -> Iterator[str]:
    """A role that has only the privileges of PUBLIC."""
    name = f"limited {token_hex(4)}"
    with connect(own_url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        yield name
        for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def grant(url: URL, statement: str, role: str) -> None:
    with connect(url) as connection:
        connection.execute(f'{statement} TO "{role}"'.encode())


def test_missing_right_to_connect_is_named(
    own_url: URL, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(own_url) as connection:
        connection.execute(f"REVOKE CONNECT ON DATABASE {own_url.database} FROM PUBLIC".encode())
    limited = own_url.set(username=role).render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", limited)
    database = own_url.database
    line = f"no CONNECT on database {database}: GRANT CONNECT ON DATABASE {database} TO "
    with pytest.raises(CommandError, match=f'^{line}"{role}"$'):
        command.current(alembic_config())


DENIALS = {
    "USAGE": ([], "no USAGE on schema public: GRANT USAGE, CREATE ON SCHEMA public"),
    "SELECT": (
        ["GRANT USAGE ON SCHEMA public"],
        "no SELECT on alembic_version: GRANT SELECT ON alembic_version",
    ),
}
COMMANDS: dict[str, Callable[[], object]] = {
    "current": lambda: command.current(alembic_config()),
    "check": lambda: command.check(alembic_config()),
    "upgrade": lambda: command.upgrade(alembic_config(), "head"),
    "downgrade": lambda: command.downgrade(alembic_config(), "base"),
}


@pytest.mark.parametrize("denial", DENIALS)
async def test_missing_privilege_is_named(
    own_url: URL, role: str, log: Log, monkeypatch: pytest.MonkeyPatch, denial: str
) -> None:
    grants, line = DENIALS[denial]
    for statement in grants:
        grant(own_url, statement, role)
    limited = own_url.set(username=role)
    monkeypatch.setenv("DATABASE_URL", limited.render_as_string(hide_password=False))
    for run in COMMANDS.values():
        with pytest.raises(CommandError) as refusal:
            run()
        assert str(refusal.value).endswith(f'{line} TO "{role}"')
    async with serve(settings_for(limited)) as app, client_of(app) as client:
        problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
    reason = line.partition(":")[0]
    assert problem["detail"] == f"The database cannot be used: {reason}."
    assert f'the database cannot be used: {line} TO "{role}"' in events(log)


def test_missing_right_to_change_tables_is_named(
    own_url: URL, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(own_url, "GRANT USAGE ON SCHEMA public", role)
    grant(own_url, "GRANT ALL ON ALL TABLES IN SCHEMA public", role)
    limited = own_url.set(username=role).render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", limited)
    # Which of the two depends on what the newest revision does.
    ownership = r"no ownership of \w+ \w+: ALTER [A-Z]+ \w+ OWNER TO"
    creation = r"no CREATE on schema \w+: GRANT CREATE ON SCHEMA \w+ TO"
    with pytest.raises(CommandError, match=f"{ownership}|{creation}"):
        command.downgrade(alembic_config(), "base")


def test_missing_right_to_create_tables_is_named(
    server: URL, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_database(server) as url, connect(url) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        limited = url.set(username=role).render_as_string(hide_password=False)
        monkeypatch.setenv("DATABASE_URL", limited)
        line = f'no CREATE on schema public: GRANT CREATE ON SCHEMA public TO "{role}"'
        with pytest.raises(CommandError, match=line):
            command.upgrade(alembic_config(), "head")


async def test_encoding_that_knows_no_letters_is_named(
    server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.set(database=f"test_{token_hex(8)}")
    create = f"CREATE DATABASE {url.database} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with connect(server) as connection:
        connection.execute(create.encode())
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    for run in COMMANDS.values():
        with pytest.raises(CommandError, match=r"^the encoding of the database is SQL_ASCII: "):
            run()
    async with serve(settings_for(url)) as app, client_of(app) as client:
        problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
    assert "SQL_ASCII" in problem["detail"]
    with connect(server) as connection:
        connection.execute(f"DROP DATABASE {url.database}".encode())
