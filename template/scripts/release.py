"""The releases of the template that this project was made from, and copier, which brings them."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ANSWERS = Path(".copier-answers.yml")
SHORT = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "git+": "",
    "~/": f"{Path.home()}/",
}
RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")

# It comes with copier, which the environment of the project, where types are checked, has not.
yaml: Any = importlib.import_module("yaml")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", check=False
        )
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed") from None


def output(*command: str | Path) -> str:
    done = run(*command)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout.strip()


def copier(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # -I: modules of this folder must not be taken for those that copier imports.
    return run(sys.executable, "-I", "-m", "copier", *arguments)


def number(release: str) -> tuple[int, ...]:
    """Return what a release is compared by; a commit before the first release is the least."""
    found = RELEASE.match(release)
    return tuple(map(int, found.groups())) if found else ()


class Step(NamedTuple):
    """The release to leave and the one to reach; the template's address, and a clone of it."""

    before: str
    after: str
    source: str
    clone: Path

    def has(self, release: str) -> bool:
        return number(self.before) < number(release) <= number(self.after)

    def read(self, file: str) -> str:
        return output("git", "-C", self.clone, "show", f"{self.after}:{file}")

    def changes(self) -> str:
        """Return the entries of the change log after the one release, up to the other."""
        entries = re.split(r"(?m)^(?=## )", self.read("CHANGELOG.md"))
        return "\n\n".join(e.strip() for e in entries if self.has(e.removeprefix("## ")))

    def hooks(self) -> list[str]:
        """Return the releases whose update runs code of the template in this project."""
        entries = yaml.safe_load(self.read("copier.yml")).get("_migrations", [])
        return sorted({*filter(self.has, (str(entry["version"]) for entry in entries))}, key=number)

    def render(self, release: str, folder: Path) -> dict[str, bytes]:
        """Return the files as a release has them, with the answers as they are now."""
        answers = (f"--data-file={ANSWERS}", f"--vcs-ref={release}")
        copier("copy", "--defaults", "--quiet", *answers, self.clone, folder)
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return {name.as_posix(): path.read_bytes() for name, path in files.items()}


def plan(clone: Path, to: str) -> Step:
    """Find the newest release, or `to=`; end with a line where there is no way to it."""
    source, commit = read_answers()
    short = next((short for short in SHORT if source.startswith(short)), "")
    address = SHORT[short] + source.removeprefix(short) if short else source
    if run("git", "clone", "--quiet", "--no-checkout", "--", address, clone).returncode:
        raise SystemExit(f"the template cannot be reached: {source}")
    if run("git", "-C", clone, "cat-file", "-e", commit + "^{commit}").returncode:
        raise SystemExit(f"{ANSWERS} names {commit}, which {source} does not have")
    described = run("git", "-C", clone, "describe", "--tags", "--match=*.*.*", commit)
    tags = output("git", "-C", clone, "tag").split()
    releases = sorted(filter(RELEASE.fullmatch, tags), key=number)
    if not releases:
        raise SystemExit(f"the template has no releases: {source}")
    if to and to not in releases:
        raise SystemExit(f"there is no release {to}; the newest is {releases[-1]}")
    return Step(described.stdout.strip() or commit, to or releases[-1], source, clone)


def read_answers() -> tuple[str, str]:
    """Return the address of the template and the release of this project."""
    try:
        answers = yaml.safe_load(ANSWERS.read_bytes())
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
