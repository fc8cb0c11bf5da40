"""Tells which revisions are applied, pending, changed or missing: `make db-status`.

Ends with 0 when the database has every revision, 1 when some are pending, and 2 when a person
has to look: they fork, one has changed since it was applied, or its file is missing.
"""

import sys

from scripts.history import SCRIPTS, applied, state_of

# What to do about a state, in this order.
ADVICE = {
    "forked": "several revisions are a head; make db-rebase puts them in a row",
    "missing": "applied, but not among the files; this code may be older than the database",
    "changed": "edited since it was applied; put it back, and write a new revision instead",
    "pending": "make db-migrate",
}


def main() -> int:
    """Print a line for each revision, oldest first, and what to do; return the exit status."""
    there = applied()
    files = {one.revision: one for one in reversed(list(SCRIPTS.walk_revisions()))}
    heads = SCRIPTS.get_heads()
    states = {"forked"} if len(heads) > 1 else set()
    print(f"{'revision':12}  state    {'applied at (UTC)':19}  what")
    for revision in [*files, *sorted(there.keys() - files.keys())]:
        file, row = files.get(revision), there.get(revision)
        state = state_of(revision, file, there)
        states.add(state)
        time = f"{row.applied_at:%Y-%m-%d %H:%M:%S}" if row else ""
        what = f"{file.doc if file else ''} {'(head)' if revision in heads else ''}"
        print(f"{revision:12}  {state:7}  {time:19}  {what}".rstrip())
    todo = [f"{state}: {advice}" for state, advice in ADVICE.items() if state in states]
    print(*todo or ["The database has every revision."], sep="\n")
    return 2 if states - {"applied", "pending"} else int("pending" in states)


if __name__ == "__main__":
    sys.exit(main())
