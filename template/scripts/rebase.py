"""Puts the revisions that this branch adds to its base after those of the base: `make db-rebase`.

The base is the branch that this one will be merged into: see scripts/base.py.
"""

import re
from importlib.util import cache_from_source
from itertools import pairwise
from pathlib import Path

from alembic.script import Script

from scripts.base import VERSIONS, exists, find_base, git
from scripts.history import SCRIPTS, applied
from scripts.project import load_settings

MERGE = "`alembic merge heads` adds a revision that follows both."
ADVICE = f"`make db-rebase` puts those of this branch last. If others have applied one, {MERGE}"
VALUE = re.compile(r"""(?m)^(down_revision\b[^=\n]*= *)(["'])\w+\2""")


def main() -> None:
    base = find_base()
    if not base:
        raise SystemExit("nothing to do: no revision is merged yet")
    if git("rev-list", "--end-of-options", f"HEAD..{base}", "--", "."):
        raise SystemExit(f"first git merge {base}")
    if len(heads := SCRIPTS.get_heads()) == 1:
        print(f"nothing to do: {heads[0]} is the only head")
        return
    ours = added_to(base)
    theirs = [one for one in SCRIPTS.get_revisions(heads) if one not in ours]
    if len(theirs) != 1 or any(one.is_merge_point or one.dependencies for one in ours):
        raise SystemExit(f"only links of a chain can move, after the one head of {base}: {MERGE}")
    refuse_applied(ours)
    for after, one in pairwise(theirs + ours):
        if one.down_revision != after.revision:
            move(one, after)


def added_to(base: str) -> list[Script]:
    """Return the revisions whose files the base does not have, the oldest first."""
    options = ("-r", "--name-only", "--end-of-options")
    merged = {VERSIONS / name for name in git("ls-tree", *options, base)}
    if base and not exists(base):
        merged = {Path(one.path) for one in SCRIPTS.iterate_revisions(base, "base")}
    return [one for one in [*SCRIPTS.walk_revisions()][::-1] if Path(one.path) not in merged]


def refuse_applied(ours: list[Script]) -> None:
    """End with a line where the database has one of them: it would miss what now comes before."""
    there = applied()
    for one in ours:
        if one.revision in there:
            raise SystemExit(
                f"{load_settings().migration_url!r} has {one.revision} already. If you alone use"
                f" it: make db-rollback rev={one.down_revision} first. If others do: {MERGE}"
            )


def move(one: Script, after: Script) -> None:
    """Name another revision as the one before, and change nothing else in the file."""
    path = Path(one.path)
    text, times = VALUE.subn(rf'\g<1>"{after.revision}"', path.read_bytes().decode())
    if times != 1:
        raise SystemExit(f"{path}: down_revision is not in one line; make it {after.revision!r}")
    text = re.sub(r"(?m)^Revises:[^\r\n]*", f"Revises: {after.revision}", text, count=1)
    path.write_bytes(text.encode())
    # Within a second of the last change Python would take the compiled file for up to date.
    Path(cache_from_source(one.path)).unlink(missing_ok=True)
    print(f"{one.revision} {one.doc} now follows {after.revision} {after.doc}")


if __name__ == "__main__":
    main()
