"""A clone of the template, and which of its releases an update may go to."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from scripts import tags
from scripts.programs import output, run


class Release(NamedTuple):
    """A commit of the template, as it is shown, and the newest version that is in it."""

    name: str
    commit: str
    version: Version | None


def parse(name: str) -> Version | None:
    """Return a version of PEP 440, or None where the name is none."""
    try:
        return Version(name)
    except InvalidVersion:
        return None


def sort_versions(names: Iterable[str]) -> list[str]:
    """Return the names that are versions, oldest first."""
    known = [name for name in names if parse(name)]
    return sorted(known, key=Version)


def add_tags(clone: Path, source: str) -> None:
    """Tag the releases by the headings of the change log, in this clone only."""
    if tags.is_shallow(clone):
        raise SystemExit(f"{source} is a clone without history: git fetch --unshallow there first")
    releases = tags.released(clone)
    if not releases:
        raise SystemExit(f"the template has no releases, tags or headings ## 1.2.3: {source}")
    for name, commit in releases.items():
        output("git", "-C", clone, "tag", "--no-sign", name, commit)


def resolve(clone: Path, name: str) -> str:
    """Return the commit of this name, or nothing."""
    options = ("--verify", "--quiet", "--end-of-options")
    return run("git", "-C", clone, "rev-parse", *options, name + "^{commit}").stdout.strip()


def list_releases(clone: Path, *options: str) -> list[Release]:
    """Return the tags that are versions, oldest first."""
    names = sort_versions(output("git", "-C", clone, "tag", *options).split())
    return [Release(name, resolve(clone, f"refs/tags/{name}"), parse(name)) for name in names]


def describe(clone: Path, commit: str) -> Release:
    """Return the release of a commit; between two releases it is named as by `git describe`."""
    merged = list_releases(clone, "--merged", commit)
    if not merged:
        return Release(commit[:7], commit, None)
    tagged = [release for release in merged if release.commit == commit]
    if tagged:
        return tagged[-1]
    newest = merged[-1]
    count = output("git", "-C", clone, "rev-list", "--count", f"{newest.commit}..{commit}")
    return Release(f"{newest.name}-{count}-g{commit[:7]}", commit, newest.version)


def choose(clone: Path, before: Release, to: str) -> Release:
    """Return the newest release that contains the project's, or `to=`.

    A fork's release is not in those of its upstream, which would take away what the fork added. A
    pre-release is for those who ask for it, or are on one.
    """
    later = list_releases(clone, "--contains", before.commit)
    if to:
        return choose_named(clone, before, to, later)
    tried = is_prerelease(before)
    newest = next((one for one in reversed(later) if tried or not is_prerelease(one)), before)
    return newest if is_later(newest, before) else before


def is_prerelease(release: Release) -> bool:
    return release.version is not None and release.version.is_prerelease


def is_later(release: Release, other: Release) -> bool:
    if release.version is None:
        return False
    return other.version is None or release.version > other.version


def choose_named(clone: Path, before: Release, to: str, later: list[Release]) -> Release:
    releases = {release.name: release for release in list_releases(clone)}
    if to not in releases:
        newest = later[-1].name if later else before.name
        raise SystemExit(f"there is no release {to}; the newest is {newest}")
    if releases[to].commit == before.commit:
        return before
    if releases[to] in later:
        return releases[to]
    if is_later(releases[to], before):
        raise SystemExit(
            f"{to} does not contain {before.name}, where this project is: an update would take"
            f" away what only {before.name} has. In a fork: merge {to} there, and release that"
        )
    raise SystemExit(f"this project is at {before.name}, and cannot go back to {to}")
