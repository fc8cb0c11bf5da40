"""Services that were copied from a release, and their updates by copier as users run them."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import copier
import yaml

from harness.fast_rendering import copier_python
from harness.project import Project
from harness.releases import Releases, commit, configuration_of, git, needs_trust, released
from harness.template import Answers, files, render


def milestones(releases: list[str]) -> list[str]:
    """Return the first and the last release of each major version."""
    by_major: dict[str, list[str]] = {}
    for release in releases:
        by_major.setdefault(release.partition(".")[0], []).append(release)
    ends = []
    for names in by_major.values():
        ends += [names[0], names[-1]]
    return list(dict.fromkeys(ends))


RELEASES = list(released())
MILESTONES = milestones(RELEASES)
OPTIONS: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True, "unsafe": False}
CONFLICT_MODES = ["inline", "rej"]
# Every file that depends on an answer is rendered for one of these, and not for another.
ANSWERS = {
    "all of PostgreSQL": {
        "database": "postgresql",
        "deploy": ["docker", "kubernetes"],
        "ci": "github",
        "telemetry": ["opentelemetry", "prometheus", "sentry"],
        "auth": "accounts",
    },
    "little of PostgreSQL": {
        "database": "postgresql",
        "deploy": [],
        "ci": "none",
        "telemetry": [],
        "auth": "none",
    },
    "SQLite": {
        "database": "sqlite",
        "deploy": ["docker"],
        "ci": "gitlab",
        "telemetry": ["prometheus"],
        "auth": "oidc",
    },
}
# The lines around an inline conflict.
CONFLICT_START = f"{'<' * 7} before updating\n"
CONFLICT_END = f"{'>' * 7} after updating\n"
# The update of a test in a process of its own.
UPDATE = """\
import copier, sys
copier.run_update(
    ".",
    vcs_ref=sys.argv[1],
    defaults=True,
    overwrite=True,
    quiet=True,
    unsafe=True,
    settings=copier.Settings(),
)
"""
# An entry of `_migrations`, the last list in copier.yml.
HOOK_ENTRY = """\
  - version: "{version}"
    when: "{{{{ _stage == 'before' }}}}"
    command: ["{{{{ _copier_python }}}}", "{{{{ _copier_conf.src_path }}}}/hooks/run.py", "{version}", "{{{{ _copier_conf.answers_file }}}}"]
"""


def in_turns(
    cases: Sequence[str], releases: Sequence[str] = tuple(RELEASES)
) -> list[tuple[str, str]]:
    """Return cases with releases: the newest with every case, the others with one of them in turns.

    A release never changes, and its neighbours contain nearly the same files.
    """
    pairs = []
    for number, release in enumerate(releases[:-1]):
        pairs.append((cases[number % len(cases)], release))
    pairs += [(case, releases[-1]) for case in cases]
    return pairs


def start_service(releases: Releases, folder: Path, release: str, answers: Answers) -> Path:
    """Copy a release and commit it, with those of the answers that it asks for."""
    original = releases.source.with_name("started") / f"{release}-{hash(repr(answers))}"
    if not original.exists():
        copy_and_commit(releases, original, release, answers)
    return shutil.copytree(original, folder, symlinks=True)


def copy_and_commit(releases: Releases, folder: Path, release: str, answers: Answers) -> None:
    asked = configuration_of(releases, release)
    known = {name: answer for name, answer in answers.items() if name in asked}
    render(releases.source, folder, known, vcs_ref=release)
    git("init", "--quiet", "--initial-branch", "main", cwd=folder)
    commit(folder, "Start")


def update(folder: Path, release: str, **options: Any) -> None:
    """Run `copier update`, by default without trust."""
    copier.run_update(folder, vcs_ref=release, settings=copier.Settings(), **OPTIONS | options)


def update_command(release: str) -> list[str]:
    """Return a command that updates the service in the current folder, with trust."""
    return [copier_python(), "-c", UPDATE, release]


def recopy(folder: Path, release: str, **options: Any) -> None:
    """Run `copier recopy`, by default without trust."""
    copier.run_recopy(folder, vcs_ref=release, settings=copier.Settings(), **OPTIONS | options)


def update_trusting_hooks(releases: Releases, folder: Path, release: str, **options: Any) -> None:
    """Run `copier update`, with trust only if a hook runs on the way."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    trusted = needs_trust(releases, answers["_commit"], release)
    update(folder, release, unsafe=trusted, **options)


def add_hook_entry(releases: Releases, version: str) -> None:
    """Have the clone's copier.yml run a hook for this release."""
    with (releases.source / "copier.yml").open("a", encoding="utf-8") as file:
        file.write(HOOK_ENTRY.format(version=version))


def status(folder: Path) -> str:
    """Return what `git status` lists: uncommitted files and changes."""
    return git("status", "--porcelain", cwd=folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file by name, without .git and without revisions.

    Revisions are never the same: an update leaves them to the service.
    """
    bytes_by_name = {}
    for path in files(folder):
        name = path.relative_to(folder)
        if name.parts[0] != ".git" and name.parts[:2] != ("migrations", "versions"):
            bytes_by_name[str(name)] = path.read_bytes()
    return bytes_by_name


def revisions(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each revision by name."""
    paths = folder.glob("migrations/versions/*.py")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def conflicts(folder: Path) -> list[str]:
    """Return the files with inline conflicts, and the files of rejected hunks."""
    names = []
    for name, content in contents(folder).items():
        if name.endswith(".rej") or CONFLICT_START.encode() in content:
            names.append(name)
    return names


def share_environment(folder: Path, project: Project, url: str) -> Project:
    """Return the service in a folder as a project, with the environment of another one."""
    (folder / ".venv").symlink_to(project.folder / ".venv")
    (folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    (folder / ".env").write_text(f"DATABASE_URL={url}\n", "utf-8")
    return dataclasses.replace(project, folder=folder)
