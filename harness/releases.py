"""The releases of the template: commits that add a heading to CHANGELOG.md, tagged in a scratch clone."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.processes import IDENTITY, run
from harness.template import ROOT, configuration, copy_of_working_tree
from tools.tags import tags

# Whoever runs the tests may have settings that sign or convert; CI may check out as somebody else.
SETTINGS = ("commit.gpgsign=false", "core.autocrlf=false", "safe.directory=*")
GIT = ("git", *(word for setting in SETTINGS for word in ("-c", setting)))
Version = tuple[int, ...]


def git(*arguments: str | Path, cwd: Path) -> str:
    return run(*GIT, *arguments, cwd=cwd, env=IDENTITY).stdout.strip()


def commit(folder: Path, message: str) -> None:
    """Commit all there is, also when nothing has changed."""
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", "--message", message, cwd=folder)


def version(name: str) -> Version:
    return tuple(map(int, name.split(".")))


def released() -> dict[str, str]:
    """Return the commit of each release, oldest first; a real tag wins."""
    found = tags.released(ROOT, lambda folder, *arguments: git(*arguments, cwd=folder))
    for tag in git("tag", "--list", cwd=ROOT).split():
        if tags.headings(f"## {tag}"):
            found[tag] = git("rev-list", "-n", "1", tag, cwd=ROOT)
    return dict(sorted(found.items(), key=lambda item: version(item[0])))


@dataclass(frozen=True)
class Releases:
    """A clone of the template with a tag for each release, and for the working tree the next one."""

    source: Path
    names: tuple[str, ...]
    next: str


def tagged_clone(folder: Path) -> Releases:
    """Clone the repository; commit the working tree on top, as the release to come."""
    git("clone", "--quiet", "--no-tags", ROOT, folder, cwd=ROOT)
    # A CI server may have checked out a commit, on no branch.
    git("checkout", "--quiet", "-B", "main", cwd=folder)
    commits = released()
    for name, revision in commits.items():
        git("tag", "--no-sign", name, revision, cwd=folder)
    coming = set(tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8"))) - commits.keys()
    last = version(list(commits)[-1])
    following = ".".join(map(str, (*last[:-1], last[-1] + 1)))
    # A hook that waits for its release runs in the one to come.
    hooks = [name for name in hooked(ROOT) if version(name) > last]
    name = max(coming, key=version, default=max([following, *hooks], key=version))
    git("rm", "--quiet", "-r", ".", cwd=folder)
    copy_of_working_tree(folder)
    if not coming:
        add_heading(folder, name)
    commit(folder, f"Release {name}")
    git("tag", "--no-sign", name, cwd=folder)
    return Releases(folder, tuple(commits), name)


def hooked(source: Path) -> list[str]:
    """Return the releases that run a hook."""
    return [entry["version"] for entry in configuration(source)["_migrations"]]


def add_heading(source: Path, name: str, entry: str = "### Changed\n\n- Something.") -> None:
    path = source / "CHANGELOG.md"
    head, newest = re.split(r"(?m)^(?=## )", path.read_text("utf-8"), maxsplit=1)
    path.write_text(f"{head}## {name}\n\n{entry}\n\n{newest}", "utf-8")


def publish(
    source: Path, name: str, entry: str = "### Changed\n\n- Something.", *, tagged: bool = True
) -> None:
    """Release what the clone's files have become."""
    add_heading(source, name, entry)
    commit(source, f"Release {name}")
    if tagged:
        git("tag", "--no-sign", name, cwd=source)


def edit(path: Path, old: str, new: str, times: int = 1) -> None:
    text = path.read_text("utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, times), "utf-8")


def add_column(template: Path) -> None:
    """Give the template's model one more column, `nickname`."""
    name = "    name: Mapped[str] = mapped_column(String(100))\n"
    nick = "    nickname: Mapped[str | None] = mapped_column(String(100))\n"
    edit(template / "{{ package_name }}/models/user.py.jinja", name, name + nick)


def configuration_of(releases: Releases, release: str) -> dict[str, Any]:
    """Return copier.yml of a release, which until 1.8 was one file, with the files it includes."""
    listed = git(
        "ls-tree", "-r", "--name-only", release, "copier.yml", "options/", cwd=releases.source
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in listed.splitlines():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(git("show", f"{release}:{name}", cwd=releases.source), "utf-8")
        return configuration(Path(folder))


def needs_trust(releases: Releases, before: str, after: str) -> bool:
    """Return whether a hook lies between these releases."""
    entries = configuration_of(releases, after).get("_migrations", [])
    return any(version(before) < version(entry["version"]) <= version(after) for entry in entries)
