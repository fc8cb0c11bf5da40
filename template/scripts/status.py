"""Tells which revisions are applied, pending, changed or missing: `make db-status`.

Ends with 0 when the database has every revision, 1 when some are pending, and 2 when a person
has to look: they fork, one has changed since it was applied, or its file is missing.
"""

import sys

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.settings import PROJECT_DIR
from migrations import history


def main() -> int:
    """Print a line for each revision, oldest first, and what to do; return the exit status."""
    script = ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))
    try:
        applied = history.applied(script)
    except CommandError as error:
        raise SystemExit(str(error)) from None
    known = {one.revision: one for one in reversed(list(script.walk_revisions()))}
    heads = script.get_heads()
    states = set()
    print(f"{'revision':12}  state    {'applied at (UTC)':19}  what")
    for revision in [*known, *sorted(applied.keys() - known.keys())]:
        file, row = known.get(revision), applied.get(revision)
        if not file:
            state = "missing"
        elif row and row.checksum != history.checksum(file.path):
            state = "changed"
        else:
            state = "applied" if revision in applied else "pending"
        states.add(state)
        time = f"{row.applied_at:%Y-%m-%d %H:%M:%S}" if row else ""
        what = f"{file.doc if file else ''} {'(head)' if revision in heads else ''}"
        print(f"{revision:12}  {state:7}  {time:19}  {what}".rstrip())
    return conclude(states, heads)


def conclude(states: set[str], heads: list[str]) -> int:
    """Print what to do about these states; return the exit status."""
    if len(heads) > 1:
        print(f"forked: {' and '.join(heads)} come last, all of them; make db-rebase mends it")
    if "missing" in states:
        print("missing: applied, but not among the files; this code may be older than the database")
    if "changed" in states:
        print("changed: edited since it was applied; put it back, and write a new revision instead")
    if len(heads) > 1 or states & {"missing", "changed"}:
        return 2
    print("pending: make db-migrate" if "pending" in states else "The database has every revision.")
    return int("pending" in states)


if __name__ == "__main__":
    sys.exit(main())
