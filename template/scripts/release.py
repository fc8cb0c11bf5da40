"""The step from one release of the template to another, and copier, which does it."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from scripts import tags
from scripts.clone import Release, add_tags, choose, describe, parse, resolve, sort_versions
from scripts.programs import copier, output, run
from scripts.renames import parse_renames

ANSWERS = Path(".copier-answers.yml")
RENAMES = "renames.yml"
SHORT = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "git+": "",
    "~/": f"{Path.home()}/",
}
INCLUDE = re.compile(r"!include +(\S+)")
# copier clones the template. This git gives it the clone that has tags instead; $2 is --no-checkout
# or --mirror, and the last argument is the folder.
GIT = """#!/bin/sh
[ "$1" = clone ] || exec {git} "$@"
for folder do :; done
exec {git} clone "$2" -- {clone} "$folder"
"""


class Step(NamedTuple):
    """The release to leave and the one to reach; the template's address, and a clone of it."""

    before: Release
    after: Release
    source: str
    clone: Path
    # Whether the template has tags, or only this clone of it.
    tagged: bool

    def is_newer(self) -> bool:
        return self.before.commit != self.after.commit

    def has(self, name: str) -> bool:
        """Return whether the version comes after the one release, up to the other."""
        version, before, after = parse(name), self.before.version, self.after.version
        if version is None or after is None or version > after:
            return False
        return before is None or version > before

    def read(self, file: str) -> str:
        return output("git", "-C", self.clone, "show", f"{self.after.commit}:{file}")

    def renames(self) -> dict[str, str]:
        """Return the new names of files that a release on the way has renamed, by the old ones."""
        command = ("git", "-C", self.clone, "ls-tree", "--name-only", self.after.commit)
        if RENAMES not in output(*command).splitlines():
            return {}
        return parse_renames(self.read(RENAMES), self.has)

    def changes(self) -> str:
        """Return the entries of the change log after the one release, up to the other."""
        entries = re.split(r"(?m)^(?=## )", self.read("CHANGELOG.md"))
        wanted = [entry.strip() for entry in entries if any(map(self.has, tags.headings(entry)))]
        return "\n\n".join(wanted)

    def configuration(self) -> dict[str, Any]:
        """Return copier.yml with the files that it includes."""
        command = ("git", "-C", self.clone, "ls-tree", "-r", "--name-only", self.after.commit)
        names, texts = output(*command).splitlines(), [self.read("copier.yml")]
        for pattern in INCLUDE.findall(texts[0]):
            texts += [self.read(name) for name in fnmatch.filter(names, pattern)]
        merged: dict[str, Any] = {"_migrations": []}
        for text in texts:
            for document in filter(None, yaml.safe_load_all(INCLUDE.sub("", text))):
                migrations = merged["_migrations"] + (document.get("_migrations") or [])
                merged |= {**document, "_migrations": migrations}
        return merged

    def questions(self) -> list[str]:
        """Return the names of what is asked: what is computed cannot be answered."""
        asked = [
            name
            for name, question in self.configuration().items()
            if not name.startswith("_")
            and not (isinstance(question, dict) and question.get("when") is False)
        ]
        return sorted(asked)

    def hooks(self) -> list[str]:
        """Return the releases whose update runs code of the template in this project."""
        configuration = self.configuration()
        pinned, always = set(), bool(configuration.get("_tasks"))
        for entry in configuration["_migrations"]:
            version = entry.get("version") if isinstance(entry, dict) else None
            if version is None:
                always = True
            elif self.has(str(version)):
                pinned.add(str(version))
        return [*sort_versions(pinned), *(["every update"] if always else [])]

    def render(self, release: Release, folder: Path, *options: str) -> dict[str, bytes]:
        """Return the files as a release has them, with the answers as they are now."""
        answers = (f"--data-file={ANSWERS}", f"--vcs-ref={release.commit}")
        copier("copy", "--defaults", "--quiet", *answers, *options, self.clone, folder)
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return {name.as_posix(): path.read_bytes() for name, path in files.items()}

    def update(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Have copier update; where the template has no tags, with those of the clone."""
        arguments = ("update", "--defaults", "--quiet", f"--vcs-ref={self.after.commit}", *options)
        if self.tagged:
            return copier(*arguments, ".")
        folder = self.clone.with_name("programs")
        folder.mkdir()
        git, clone = shlex.quote(str(shutil.which("git"))), shlex.quote(str(self.clone))
        (folder / "git").write_text(GIT.format(git=git, clone=clone), "utf-8")
        (folder / "git").chmod(0o755)
        settings = {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "COPIER_CACHE_DIR": str(folder / "cache"),
        }
        done = copier(*arguments, ".", settings=settings)
        if not done.returncode:
            # What the template itself has a name for.
            commit = yaml.safe_dump({"_commit": self.after.commit}).strip()
            text = re.sub(r"(?m)^_commit: .*$", lambda _: commit, ANSWERS.read_text("utf-8"))
            ANSWERS.write_text(text, "utf-8")
        return done


def plan(clone: Path, to: str) -> Step:
    """Find the newest release, or `to=`; end with a line where there is no way to it."""
    source, commit = read_answers()
    short = next((short for short in SHORT if source.startswith(short)), "")
    address = SHORT[short] + source.removeprefix(short) if short else source
    if run("git", "clone", "--quiet", "--no-checkout", "--", address, clone).returncode:
        raise SystemExit(f"the template cannot be reached: {source}")
    tagged = any(map(parse, output("git", "-C", clone, "tag").split()))
    if not tagged:
        add_tags(clone, source)
    found = resolve(clone, commit)
    if not found:
        raise SystemExit(f"{ANSWERS} names {commit}, which {source} does not have")
    before = describe(clone, found)
    return Step(before, choose(clone, before, to), source, clone, tagged)


def read_answers() -> tuple[str, str]:
    """Return the address of the template and the release of this project."""
    try:
        # Everything is text: 1.10 is not 1.1.
        answers = yaml.load(ANSWERS.read_bytes(), yaml.BaseLoader)  # noqa: S506
    except FileNotFoundError:
        raise SystemExit(f"{ANSWERS} is missing, so the template is not known") from None
    except yaml.YAMLError:
        answers = None
    if not isinstance(answers, dict):
        raise SystemExit(f"{ANSWERS} cannot be read; git log {ANSWERS} shows what it was")
    for key in ("_src_path", "_commit"):
        if not answers.get(key):
            raise SystemExit(f"{ANSWERS} has no {key}, so there is nothing to update from")
    return str(answers["_src_path"]), str(answers["_commit"])
