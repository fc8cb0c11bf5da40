"""Finds the releases of a repository that has no tags: commits that add `## X.Y.Z` to CHANGELOG.md.

Standard library only: `make tags` of the template runs it without a virtual environment.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

# A version as in PEP 440, alone in its line: 1.8.0, 1.8.0rc1, 1.4.0.post1.
HEADING = re.compile(r"(?m)^## (v?\d+(?:\.\d+)+(?:\.?(?:a|b|rc|post|dev)\d+)*)[ \t]*\r?$")


def headings(text: str) -> list[str]:
    """Return the releases in the headings of a change log, as they are written."""
    return HEADING.findall(text)


def read_git(folder: Path, *arguments: str) -> str:
    """Return what git prints; raises CalledProcessError if it fails."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


def is_shallow(folder: Path) -> bool:
    """Return whether history is missing, so that the oldest commit seems to add every heading."""
    return read_git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"


def released(folder: Path, git: Callable[..., str] = read_git) -> dict[str, str]:
    """Return, by release, the first commit on the current branch that has its heading."""
    commits: dict[str, str] = {}
    options = ("--first-parent", "--reverse", "--format=%H")
    for commit in git(folder, "log", *options, "--", "CHANGELOG.md").split():
        if not git(folder, "ls-tree", "--name-only", commit, "--", "CHANGELOG.md"):
            continue
        for name in headings(git(folder, "show", f"{commit}:CHANGELOG.md")):
            commits.setdefault(name, commit)
    return commits
