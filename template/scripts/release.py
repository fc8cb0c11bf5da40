"""The step from one release of the template to another, which copier performs."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from scripts import tags
from scripts.clone import (
    Release,
    add_tags,
    choose,
    clone_template,
    describe,
    has_tags,
    parse,
    resolve,
    sort_versions,
)
from scripts.programs import copier, copier_runs, output

ANSWERS = Path(".copier-answers.yml")
RENAMES = "renames.yml"
# Prefixes of addresses that copier supports and git does not.
SHORT = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "git+": "",
    "~/": f"{Path.home()}/",
}
INCLUDE = re.compile(r"!include +(\S+)")
# A wrapper of git for copier: it clones the tagged clone instead of the template.
# $2 is --no-checkout or --mirror, and the last argument is the folder.
GIT = """#!/bin/sh
[ "$1" = clone ] || exec {git} "$@"
for folder do :; done
exec {git} clone "$2" -- {clone} "$folder"
"""


class Copy(NamedTuple):
    """A copy of a release in a new folder, and further options of copier."""

    release: Release
    folder: Path
    options: Sequence[str] = ()


class Step(NamedTuple):
    """The current and the new release; the template's address, and a clone of it."""

    before: Release
    after: Release
    source: str
    clone: Path
    # Whether the template itself has tags, or only this clone.
    tagged: bool

    def is_newer(self) -> bool:
        return self.before.commit != self.after.commit

    def crosses(self, name: str) -> bool:
        """Return whether the version is after the current release, up to the new one."""
        version, before, after = parse(name), self.before.version, self.after.version
        if version is None or after is None or version > after:
            return False
        return before is None or version > before

    def read(self, file: str) -> str:
        """Return the text of a file in the new release of the template."""
        return output("git", "-C", self.clone, "show", f"{self.after.commit}:{file}")

    def list_files(self) -> list[str]:
        """Return the names of the files in the new release of the template."""
        command = ("git", "-C", self.clone, "ls-tree", "-r", "--name-only", self.after.commit)
        return output(*command).splitlines()

    def renames(self) -> dict[str, str]:
        """Return the new names of files that the crossed releases rename, by their old names.

        renames.yml has the old and new names by release. A file renamed twice has its last name.
        """
        renames: dict[str, str] = {}
        if RENAMES not in self.list_files():
            return renames
        for release, names in (yaml.safe_load(self.read(RENAMES)) or {}).items():
            if not self.crosses(str(release)):
                continue
            for old, new in names.items():
                for earlier, later in renames.items():
                    if later == old:
                        renames[earlier] = new
                renames[old] = new
        return renames

    def changes(self) -> str:
        """Return the entries of CHANGELOG.md for the crossed releases."""
        wanted = []
        for entry in re.split(r"(?m)^(?=## )", self.read("CHANGELOG.md")):
            releases = tags.headings(entry)
            if any(map(self.crosses, releases)):
                wanted.append(entry.strip())
        return "\n\n".join(wanted)

    def configuration(self) -> dict[str, Any]:
        """Return copier.yml with its included files."""
        merged: dict[str, Any] = {"_migrations": []}
        for text in self._read_configuration():
            for document in yaml.safe_load_all(INCLUDE.sub("", text)):
                if document:
                    migrations = merged["_migrations"] + (document.get("_migrations") or [])
                    merged |= {**document, "_migrations": migrations}
        return merged

    def _read_configuration(self) -> Iterator[str]:
        text = self.read("copier.yml")
        yield text
        for pattern in INCLUDE.findall(text):
            for name in fnmatch.filter(self.list_files(), pattern):
                yield self.read(name)

    def questions(self) -> list[str]:
        """Return the names of the questions, without values that copier computes."""
        names = []
        for name, question in self.configuration().items():
            is_computed = isinstance(question, dict) and question.get("when") is False
            if not name.startswith("_") and not is_computed:
                names.append(name)
        return sorted(names)

    def hooks(self) -> list[str]:
        """Return the releases whose update runs code in this project."""
        configuration = self.configuration()
        pinned, always = set(), bool(configuration.get("_tasks"))
        for entry in configuration["_migrations"]:
            if not isinstance(entry, dict) or entry.get("version") is None:
                always = True
            elif self.crosses(str(entry["version"])):
                pinned.add(str(entry["version"]))
        releases = sort_versions(pinned)
        if always:
            releases.append("every update")
        return releases

    def render(self, *copies: Copy) -> list[dict[str, bytes]]:
        """Return the files of each copy, rendered with the current answers; none if that fails."""
        commands = []
        for copy in copies:
            options = (f"--data-file={ANSWERS}", f"--vcs-ref={copy.release.commit}", *copy.options)
            folders = (str(self.clone), str(copy.folder))
            commands.append(["copy", "--defaults", "--quiet", *options, *folders])
        copier_runs(commands)
        return [read_files(copy.folder) for copy in copies]

    def update(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `copier update`; if the template has no tags, with those of the clone."""
        arguments = ("update", "--defaults", "--quiet", f"--vcs-ref={self.after.commit}", *options)
        if self.tagged:
            return copier(*arguments, ".")
        done = copier(*arguments, ".", settings=self._clone_with_tags())
        if not done.returncode:
            # copier has written a tag of the clone, which the template does not have.
            commit = yaml.safe_dump({"_commit": self.after.commit}).strip()
            text = re.sub(r"(?m)^_commit: .*$", lambda _: commit, ANSWERS.read_text("utf-8"))
            ANSWERS.write_text(text, "utf-8")
        return done

    def _clone_with_tags(self) -> dict[str, str]:
        """Return environment variables that make `git clone` copy the tagged clone."""
        folder = self.clone.with_name("programs")
        folder.mkdir()
        git, clone = shlex.quote(str(shutil.which("git"))), shlex.quote(str(self.clone))
        (folder / "git").write_text(GIT.format(git=git, clone=clone), "utf-8")
        (folder / "git").chmod(0o755)
        return {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "COPIER_CACHE_DIR": str(folder / "cache"),
        }


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files in a folder by name."""
    files = {}
    for path in folder.rglob("*"):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def plan(clone: Path, to: str) -> Step:
    """Return the step to the newest release or to `to`; exit with a message on failure."""
    source, commit = read_answers()
    if not clone_template(expand(source), clone):
        raise SystemExit(f"the template cannot be reached: {source}")
    tagged = has_tags(clone)
    if not tagged:
        add_tags(clone, source)
    current = resolve(clone, commit)
    if not current:
        raise SystemExit(f"{ANSWERS} names {commit}, which {source} does not have")
    before = describe(clone, current)
    return Step(before, choose(clone, before, to), source, clone, tagged)


def expand(source: str) -> str:
    """Return the address of the template in the form that git supports."""
    for short, long in SHORT.items():
        if source.startswith(short):
            return long + source.removeprefix(short)
    return source


def read_answers() -> tuple[str, str]:
    """Return the address of the template and the release of this project."""
    try:
        # Read all values as text: 1.10 is not 1.1.
        answers = yaml.load(ANSWERS.read_bytes(), yaml.BaseLoader)  # noqa: S506
    except FileNotFoundError:
        raise SystemExit(f"{ANSWERS} is missing, so the template is unknown") from None
    except yaml.YAMLError:
        answers = None
    if not isinstance(answers, dict):
        raise SystemExit(f"{ANSWERS} cannot be read; git log {ANSWERS} shows what it was")
    for key in ("_src_path", "_commit"):
        if not answers.get(key):
            raise SystemExit(f"{ANSWERS} has no {key}, so there is nothing to update from")
    return str(answers["_src_path"]), str(answers["_commit"])
