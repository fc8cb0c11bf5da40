"""The release of a service that renames `users.name` to `users.full_name`, as the guide does it."""

MODEL = "app/models/user.py"
NAME = "    name: Mapped[str] = mapped_column(String(100))\n"
FULL_NAME = '    name: Mapped[str] = mapped_column("full_name", String(100))\n'
# Arguments of `make db-revision`, which writes the chain, and of `make db-backfill`.
RENAME = "rename=users.name:full_name"
BACKFILL = 'set="full_name = name" where="full_name IS DISTINCT FROM name"'
# Add the column; refuse NULL, validate that, set NOT NULL; drop the old column.
REVISIONS = 5


def renamed(original: str) -> str:
    """Return the text of MODEL in the new release, from that of the first one."""
    assert NAME in original
    return original.replace(NAME, FULL_NAME)
