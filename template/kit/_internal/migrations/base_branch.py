"""Finds the base: the branch to merge into, whose revisions are not new.

In this order: `base=`, a branch or the newest merged revision; the target of the merge request in
CI; the default branch of the repository.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError

TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH")
USUAL = ("main", "master")


class NoBaseError(CommandError):
    """There is no base, or it cannot be found; the message says what to do."""


class GitError(CommandError):
    """git refuses to read the repository, which another user owns."""


class Repository:
    """The git repository that has the revisions of a project, and its branches."""

    def __init__(self, scripts: ScriptDirectory) -> None:
        self.scripts = scripts
        self.folder = Path(scripts.versions)

    def git(self, *arguments: str) -> list[str]:
        """Return the lines that git prints; none if it fails or is not installed."""
        command = [shutil.which("git") or "false", "-c", "core.quotePath=off", *arguments]
        done = subprocess.run(  # noqa: S603
            command, cwd=self.folder, capture_output=True, encoding="utf-8", check=False
        )
        if "safe.directory" in done.stderr:
            raise GitError(done.stderr.strip())
        return done.stdout.splitlines()

    def find_base(self) -> str:
        """Return the branch to compare with, or an empty string if nothing is merged yet.

        Raises NoBaseError if there is no base, GitError if git does not read the repository.
        """
        chosen = os.environ.get("base")  # noqa: SIM112
        if chosen:
            if not self.is_comparable(chosen) and not self.is_revision(chosen):
                raise NoBaseError(
                    f"base={chosen}: no such branch or revision; in CI, set fetch-depth: 0"
                )
            return chosen
        if self.is_new():
            return ""
        branches = self.find_branches()
        if not branches:
            raise NoBaseError(
                "no base found: name the branch to merge into, for example base=origin/trunk"
            )
        return self.nearest(branches)

    def is_new(self) -> bool:
        """Return whether nothing is merged: there is no commit, or only the first revision."""
        if self.git("rev-parse", "--is-inside-work-tree") == ["true"]:
            return not self.exists("HEAD")
        scripts = list(self.scripts.walk_revisions())
        if len(scripts) > 1:
            raise NoBaseError(
                "no base found: there is no git history; name the newest merged revision,"
                f" for example base={scripts[-1].revision}"
            )
        return True

    def is_revision(self, name: str) -> bool:
        try:
            return self.scripts.get_revision(name) is not None
        except CommandError:
            return False

    def find_branches(self) -> list[str]:
        """Return the branches of the first candidate that exists."""
        for name in self.candidates():
            branches = self.branches_of(name)
            if branches:
                return branches
        return []

    def candidates(self) -> Iterator[str]:
        """Yield possible names of the base, the most likely first."""
        target = target_of_ci()
        if target:
            if not self.branches_of(target):
                raise NoBaseError(
                    f"no base found: this clone lacks {target}, the target of CI: fetch it"
                    " (fetch-depth: 0, GIT_DEPTH: 0) or set base=..."
                )
            yield target
        defaults = self.git("for-each-ref", "--format=%(symref:lstrip=3)", "refs/remotes/*/HEAD")
        yield from filter(None, defaults)
        yield from self.git("config", "--get", "init.defaultBranch")
        yield from USUAL
        local = self.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        if len(local) == 1 and not self.git("remote"):
            yield local[0]

    def branches_of(self, name: str) -> list[str]:
        """Return the remote branches of this name, or the local one if no remote has it.

        A local branch may be behind its remote, or have commits that are not pushed.
        """
        remote = self.git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/remotes/*/{name}")
        if remote or not self.exists(f"refs/heads/{name}"):
            return remote
        return [name]

    def exists(self, name: str) -> bool:
        commit = name + "^{commit}"
        return bool(self.git("rev-parse", "--verify", "--quiet", "--end-of-options", commit))

    def is_comparable(self, name: str) -> bool:
        return self.exists(name) and bool(self.git("merge-base", "--end-of-options", "HEAD", name))

    def nearest(self, branches: list[str]) -> str:
        """Return the branch with most commits of HEAD: the newer one of a fork and its upstream."""
        comparable = list(filter(self.is_comparable, branches))
        if not comparable:
            raise NoBaseError(
                f"no base found: this clone lacks the common ancestor of HEAD and {branches[0]}:"
                " run git fetch --unshallow or set base=..."
            )
        return min(comparable, key=self.count_missing)

    def count_missing(self, branch: str) -> int:
        """Return how many commits of HEAD a branch lacks."""
        return int(self.git("rev-list", "--count", f"{branch}..HEAD")[0])


def target_of_ci() -> str:
    """Return the branch that CI names as the target of the merge, or an empty string."""
    for variable in TARGETS:
        if os.environ.get(variable):
            return os.environ[variable]
    return ""
