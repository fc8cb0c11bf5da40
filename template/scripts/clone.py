"""A clone of the template, and the releases that an update may install."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from scripts import tags
from scripts.programs import output, run


class Release(NamedTuple):
    """A commit of the template: its printed name, its hash, and the newest version in it."""

    name: str
    commit: str
    version: Version | None


def parse(name: str) -> Version | None:
    """Return a version as in PEP 440, or None if the name is not one."""
    try:
        return Version(name)
    except InvalidVersion:
        return None


def sort_versions(names: Iterable[str]) -> list[str]:
    """Return the names that are versions, oldest first."""
    return sorted(filter(parse, names), key=Version)


def clone_template(address: str, clone: Path) -> bool:
    """Clone the template without its files; return whether git succeeded."""
    command = ("git", "clone", "--quiet", "--no-checkout", "--", address, clone)
    return run(*command).returncode == 0


def has_tags(clone: Path) -> bool:
    """Return whether a tag of the template is a version."""
    return bool(sort_versions(output("git", "-C", clone, "tag").split()))


def add_tags(clone: Path, source: str) -> None:
    """Tag the releases by the headings of CHANGELOG.md, in this clone only."""
    if tags.is_shallow(clone):
        raise SystemExit(f"{source} is a shallow clone: run git fetch --unshallow there first")
    releases = tags.released(clone)
    if not releases:
        raise SystemExit(f"the template has no releases, tags or headings ## 1.2.3: {source}")
    for name, commit in releases.items():
        output("git", "-C", clone, "tag", "--no-sign", name, commit)


def resolve(clone: Path, name: str) -> str:
    """Return the commit of this name, or an empty string."""
    options = ("--verify", "--quiet", "--end-of-options")
    return run("git", "-C", clone, "rev-parse", *options, name + "^{commit}").stdout.strip()


def list_releases(clone: Path, *options: str) -> Iterator[Release]:
    """Yield the releases that `git tag` lists with these options, oldest first."""
    for name in sort_versions(output("git", "-C", clone, "tag", *options).split()):
        yield Release(name, resolve(clone, f"refs/tags/{name}"), parse(name))


def describe(clone: Path, commit: str) -> Release:
    """Return the release of a commit; between releases it has a name as of `git describe`."""
    merged = list(list_releases(clone, "--merged", commit))
    if not merged:
        return Release(commit[:7], commit, None)
    for release in reversed(merged):
        if release.commit == commit:
            return release
    newest = merged[-1]
    count = output("git", "-C", clone, "rev-list", "--count", f"{newest.commit}..{commit}")
    return Release(f"{newest.name}-{count}-g{commit[:7]}", commit, newest.version)


def choose(clone: Path, before: Release, to: str) -> Release:
    """Return the newest release that contains the project's release, or the one that `to` names.

    Releases of the upstream do not contain those of a fork: an update to them would remove what
    the fork added. A pre-release is chosen only by name, or if the project is at one.
    """
    later = list(list_releases(clone, "--contains", before.commit))
    if to:
        return choose_named(clone, before, to, later)
    for release in reversed(later):
        if is_prerelease(release) and not is_prerelease(before):
            continue
        if is_later(release, before):
            return release
    return before


def choose_named(clone: Path, before: Release, to: str, later: list[Release]) -> Release:
    """Return the release `to`; exit with a message if an update to it would lose changes."""
    releases = {release.name: release for release in list_releases(clone)}
    if to not in releases:
        newest = [before, *later][-1]
        raise SystemExit(f"there is no release {to}; the newest is {newest.name}")
    chosen = releases[to]
    if chosen.commit == before.commit:
        return before
    if chosen in later:
        return chosen
    if is_later(chosen, before):
        raise SystemExit(
            f"{to} does not contain {before.name}, the release of this project: an update would"
            f" remove what only {before.name} has. In a fork, merge {to} and release that"
        )
    raise SystemExit(f"this project is at {before.name}, and cannot be downgraded to {to}")


def is_prerelease(release: Release) -> bool:
    return release.version is not None and release.version.is_prerelease


def is_later(release: Release, other: Release) -> bool:
    if release.version is None:
        return False
    return other.version is None or release.version > other.version
