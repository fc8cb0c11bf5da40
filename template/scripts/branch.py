"""Which revisions this branch adds to the branch that it will be merged into, its base."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from app.settings import PROJECT_DIR

VERSIONS = PROJECT_DIR / "migrations/versions"
USUAL = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class Branch(NamedTuple):
    """Files of revisions; without a base, as outside git, all of them are new."""

    base: str = ""
    merged: frozenset[Path] = frozenset()  # those on the base
    changed: frozenset[Path] = frozenset()  # those that this branch has edited or deleted


def git(*arguments: str) -> str:
    """Return what git prints, nothing where it fails or is not installed."""
    program = shutil.which("git")
    if not program:
        return ""
    command = [program, "-C", str(VERSIONS), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if "safe.directory" in done.stderr:
        raise SystemExit(done.stderr.strip())
    return "" if done.returncode else done.stdout.strip()


def files(*arguments: str) -> frozenset[Path]:
    """Return the revisions that a command of git lists."""
    names = git(*arguments, "-z", "--name-only", "--", ".").split("\0")
    return frozenset(VERSIONS / name for name in names if name.endswith(".py"))


def exists(branch: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", branch + "^{commit}"))


def read_branch() -> Branch:
    """Compare with the branch `base=`, else with the default one of origin, else with a usual one.

    Ends with a line where `base=` does not exist, and where git has too little of the history.
    """
    chosen = os.environ.get("base", "")
    base = next(filter(exists, [chosen] if chosen else USUAL), "")
    if chosen and not base:
        raise SystemExit(f"base={chosen}: git knows no such branch; git fetch brings new ones")
    start = git("merge-base", "HEAD", base) if base else ""
    if not start and git("rev-parse", "--is-shallow-repository") == "true":
        raise SystemExit(
            "git has only a part of the history here, which does not tell what is new:"
            " git fetch --unshallow origin main, and in CI a checkout with fetch-depth: 0"
        )
    if not base:
        return Branch()
    name = git("rev-parse", "--abbrev-ref", base) or base
    diff = ("diff", "--no-renames", "--diff-filter=a", "--relative")
    changed = files(*diff, start or base) & files(*diff, base)
    return Branch(name, files("ls-tree", "-r", base), changed)
