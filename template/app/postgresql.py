"""What is particular to PostgreSQL: how DATABASE_URL is read, and the application's engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from sqlalchemy import URL, event, exc, make_url

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.settings import Settings

WRITING: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
EXAMPLE = "postgresql://user:password@host:5432/database"
UNREADABLE = (exc.ArgumentError, ValueError)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Parameters of libpq (PostgreSQL manual, "Parameter Key Words") that asyncpg takes as well ...
SHARED_PARAMETERS = """
    application_name client_encoding gsslib host krbsrvname options passfile service sslcert sslcrl
    sslkey sslmode sslnegotiation sslrootcert ssl_max_protocol_version ssl_min_protocol_version
    target_session_attrs
""".split()  # noqa: SIM905
# ... and those that only libpq has: migrations honour them, the application goes without.
LIBPQ_PARAMETERS = """
    channel_binding connect_timeout fallback_application_name gssdelegation gssencmode hostaddr
    keepalives keepalives_count keepalives_idle keepalives_interval load_balance_hosts require_auth
    requirepeer sslcertmode sslcompression sslsni tcp_user_timeout
""".split()  # noqa: SIM905
# asyncpg, and SQLAlchemy on top of it, send a statement anew with each execution: a prepared one is
# known to one connection, and a pooler may run the next execution on another.
WITHOUT_PREPARED_STATEMENTS = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
# SQLSTATE classes after which the same request may succeed a moment later: connection lost,
# transaction rolled back, out of resources, object in use, stopped by an operator, system error.
TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")
# What does not exist: a table, a column, a type, a schema.
UNDEFINED = {"42P01", "42703", "42704", "3F000"}


def parse_url(value: str) -> URL:
    """Return DATABASE_URL without its driver; raise ValueError with a reason free of secrets."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        known = separator and re.fullmatch(r"[a-z0-9+]+", scheme)
        raise ValueError(f"has to look like {EXAMPLE}" + (f", not {scheme}://..." if known else ""))
    try:
        url = make_url(f"postgresql://{rest}")
    except UNREADABLE:
        url = None
    if url is None or "@" in (url.host or ""):
        raise ValueError(
            f"cannot be read: it has to look like {EXAMPLE}, with special characters in user and"
            " password percent-encoded (%40 for @, %2F for /, %25 for %)"
        )
    query = {key: text if isinstance(text, str) else text[-1] for key, text in url.query.items()}
    if ssl := query.pop("ssl", None):
        query.setdefault("sslmode", "require" if ssl == "true" else ssl)
    port = query.pop("port", None)
    if port and not port.isdecimal():
        raise ValueError("has a port that is not a number")
    url = url.set(
        host=unquote(url.host) if url.host else None,
        port=int(port) if port else url.port,
        username=query.pop("user", url.username),
        password=query.pop("password", url.password),
        database=query.pop("dbname", url.database),
        query=query,
    )
    if unknown := sorted(query.keys() - {*SHARED_PARAMETERS, *LIBPQ_PARAMETERS}):
        raise ValueError(f"has parameters that PostgreSQL does not know: {', '.join(unknown)}")
    if query.get("sslmode", "prefer") not in SSL_MODES:
        raise ValueError(f"has an sslmode that is none of {', '.join(SSL_MODES)}")
    if query.get("sslrootcert") == "system":
        raise ValueError("has sslrootcert=system: name the file of the certificates instead")
    return url


def create_reader(settings: Settings) -> AsyncEngine:
    """Return the engine for reading; nothing connects before the first statement."""
    # Migrations, which read the settings too, start without these.
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    url = settings.database_url
    # asyncpg reads libpq's parameters from an address only, so it gets one that is all parameters.
    query = {key: text for key, text in url.query.items() if key not in LIBPQ_PARAMETERS}
    address = f"postgresql://?{urlencode(query)}" if query else None
    session = {} if "application_name" in query else {"application_name": settings.service_name}
    if not settings.transaction_pooling:
        session["statement_timeout"] = f"{settings.statement_timeout * 1000:.0f}"

    async def connect(**arguments: Any) -> Any:  # noqa: ANN401
        try:
            return await asyncpg.connect(address, **arguments)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise exc.OperationalError(None, None, error) from error

    pool_size, max_overflow = settings.pool_sizes
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}),
        isolation_level="AUTOCOMMIT",  # No round trips of BEGIN and COMMIT.
        connect_args={
            "async_creator_fn": connect,
            "timeout": settings.connection_timeout,
            "server_settings": session,
            **(WITHOUT_PREPARED_STATEMENTS if settings.transaction_pooling else {}),
        },
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=settings.connection_timeout,
        pool_recycle=int(settings.connection_max_age),
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", replace_closed)
    return engine


def replace_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401
    """Have the pool replace a connection that the server has closed, without asking the server."""
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


def is_duplicate(error: exc.DBAPIError, table: str, column: str) -> bool:
    """Return whether another row has the same value in this column, which is unique."""
    return f'"uq_{table}_{column}"' in str(error.orig)


def is_unavailable(error: exc.DBAPIError) -> bool:
    """Return whether the database, rather than the statement, is the reason of the error."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return (
        error.connection_invalidated
        or isinstance(error, exc.OperationalError | exc.InterfaceError)
        or state.startswith(TRANSIENT_STATES)
    )


def is_outdated(error: exc.DBAPIError) -> bool:
    """Return whether the statement names a table or column that the database does not have."""
    return getattr(error.orig, "sqlstate", None) in UNDEFINED
