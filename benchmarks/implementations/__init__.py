"""The four routes of the service over the same table, implemented in other ways.

Each module has an `app` for uvicorn. BENCHMARK_DATABASE_URL is a `postgresql://` or `sqlite://` URL.
With BENCHMARK_POOL the usual recipes keep as many connections as the others, instead of
SQLAlchemy's default.
"""

import os

URL = os.environ.get("BENCHMARK_DATABASE_URL", "")
# The asynchronous and the synchronous driver of each database.
DRIVERS = {"postgresql": ("asyncpg", "psycopg"), "sqlite": ("aiosqlite", "pysqlite")}
ASYNC_DRIVER, SYNC_DRIVER = DRIVERS[URL.partition(":")[0] or "postgresql"]
ASYNC_URL = URL.replace("://", f"+{ASYNC_DRIVER}://", 1)
SYNC_URL = URL.replace("://", f"+{SYNC_DRIVER}://", 1)
POOL_SIZE = 20
POOL = {"pool_size": POOL_SIZE} if "BENCHMARK_POOL" in os.environ else {}
