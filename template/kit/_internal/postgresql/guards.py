"""Guards of revisions in the SQL of `--sql`."""

from psycopg.sql import Identifier, Literal

TAG = "$require_backfill$"


def refuse_rows(table: str, where: str, message: str) -> str:
    """Return a block that fails with a message if rows of a table match a condition.

    The message is in an option, as RAISE would replace percent signs in its format.
    """
    name = Identifier(*table.split(".")).as_string()
    return f"""DO {TAG} BEGIN
    IF EXISTS (SELECT FROM {name} WHERE ({where})) THEN
        RAISE EXCEPTION USING MESSAGE = {Literal(message).as_string().strip()};
    END IF;
END {TAG};"""
