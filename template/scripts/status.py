"""Shows which revisions are applied, pending, changed or missing: `make db-status`.

Exits with 0 if every revision is applied, 1 if some are pending or wait for the rollout, and 2 if
you have to decide: there are several heads, a file has changed since it was applied, or a file is
missing.
"""

import sys

from alembic.script import Script

from scripts.revisions import (
    Applied,
    format_time,
    oldest_first,
    read_applied,
    revisions_in_files,
    script_directory,
    state_of,
)
from kit._internal.migrations.waiting import CodeRevisions

# Advice for each state, in this order.
ADVICE = {
    "forked": "there are several heads; make db-rebase makes them linear",
    "missing": "applied, but its file is missing; this code may be older than the database",
    "changed": "edited after it was applied; restore it and write a new revision",
    "pending": "make db-migrate",
    "waiting": "the code does not need it; after the rollout, make db-migrate",
}


def main() -> int:
    """Print a line for each revision, oldest first, then advice; return the exit status."""
    applied = read_applied()
    states = set()
    if len(script_directory().get_heads()) > 1:
        states.add("forked")
    print(f"{'revision':12}  state    {'applied at (UTC)':19}  what")
    waiting = CodeRevisions(script_directory()).waiting
    for script in oldest_first():
        state = state_of(script, applied)
        if state == "pending" and script in waiting:
            state = "waiting"
        states.add(state)
        print_row(script.revision, state, applied, title_of(script))
    for revision in sorted(applied.keys() - revisions_in_files()):
        states.add("missing")
        print_row(revision, "missing", applied, "")
    advice = [f"{state}: {text}" for state, text in ADVICE.items() if state in states]
    print("\n".join(advice) or "The database has every revision.")
    if states - {"applied", "pending", "waiting"}:
        return 2
    return int(not states.isdisjoint({"pending", "waiting"}))


def title_of(script: Script) -> str:
    if script.is_head:
        return f"{script.doc} (head)"
    return script.doc


def print_row(revision: str, state: str, applied: Applied, title: str) -> None:
    time = format_time(applied.get(revision))
    print(f"{revision:12}  {state:7}  {time:19}  {title}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
