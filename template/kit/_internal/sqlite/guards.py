"""Guards of revisions in the SQL of `--sql`."""


def refuse_rows(table: str, where: str, message: str) -> str:
    """Return comments with the message: SQL of SQLite cannot fail on a condition."""
    lines = [f"{table} may not have rows that match ({where}).", *message.splitlines()]
    return "\n".join(f"-- {line}" for line in lines)
