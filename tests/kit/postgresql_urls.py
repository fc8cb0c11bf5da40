"""What DATABASE_URL may look like on PostgreSQL, and what is said to everything else."""

from urllib.parse import quote

from hypothesis import strategies as st
from sqlalchemy import URL

SECRET = "s3cr3t"

SAME_DATABASE = (
    "postgresql://me:x@db/orders?sslmode=require",
    "postgres://other@DB:5432/orders",
    "postgresql:///orders?host=db",
    "postgresql://standby:5433,db./orders",
    "postgresql:///?host=db,standby&port=5432,5433&dbname=orders",
)

GOOD = URL.create("postgresql", "me", SECRET, "db", database="orders")
SOCKET = URL.create("postgresql", database="orders")
REQUIRED = GOOD.set(query={"sslmode": "require"})
SEVERAL = URL.create("postgresql", "me", SECRET, database="orders", query={"host": "db1,db2"})
GOOD_URLS = {
    f"postgres://me:{SECRET}@db/orders": GOOD,
    f"postgresql://me:{SECRET}@db/orders": GOOD,
    f"postgresql+asyncpg://me:{SECRET}@db:6543/orders": GOOD.set(port=6543),
    f"postgresql+psycopg://me:{SECRET}@db/orders": GOOD,
    f" postgresql://me:{SECRET}@db/orders\n": GOOD,
    f"postgresql://db/orders?user=me&password={SECRET}": GOOD,
    "postgresql://me@db/orders": GOOD._replace(password=None),
    "postgresql://me:p%25a%40s%3As%2Fw%3Frd%23@db/orders": GOOD.set(password="p%a@s:s/w?rd#"),
    f"postgresql://m%40e:{SECRET}@db/orders": GOOD.set(username="m@e"),
    f"postgresql://me:{SECRET}@db/my%20orders": GOOD.set(database="my orders"),
    f"postgresql://me:{SECRET}@[2001:db8::1]:5433/orders": GOOD.set(host="2001:db8::1", port=5433),
    f"postgresql://me:{SECRET}@db/orders?sslmode=require": REQUIRED,
    f"postgresql://me:{SECRET}@db/orders?ssl=verify-full": REQUIRED.set(
        query={"sslmode": "verify-full"}
    ),
    f"postgresql://me:{SECRET}@db/orders?ssl=true": REQUIRED,
    "postgresql:///orders?host=/run/postgresql": SOCKET.set(query={"host": "/run/postgresql"}),
    "postgresql://%2Frun%2Fpostgresql/orders": SOCKET.set(query={"host": "/run/postgresql"}),
    "postgresql://localhost:6543/orders?host=/run/a:b": SOCKET.set(
        port=6543, query={"host": "/run/a:b"}
    ),
    "postgresql://": URL.create("postgresql"),
    "postgresql://:6543": URL.create("postgresql", port=6543),
    "postgresql://@/orders": SOCKET,
    "postgresql://db:/orders": GOOD._replace(username=None, password=None),
    f"postgresql://me:{SECRET}@db?dbname=orders": GOOD,
    f"postgresql://db/orders?user=m@e&password={SECRET}": GOOD.set(username="m@e"),
    f"postgresql://me:{SECRET}@db/orders?&sslmode=require&": REQUIRED,
    f"postgresql://me:{SECRET}:?#[1]@db/orders": GOOD.set(password=f"{SECRET}:?#[1]"),
    f"postgresql://me:{SECRET}@db/orders?application_name=a+b%20c": GOOD.set(
        query={"application_name": "a+b c"}
    ),
    "postgresql://[fe80::1%25eth0]/orders": SOCKET.set(host="fe80::1%eth0"),
    f"postgresql://me:{SECRET}@db1,db2/orders": SEVERAL,
    f"postgresql://me:{SECRET}@db1,db2:5433/orders?target_session_attrs=read-write": SEVERAL.set(
        query={"host": "db1,db2", "port": "5432,5433", "target_session_attrs": "read-write"}
    ),
    f"postgresql://me:{SECRET}@/orders?host=db1,db2": SEVERAL,
    f"postgresql://me:{SECRET}@/orders?host=db1&host=db2": SEVERAL,
    f"postgresql://me:{SECRET}@db1%2Cdb2/orders": SEVERAL,
    f"postgresql://me:{SECRET}@/orders?host=db1,db2&port=5433": SEVERAL.set(
        query={"host": "db1,db2", "port": "5433,5433"}
    ),
    f"postgresql://me:{SECRET}@/orders?host=db1:5433&host=db2": SEVERAL.set(
        query={"host": "db1,db2", "port": "5433,5432"}
    ),
    "postgresql://[::1]:5433,[2001:db8::1],%2Frun/orders": SOCKET.set(
        query={"host": "::1,2001:db8::1,/run", "port": "5433,5432,5432"}
    ),
}

EXAMPLE = "postgresql://user:password@host:5432/database"
UNREADABLE = (
    f"cannot be read; expected format: {EXAMPLE}, with special characters in user and password"
    " percent-encoded (%40 for @, %2F for /, %25 for %)"
)
BAD_HOST = "has an invalid host name: use 1 to 63 characters between dots, and no spaces"
BAD_URLS = {
    SECRET: f"expected format: {EXAMPLE}",
    f"mysql://me:{SECRET}@db/orders": f"expected format: {EXAMPLE}, not mysql://...",
    f"me:{SECRET}://db/orders": f"expected format: {EXAMPLE}",
    f"postgresql://me:{SECRET}@db:port/orders": UNREADABLE,
    f"postgresql://me:{SECRET}@{SECRET}@db/orders": UNREADABLE,
    f"postgresql://me:@{SECRET}/x@db/orders": UNREADABLE,
    f"postgresql://me:/{SECRET}@db/orders": UNREADABLE,
    f"postgresql://me:1/{SECRET}@db/orders": UNREADABLE,
    f"postgresql://me:x/y?{SECRET}=z@db/orders": UNREADABLE,
    f"postgresql://me:1/y?{SECRET}=z@db/orders": UNREADABLE,
    f"postgresql://me:{SECRET}%ff@db/orders": UNREADABLE,
    f"postgresql://me:{SECRET}%00@db/orders": UNREADABLE,
    f"postgresql://me@db/orders?password=a&{SECRET}=b": UNREADABLE,
    f"postgresql://me:{SECRET}@[::1/orders": UNREADABLE,
    f"postgresql://me:{SECRET}@db:99999/orders": UNREADABLE,
    f"postgresql://me:{SECRET}@db/orders?sslmode": UNREADABLE,
    f"postgresql://me:{SECRET}@a..b/orders": BAD_HOST,
    f"postgresql://me:{SECRET}@db,{'x' * 64}/orders": BAD_HOST,
    f"postgresql://me:{SECRET}@d b/orders": BAD_HOST,
    f"postgresql://me:{SECRET}@%E3%80%82/orders": BAD_HOST,
    f"postgresql://me:{SECRET}@db,/orders": "has an empty host among several",
    f"postgresql://me:{SECRET}@a,b/orders?port=1,2,3": "has 2 hosts and 3 ports",
    f"postgresql://me:{SECRET}@/orders?host=@db": (
        "has an abstract socket, which the drivers do not support"
    ),
    f"postgresql://me:{SECRET}@db/orders?sslmode=require&sslmode=disable": (
        "has a parameter more than once"
    ),
    f"postgresql://me:{SECRET}@db/orders?target_session_attrs=primary-ish": (
        "has a target_session_attrs that is none of any, read-write, read-only, primary, standby,"
        " prefer-standby"
    ),
    f"postgresql://me:{SECRET}@db/orders?sslpassword={SECRET}": (
        "has sslpassword, which messages would show: use a key without a password"
    ),
    f"postgresql://me:{SECRET}@db/orders?client_encoding=latin1": (
        "has a client_encoding other than UTF8"
    ),
    f"postgresql://me:{SECRET}@db/orders?port=x": "has a port that is not a number",
    f"postgresql://me:{SECRET}@db/orders?sslmode=on": (
        "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full"
    ),
    f"postgresql://me:{SECRET}@db/orders?sslmode=verify-full&sslrootcert=system": (
        "has sslrootcert=system: name the file of the certificates instead"
    ),
    f"postgresql://me:{SECRET}@db/orders?charset=utf8&autosave=x": (
        "has parameters that PostgreSQL does not know: autosave, charset"
    ),
}

# What libpq can do for MIGRATION_DATABASE_URL, and asyncpg cannot do for DATABASE_URL.
ONLY = "which the driver asyncpg supports only"
LIBPQ_ONLY = {
    "channel_binding=require": f"channel_binding, of {ONLY} disable and prefer",
    "gssencmode=require": f"gssencmode, of {ONLY} disable and prefer",
    "hostaddr=10.0.0.1": "hostaddr, which the driver asyncpg does not support",
    "require_auth=scram-sha-256": "require_auth, which the driver asyncpg does not support",
    "requirepeer=postgres": "requirepeer, which the driver asyncpg does not support",
    "sslcertmode=require": f"sslcertmode, of {ONLY} allow",
}
BAD_URLS |= {
    f"postgresql://me:{SECRET}@db/orders?{parameter}": f"has {reason}"
    for parameter, reason in LIBPQ_ONLY.items()
}

# Neither a URL nor PostgreSQL can carry these in a name.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
URLS = st.builds(
    lambda user, password, database: (
        f"postgresql://{quote(user, '')}:{quote(password, '')}@db/{quote(database, '')}",
        GOOD.set(username=user, password=password, database=database),
    ),
    text,
    text,
    text,
)
