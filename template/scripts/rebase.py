"""Moves the revisions of this branch after those of its base: `make db-rebase`.

The base is the branch to merge into: see scripts/base.py.
"""

import re
from collections.abc import Sequence
from importlib.util import cache_from_source
from itertools import pairwise
from pathlib import Path

from alembic.script import Script

from scripts.base import exists, find_base, git
from scripts.project import load_settings
from scripts.revisions import oldest_first, read_applied, script_directory, versions_folder

MERGE = "`alembic merge heads` adds a revision that follows both."
ADVICE = (
    f"`make db-rebase` moves those of this branch to the end. If others have applied one, {MERGE}"
)
VALUE = re.compile(r"""(?m)^(down_revision\b[^=\n]*= *)(["'])\w+\2""")


def main() -> None:
    base = find_base()
    if not base:
        raise SystemExit("nothing to do: no revision is merged yet")
    if git("rev-list", "--end-of-options", f"HEAD..{base}", "--", "."):
        raise SystemExit(f"this branch is behind its base: run git merge {base}")
    heads = script_directory().get_heads()
    if len(heads) == 1:
        print(f"nothing to do: {heads[0]} is the only head")
        return
    ours = added_to(base)
    theirs = set(script_directory().get_revisions(heads)).difference(ours)
    if len(theirs) != 1 or not is_chain(ours):
        raise SystemExit(f"only a linear chain can move, after the one head of {base}: {MERGE}")
    refuse_applied(ours)
    for before, script in pairwise([*theirs, *ours]):
        if script.down_revision != before.revision:
            move(script, before)


def added_to(base: str) -> list[Script]:
    """Return the revisions whose files the base lacks, oldest first."""
    merged = merged_files(base)
    return [script for script in oldest_first() if Path(script.path) not in merged]


def merged_files(base: str) -> set[Path]:
    """Return the revision files of a branch, or those up to a revision."""
    if base and not exists(base):
        ancestors = script_directory().iterate_revisions(base, "base")
        return {Path(script.path) for script in ancestors}
    options = ("-r", "--name-only", "--end-of-options")
    return set(map(versions_folder().joinpath, git("ls-tree", *options, base)))


def is_chain(scripts: Sequence[Script]) -> bool:
    """Return whether each follows only one revision."""
    return not any(script.is_merge_point or script.dependencies for script in scripts)


def refuse_applied(ours: Sequence[Script]) -> None:
    """Exit with a message if one is applied: the database would miss what moves before it."""
    applied = read_applied()
    for script in ours:
        if script.revision in applied:
            raise SystemExit(
                f"{load_settings().migration_url!r} has {script.revision} already. If only you"
                f" use it: make db-rollback rev={script.down_revision} first."
                f" If others do: {MERGE}"
            )


def move(script: Script, before: Script) -> None:
    """Change only `down_revision` in the file."""
    path = Path(script.path)
    text, times = VALUE.subn(rf'\g<1>"{before.revision}"', path.read_bytes().decode())
    if times != 1:
        raise SystemExit(f"{path}: down_revision is not on one line; set it to {before.revision!r}")
    text = re.sub(r"(?m)^Revises:[^\r\n]*", f"Revises: {before.revision}", text, count=1)
    path.write_bytes(text.encode())
    # Within a second of the last change, Python would consider the compiled file up to date.
    Path(cache_from_source(script.path)).unlink(missing_ok=True)
    print(f"{script.revision} {script.doc} now follows {before.revision} {before.doc}")


if __name__ == "__main__":
    main()
