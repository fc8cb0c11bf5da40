"""Services at a release, updated and recopied by copier as their users do it, and what they hold."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import copier
import yaml

from harness.project import Project
from harness.releases import Releases, commit, configuration_of, git, needs_trust, released
from harness.template import Answers, files, render

RELEASES = list(released())
OPTIONS: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True}
CONFLICTS = ["inline", "rej"]
# Every file that depends on an answer is in one of these, and left out of another.
ANSWERS = {
    "all of PostgreSQL": {
        "database": "postgresql",
        "deploy": ["docker", "kubernetes"],
        "ci": "github",
    },
    "little of PostgreSQL": {"database": "postgresql", "deploy": [], "ci": "none"},
    "SQLite": {"database": "sqlite", "deploy": ["docker"], "ci": "gitlab"},
}
# What git writes around two sides of a conflict.
BEFORE, AFTER = f"{'<' * 7} before updating\n", f"{'>' * 7} after updating\n"
# One more of `_migrations`, with which copier.yml ends.
HOOK_ENTRY = """\
  - version: "{version}"
    when: "{{{{ _stage == 'before' }}}}"
    command: ["{{{{ _copier_python }}}}", "{{{{ _copier_conf.src_path }}}}/hooks/run.py", "{version}", "{{{{ _copier_conf.answers_file }}}}"]
"""


def start(releases: Releases, folder: Path, release: str, answers: Answers) -> Path:
    """Copy a release and commit it, as its user would, with those answers that it asks for."""
    made = releases.source.with_name("started") / f"{release}-{hash(repr(answers))}"
    if not made.exists():
        begin(releases, made, release, answers)
    return shutil.copytree(made, folder, symlinks=True)


def begin(releases: Releases, folder: Path, release: str, answers: Answers) -> None:
    asked = configuration_of(releases, release)
    known = {name: answer for name, answer in answers.items() if name in asked}
    render(releases.source, folder, known, vcs_ref=release)
    git("init", "--quiet", "--initial-branch", "main", cwd=folder)
    commit(folder, "Start")


def update(folder: Path, release: str, **options: Any) -> None:
    """Run `copier update`, trusting nothing unless it says so."""
    given = {**OPTIONS, "unsafe": False, **options}
    copier.run_update(folder, vcs_ref=release, settings=copier.Settings(), **given)


def carry(releases: Releases, folder: Path, release: str, **options: Any) -> None:
    """Update with trust only where a hook lies on the way."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    trusted = needs_trust(releases, answers["_commit"], release)
    update(folder, release, unsafe=trusted, **options)


def status(folder: Path) -> str:
    return git("status", "--porcelain", cwd=folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files without git's own, and without those that are the project's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files(folder)
        if path.relative_to(folder).parts[0] != ".git"
        and path.relative_to(folder).parts[:2] != ("migrations", "versions")
    }


def recopy(folder: Path, release: str, **options: Any) -> None:
    given = {**OPTIONS, "unsafe": False, **options}
    copier.run_recopy(folder, vcs_ref=release, settings=copier.Settings(), **given)


def revisions(folder: Path) -> dict[str, bytes]:
    found = (folder / "migrations/versions").glob("*.py")
    return {path.name: path.read_bytes() for path in found}


def settle(folder: Path, project: Project, url: str) -> Project:
    """Give a rendered project the environment of another one, and a database."""
    (folder / ".venv").symlink_to(project.folder / ".venv")
    (folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    (folder / ".env").write_text(f"DATABASE_URL={url}\n", "utf-8")
    return dataclasses.replace(project, folder=folder)
