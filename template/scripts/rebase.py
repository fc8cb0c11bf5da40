"""Puts the revisions of this branch after those of its base: `make db-rebase`."""

import re
from importlib.util import cache_from_source
from itertools import pairwise
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from app.settings import PROJECT_DIR, load_settings
from migrations import history
from scripts.branch import VERSIONS, Branch, read_branch

MERGE = "`alembic merge heads` adds a revision that follows both."
ADVICE = (
    "`make db-rebase` puts those of this branch last. Where a database that others use has one of"
    f" them already, {MERGE}"
)
VALUE = re.compile(r"""(?m)^(down_revision\b[^=\n]*= *)(?:None|(["'])\w+\2)""")


def main() -> None:
    branch = read_branch()
    if not branch.base:
        raise SystemExit("there is no branch to compare with: name it, make db-rebase base=...")
    if missing := branch.merged - branch.changed - {*VERSIONS.glob("*.py")}:
        names = ", ".join(sorted(path.name for path in missing))
        raise SystemExit(f"first git merge {branch.base}, which brings {names}")
    scripts = ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))
    heads = scripts.get_heads()
    if len(heads) == 1:
        print(f"nothing to do: {heads[0]} is the only head")
        return
    chain = arrange(list(scripts.walk_revisions()), branch)
    moves = [(after, one) for after, one in pairwise(chain) if one.down_revision != after.revision]
    refuse_applied(scripts, chain[chain.index(moves[0][1]) :])
    texts = [rewrite(one.path, after.revision) for after, one in moves]
    for (after, one), text in zip(moves, texts, strict=True):
        Path(one.path).write_bytes(text)
        # Within a second of the last change Python would take the compiled file for up to date.
        Path(cache_from_source(one.path)).unlink(missing_ok=True)
        print(f"{one.revision} {one.doc} now follows {after.revision} {after.doc}")


def arrange(every: list[Script], branch: Branch) -> list[Script]:
    """Return the last revision of the base, then those of this branch in their new order."""
    ours = {one.revision: one for one in every if Path(one.path) not in branch.merged}
    chain = [one for one in every if one.revision not in ours and not one.nextrev - ours.keys()]
    if len(chain) > 1:
        both = " and ".join(sorted(one.revision for one in chain))
        raise SystemExit(f"{both} are both on {branch.base}, where nothing can move: {MERGE}")
    for one in ours.values():
        tangled = isinstance(one.down_revision, tuple) or one.nextrev - ours.keys()
        if tangled or one.dependencies or vars(one.module).get("branch_labels"):
            raise SystemExit(f"{one.revision} is more than a link of a chain: {MERGE}")
    while ours:
        free = [one for one in ours.values() if one.down_revision not in ours]
        oldest = min(free, key=lambda one: one.path)
        chain.append(ours.pop(oldest.revision))
    return chain


def refuse_applied(scripts: ScriptDirectory, moving: list[Script]) -> None:
    """End with a line where the database has one of them: it would miss what now comes before."""
    try:
        applied = history.applied(scripts)
    except (CommandError, SystemExit) as error:
        print(f"the database could not be asked whether it has these revisions: {error}")
        return
    settings = load_settings()
    url = settings.migration_database_url or settings.database_url
    for one in moving:
        if one.revision in applied:
            raise SystemExit(
                f"{url!r} has {one.revision}, which cannot move there. If you alone"
                f" use it: make db-rollback rev={one.down_revision or 'base'}, then make db-rebase"
                f" again. If others do: {MERGE}"
            )


def rewrite(path: str, after: str) -> bytes:
    """Return the text of a revision with another one before it, and nothing else changed."""
    text, times = VALUE.subn(rf'\g<1>"{after}"', Path(path).read_bytes().decode())
    if times != 1:
        raise SystemExit(f"{path}: its down_revision is not in one line; make it {after!r}")
    return re.sub(r"(?m)^Revises:[^\r\n]*", f"Revises: {after}", text, count=1).encode()


if __name__ == "__main__":
    main()
