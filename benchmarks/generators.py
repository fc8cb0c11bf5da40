"""Commands that generate a project or update one, each in a folder prepared for it."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.resource_usage import Cost, now, since
from harness.processes import IDENTITY, run
from harness.releases import commit, git, needs_trust, tagged_clone
from harness.template import files, render

ANSWERS = ["--defaults", "--data", "service_name=orders"]
COPY, UPDATE = "copier copy", "copier update from the release before"
# Options of git before its command.
GIT_OPTIONS = re.compile(r"^(-[Cc] \S+ |-\S+ )*")

Command = list[str | Path]


@dataclass
class Generator:
    """A command, and what it cost and wrote so far."""

    title: str
    command: Command
    prepare: Callable[[Path], object] = Path.mkdir
    costs: list[Cost] = field(default_factory=list)
    files: int = 0
    # How often each command of git was run.
    git: Counter[str] = field(default_factory=Counter)

    def count(self, folder: Path, programs: Path) -> Cost:
        """Run it in this folder; count its files and its commands of git, and return the cost.

        `programs` has a git that writes its arguments to git.log.
        """
        log = programs / "git.log"
        log.write_text("")
        cost = self.run(folder, programs)
        self.git = Counter(map(git_command, log.read_text("utf-8").splitlines()))
        self.files = sum(".git" not in path.parts for path in files(folder))
        shutil.rmtree(folder)
        return cost

    def measure(self, folder: Path, programs: Path) -> None:
        """Run it in this folder and record the cost."""
        self.costs.append(self.run(folder, programs))
        shutil.rmtree(folder)

    def run(self, folder: Path, programs: Path) -> Cost:
        self.prepare(folder)
        environment = {**IDENTITY, "PATH": f"{programs}:{os.environ['PATH']}"}
        before = now()
        run(*self.command, cwd=folder, env=environment)
        return since(before)


def git_command(arguments: str) -> str:
    """Return the command in git's arguments, after options such as `-C folder`."""
    return GIT_OPTIONS.sub("", arguments).partition(" ")[0]


def copier_generators(folder: Path, copier: Path) -> list[Generator]:
    """Return `copier copy` and `copier update` with this template, and copy with a small one."""
    releases = tagged_clone(folder / "template")
    # The newest release before the working tree's.
    before = [name for name in releases.names if name != releases.next][-1]
    older = folder / "older"
    copy: Command = [copier, "copy", "--quiet", *ANSWERS]
    render(releases.source, folder / "project", {})
    render(releases.source, older, {}, vcs_ref=before)
    git("init", "--quiet", cwd=older)
    commit(older, "Start")
    update: Command = [copier, "update", "--quiet", "--defaults"]
    if needs_trust(releases, before, releases.next):
        update.append("--trust")
    small = small_template(folder / "small")
    return [
        Generator(COPY, [*copy, releases.source, "orders"]),
        Generator(UPDATE, update, lambda to: shutil.copytree(older, to, symlinks=True)),
        Generator("copier copy, a template of one file", [*copy, small, "orders"]),
    ]


def small_template(folder: Path) -> Path:
    """Return a template for copier with a single file, as a release."""
    folder.mkdir()
    (folder / "README.md.jinja").write_text("# {{ service_name }}\n")
    (folder / "copier.yml").write_text("service_name: {type: str}\n")
    git("init", "--quiet", cwd=folder)
    commit(folder, "Start")
    git("tag", "--no-sign", "1.0.0", cwd=folder)
    return folder


def cookiecutter_generators(folder: Path, cookiecutter: Path, project: Path) -> list[Generator]:
    """Return cookiecutter with templates of all files of a project, and of a single file."""
    command: Command = [cookiecutter, "--no-input"]
    every = cookiecutter_template(files(project), project, folder / "cookies")
    single = cookiecutter_template([project / "README.md"], project, folder / "cookie")
    return [
        Generator("cookiecutter, the same files", [*command, every]),
        Generator("cookiecutter, a template of one file", [*command, single]),
    ]


def cookiecutter_template(paths: list[Path], project: Path, folder: Path) -> Path:
    """Write a template for cookiecutter that renders these files of a project."""
    inside = folder / "{{ cookiecutter.name }}"
    for path in paths:
        copy = inside / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8").replace("{% raw %}", "").replace("{% endraw %}", "")
        copy.write_text("{% raw %}" + text + "{% endraw %}{{ cookiecutter.name[:0] }}", "utf-8")
    (folder / "cookiecutter.json").write_text(json.dumps({"name": "orders"}))
    return folder
