"""Finds the base: the branch to merge into, whose revisions are not new.

In this order: `base=`, a branch or the newest merged revision; the target of the merge request in
CI; the default branch of the repository.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import NoReturn

from alembic.util import CommandError

from scripts.revisions import oldest_first, script_directory, versions_folder

TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH")
USUAL = ("main", "master")


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints; none if it fails or is not installed."""
    command = [shutil.which("git") or "false", "-c", "core.quotePath=off", *arguments]
    done = subprocess.run(
        command, cwd=versions_folder(), capture_output=True, encoding="utf-8", check=False
    )
    if "safe.directory" in done.stderr:
        raise SystemExit(done.stderr.strip())
    return done.stdout.splitlines()


def find_base() -> str:
    """Return the branch to compare with, or an empty string if nothing is merged yet.

    Exits with status 2 if there is no base.
    """
    chosen = os.environ.get("base")
    if chosen:
        if not is_comparable(chosen) and not is_revision(chosen):
            refuse(f"base={chosen}: no such branch or revision; in CI, set fetch-depth: 0")
        return chosen
    if is_new():
        return ""
    branches = find_branches()
    if not branches:
        refuse("no base found: name the branch to merge into, for example base=origin/trunk")
    return nearest(branches)


def is_new() -> bool:
    """Return whether nothing is merged: there is no commit, or only the first revision."""
    if git("rev-parse", "--is-inside-work-tree") == ["true"]:
        return not exists("HEAD")
    scripts = oldest_first()
    if len(scripts) > 1:
        refuse(
            "no base found: there is no git history; name the newest merged revision,"
            f" for example base={scripts[0].revision}"
        )
    return True


def is_revision(name: str) -> bool:
    try:
        return script_directory().get_revision(name) is not None
    except CommandError:
        return False


def find_branches() -> list[str]:
    """Return the branches of the first candidate that exists."""
    for name in candidates():
        branches = branches_of(name)
        if branches:
            return branches
    return []


def candidates() -> Iterator[str]:
    """Yield possible names of the base, the most likely first."""
    target = target_of_ci()
    if target:
        if not branches_of(target):
            refuse(
                f"no base found: this clone lacks {target}, the target of CI: fetch it"
                " (fetch-depth: 0, GIT_DEPTH: 0) or set base=..."
            )
        yield target
    defaults = git("for-each-ref", "--format=%(symref:lstrip=3)", "refs/remotes/*/HEAD")
    yield from filter(None, defaults)
    yield from git("config", "--get", "init.defaultBranch")
    yield from USUAL
    local = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    if len(local) == 1 and not git("remote"):
        yield local[0]


def target_of_ci() -> str:
    """Return the branch that CI names as the target of the merge, or an empty string."""
    for variable in TARGETS:
        if os.environ.get(variable):
            return os.environ[variable]
    return ""


def branches_of(name: str) -> list[str]:
    """Return the remote branches of this name, or the local one if no remote has it.

    A local branch may be behind its remote, or have commits that are not pushed.
    """
    remote = git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/remotes/*/{name}")
    if remote or not exists(f"refs/heads/{name}"):
        return remote
    return [name]


def exists(name: str) -> bool:
    return bool(git("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"))


def is_comparable(name: str) -> bool:
    return exists(name) and bool(git("merge-base", "--end-of-options", "HEAD", name))


def nearest(branches: list[str]) -> str:
    """Return the branch with most commits of HEAD: the newer one of a fork and its upstream."""
    comparable = list(filter(is_comparable, branches))
    if not comparable:
        refuse(
            f"no base found: this clone lacks the common ancestor of HEAD and {branches[0]}:"
            " run git fetch --unshallow or set base=..."
        )
    return min(comparable, key=count_missing)


def count_missing(branch: str) -> int:
    """Return how many commits of HEAD a branch lacks."""
    return int(git("rev-list", "--count", f"{branch}..HEAD")[0])


def refuse(reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    raise SystemExit(2)
