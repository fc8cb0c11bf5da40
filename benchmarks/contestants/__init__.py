"""What the service is measured against: the same four routes over the same table, written in other ways.

Each module has an `app` for uvicorn, and reads BENCHMARK_DATABASE_URL: a plain `postgresql://` or `sqlite://` address. With
BENCHMARK_POOL the usual recipes keep as many connections as the others, rather than SQLAlchemy's default.
"""

import os

URL = os.environ.get("BENCHMARK_DATABASE_URL", "")
DRIVERS = {"postgresql": ("asyncpg", "psycopg"), "sqlite": ("aiosqlite", "pysqlite")}
KIND = URL.partition(":")[0] or "postgresql"
ASYNC_URL, SYNC_URL = (URL.replace("://", f"+{driver}://", 1) for driver in DRIVERS[KIND])
POOL_SIZE = 20
POOL = {"pool_size": POOL_SIZE} if "BENCHMARK_POOL" in os.environ else {}
