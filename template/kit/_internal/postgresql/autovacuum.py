"""Ends autovacuum of the tables that a migration needs.

PostgreSQL ends an autovacuum for a session that has waited for its lock for `deadlock_timeout`, 1
second by default. A migration does not wait that long for a lock that queries wait for, too; so
until autovacuum has finished a large table, no attempt would succeed. A lock that conflicts with
autovacuum alone makes no query wait. Autovacuum starts again after some time.

Source: https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
"""

import logging

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

logger = logging.getLogger(__name__)

# Tables in a statement, or with a partition of theirs, that sessions lock as autovacuum does. A
# role without further privileges cannot see which sessions are autovacuum's.
OCCUPIED_TABLES = text("""
    SELECT DISTINCT held.relation::regclass::text
    FROM pg_locks AS held
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(held.relation), held.relation)
    WHERE held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.mode = 'ShareUpdateExclusiveLock' AND held.granted
        AND held.pid <> pg_backend_pid()
        AND has_table_privilege(held.relation, 'UPDATE')
        AND strpos(:statement, root.relname) > 0
""")
# So that it waits for a second longer than autovacuum may stay.
WAIT_FOR_AUTOVACUUM = text("""
    SELECT set_config('lock_timeout', round(1000 * extract(
        epoch FROM current_setting('deadlock_timeout')::interval + interval '1 second'
    ))::text, true)
""")


def end_autovacuum(connection: Connection, statement: str) -> None:
    """End autovacuum of the tables that the statement names; do nothing if none runs.

    PostgreSQL ends neither what a user has started, such as VACUUM, nor autovacuum that prevents
    transaction ids from running out.
    """
    # As the driver reads it, where percent signs are doubled.
    names = statement.replace("%%", "%")
    tables = list(connection.scalars(OCCUPIED_TABLES, {"statement": names}))
    connection.rollback()
    for table in tables:
        lock = f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"
        try:
            connection.execute(WAIT_FOR_AUTOVACUUM)
            connection.execute(text(lock.replace(":", r"\:")))
        except DBAPIError as error:
            logger.info("%s is still in use: %s", table, error.orig)
        connection.rollback()
