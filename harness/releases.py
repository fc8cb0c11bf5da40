"""The releases of the template: commits that add a heading to CHANGELOG.md, tagged in a clone."""

import functools
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.processes import IDENTITY, run
from harness.template import ROOT, configuration, copy_of_working_tree
from harness.template_scripts import tags

# git without settings of this machine that sign commits or convert files; a CI server may have
# checked out as another user.
GIT = (
    "git",
    *("-c", "commit.gpgsign=false"),
    *("-c", "core.autocrlf=false"),
    *("-c", "safe.directory=*"),
)
Version = tuple[int, ...]


def git(*arguments: str | Path, cwd: Path) -> str:
    return run(*GIT, *arguments, cwd=cwd, env=IDENTITY).stdout.strip()


def commit(folder: Path, message: str) -> None:
    """Commit all changes, or an empty commit."""
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", "--message", message, cwd=folder)


def version(name: str) -> Version:
    return tuple(map(int, name.split(".")))


def released() -> dict[str, str]:
    """Return the commit of each release, oldest first: that of its tag or that of its heading."""
    commits = tags.released(ROOT, lambda folder, *arguments: git(*arguments, cwd=folder))
    for tag in git("tag", "--list", cwd=ROOT).split():
        if tags.headings(f"## {tag}"):
            commits[tag] = git("rev-list", "-n", "1", tag, cwd=ROOT)
    return dict(sorted(commits.items(), key=lambda item: version(item[0])))


@dataclass(frozen=True)
class Releases:
    """A clone of the template with a tag for each release; the working tree is the next release."""

    source: Path
    names: tuple[str, ...]
    next: str


def tagged_clone(folder: Path) -> Releases:
    """Clone the repository, tag its releases, and commit the working tree as the next release.

    A process clones once, and copies that: tags and a commit need a hundred processes of git.
    """
    _, original = original_clone()
    shutil.copytree(original.source, folder, symlinks=True)
    # The index has the inodes of the original; a command that trusts it would see changes.
    git("update-index", "-q", "--refresh", cwd=folder)
    return replace(original, source=folder)


@functools.cache
def original_clone() -> tuple[tempfile.TemporaryDirectory[str], Releases]:
    """Return the clone that this process copies, and its folder, which is deleted at the end."""
    parent = tempfile.TemporaryDirectory(prefix="releases-")
    folder = Path(parent.name, "template")
    git("clone", "--quiet", "--no-tags", ROOT, folder, cwd=ROOT)
    # A CI server may have checked out a commit without a branch.
    git("checkout", "--quiet", "-B", "main", cwd=folder)
    commits = released()
    for name, revision in commits.items():
        git("tag", "--no-sign", name, revision, cwd=folder)
    headings = tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8"))
    name = next_release(headings, list(commits))
    git("rm", "--quiet", "-r", ".", cwd=folder)
    copy_of_working_tree(folder)
    if name not in headings:
        add_heading(folder, name)
    commit(folder, f"Release {name}")
    git("tag", "--no-sign", name, cwd=folder)
    # One file instead of thousands, which each update by copier would copy, too.
    git("gc", "--quiet", "--prune=now", cwd=folder)
    return parent, Releases(folder, tuple(commits), name)


def next_release(headings: Iterable[str], names: Sequence[str]) -> str:
    """Return the newest heading that is not released, or a version above all releases and hooks."""
    unreleased = {*headings} - {*names}
    if unreleased:
        return max(unreleased, key=version)
    *first, last = version(names[-1])
    candidates = [".".join(map(str, (*first, last + 1)))]
    # A hook may name the next release before CHANGELOG.md does.
    for entry in configuration(ROOT)["_migrations"]:
        candidates.append(entry["version"])
    return max(candidates, key=version)


def add_heading(source: Path, name: str, entry: str = "### Changed\n\n- Something.") -> None:
    path = source / "CHANGELOG.md"
    head, newest = re.split(r"(?m)^(?=## )", path.read_text("utf-8"), maxsplit=1)
    path.write_text(f"{head}## {name}\n\n{entry}\n\n{newest}", "utf-8")


def write_change_log(folder: Path, *names: str) -> None:
    """Write and commit a CHANGELOG.md with these releases, the newest first."""
    lines = ["# Changes", ""]
    for name in names:
        lines += [f"## {name}", "", "- Something.", ""]
    (folder / "CHANGELOG.md").write_text("\n".join(lines), "utf-8")
    commit(folder, f"Write {names[0]}")


def publish(
    source: Path, name: str, entry: str = "### Changed\n\n- Something.", *, tagged: bool = True
) -> None:
    """Commit the clone's files as a release, and tag it."""
    add_heading(source, name, entry)
    commit(source, f"Release {name}")
    if tagged:
        git("tag", "--no-sign", name, cwd=source)


def edit(path: Path, old: str, new: str, times: int = 1) -> None:
    """Replace a text in a file, which must have it."""
    text = path.read_text("utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, times), "utf-8")


def add_column(template: Path) -> None:
    """Add the column `nickname` to the template's model of users."""
    name = "    name: Mapped[str] = mapped_column(String(100))\n"
    nickname = "    nickname: Mapped[str | None] = mapped_column(String(100))\n"
    edit(template / "{{ package_name }}/models/user.py.jinja", name, name + nickname)


def configuration_of(releases: Releases, release: str) -> dict[str, Any]:
    """Return copier.yml of a release with the files that it includes since 1.8."""
    # Tests move tags, but a commit stays as it is.
    revision = git("rev-parse", f"{release}^{{commit}}", cwd=releases.source)
    return configuration_at(releases.source, revision)


@functools.cache
def configuration_at(source: Path, revision: str) -> dict[str, Any]:
    """Return copier.yml of a commit, not to be changed: reading it takes a process for each file."""
    listed = git("ls-tree", "-r", "--name-only", revision, "copier.yml", "options/", cwd=source)
    with tempfile.TemporaryDirectory() as folder:
        for name in listed.splitlines():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(git("show", f"{revision}:{name}", cwd=source), "utf-8")
        return configuration(Path(folder))


def needs_trust(releases: Releases, before: str, after: str) -> bool:
    """Return whether an update between these releases runs a hook."""
    for entry in configuration_of(releases, after).get("_migrations", []):
        if version(before) < version(entry["version"]) <= version(after):
            return True
    return False
