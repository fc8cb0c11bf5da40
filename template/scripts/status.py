"""Shows which revisions are applied, pending, changed or missing: `make db-status`.

Ends with 0 when the database has every revision, 1 when some are pending, and 2 when a person
has to look: they fork, one has changed since it was applied, or its file is missing.
"""

import sys

from scripts.revisions import oldest_first, read_applied, script_directory, state_of

# What to do about a state, in this order.
ADVICE = {
    "forked": "several revisions are a head; make db-rebase makes them linear",
    "missing": "applied, but not among the files; this code may be older than the database",
    "changed": "edited since it was applied; put it back, and write a new revision instead",
    "pending": "make db-migrate",
}


def main() -> int:
    """Print a line for each revision, oldest first, and what to do; return the exit status."""
    applied = read_applied()
    scripts = {script.revision: script for script in oldest_first()}
    heads = script_directory().get_heads()
    states = {"forked"} if len(heads) > 1 else set()
    print(f"{'revision':12}  state    {'applied at (UTC)':19}  what")
    for revision in [*scripts, *sorted(applied.keys() - scripts.keys())]:
        script = scripts.get(revision)
        state = state_of(revision, script, applied)
        states.add(state)
        row = applied.get(revision)
        time = "" if row is None else f"{row.applied_at:%Y-%m-%d %H:%M:%S}"
        title = "" if script is None else script.doc
        head = "(head)" if revision in heads else ""
        print(f"{revision:12}  {state:7}  {time:19}  {title} {head}".rstrip())
    advice = [f"{state}: {text}" for state, text in ADVICE.items() if state in states]
    print("\n".join(advice) or "The database has every revision.")
    if states - {"applied", "pending"}:
        return 2
    return int("pending" in states)


if __name__ == "__main__":
    sys.exit(main())
