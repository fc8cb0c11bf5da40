"""Rendering a project: `copier copy` and `copier update` beside cookiecutter and a peer's generator.

They run with the same Python, from folders on this machine.
"""

import json
import os
import pstats
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.costs import Cost, best, now, since
from benchmarks.peer import OPTIONS, PACKAGE
from benchmarks.report import Report, Table, versions
from harness.processes import IDENTITY, clean_environment, run
from harness.programs import working_python
from harness.project import uv_folder
from harness.releases import commit, git, needs_trust, tagged_clone
from harness.template import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDS = 5
# Notes the processes of git, then becomes git.
COUNTER = '#!/bin/sh\necho "$*" >> {log}\nexec {git} "$@"\n'
ANSWERS = ["--defaults", "--data", "service_name=orders"]
COPY, UPDATE = "copier copy", "copier update from the release before"


@dataclass
class Generator:
    """A command that makes a project, or changes one, in a folder that is prepared for it."""

    title: str
    command: list[str | Path]
    prepare: Callable[[Path], object] = Path.mkdir
    costs: list[Cost] = field(default_factory=list)
    files: int = 0
    # What git was asked, by the name of its command.
    git: Counter[str] = field(default_factory=Counter)

    def count(self, folder: Path, programs: Path) -> None:
        """Run it in this folder; note what it makes, and the processes of git."""
        log = programs / "git.log"
        log.write_text("")
        self.run(folder, programs)
        self.git = Counter(map(git_command, log.read_text("utf-8").splitlines()))
        self.files = sum(".git" not in path.parts for path in files(folder))
        shutil.rmtree(folder)

    def measure(self, folder: Path, programs: Path) -> None:
        """Run it in this folder; note what that costs."""
        self.costs.append(self.run(folder, programs))
        shutil.rmtree(folder)

    def run(self, folder: Path, programs: Path) -> Cost:
        self.prepare(folder)
        environment = {**IDENTITY, "PATH": f"{programs}:{os.environ['PATH']}"}
        before = now()
        run(*self.command, cwd=folder, env=environment)
        return since(before)


def git_command(arguments: str) -> str:
    """Return the name of git's command, after its options."""
    return re.sub(r"^(-[Cc] \S+ |-\S+ )*", "", arguments).partition(" ")[0]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure all in turns; quick: one round, without the peer."""
    python = working_python(["3.14", "3.13", "3.12"]) if not quick else None
    bin_ = environment(folder / "venv", python, f"copier=={version('copier')}", "cookiecutter")
    # The peer's generator installs packages with uv after it has rendered: no part of this.
    nothing = "#!/bin/sh\nexit 0\n"
    idle = write_programs(folder / "idle", {"uv": nothing})
    there = shutil.which("git", path=clean_environment()["PATH"])
    counter = COUNTER.format(log=folder / "counting/git.log", git=there)
    counting = write_programs(folder / "counting", {"uv": nothing, "git": counter})
    generators = prepared(folder, bin_)
    known = versions(bin_ / "python", "copier", "cookiecutter", "jinja2")
    if python:
        # It wants an old cookiecutter.
        own = environment(folder / "peers", python, PACKAGE)
        peer: list[str | Path] = [own / "fastapi_template", *OPTIONS.split()]
        generators.append(Generator(f"{PACKAGE}, without its installation", peer))
        known |= versions(own / "python", PACKAGE)
    # The counting git is a shell script, which costs something itself. It fills the caches, too.
    for one in generators:
        one.count(folder / "made", counting)
    for number in range(1 if quick else ROUNDS):
        for one in generators[:: -1 if number % 2 else 1]:
            one.measure(folder / "made", idle)
    return Report(
        tables={
            "cost": cost_table(generators),
            "git": git_table([one for one in generators if one.title in (COPY, UPDATE)]),
            "profile": profile(generators[0], folder, bin_ / "python"),
        },
        plots={"cost": lambda axes: plot(axes, generators)},
        versions=known,
    )


def environment(folder: Path, python: str | None, *packages: str) -> Path:
    """Install packages with this Python, or with the one that runs; return where programs are."""
    uv, there = uv_folder() / "uv", folder / "bin"
    run(uv, "venv", "--quiet", "--python", python or sys.executable, folder, cwd=folder.parent)
    install = [uv, "pip", "install", "--quiet", "--python", there / "python"]
    run(*install, *packages, cwd=folder)
    return there


def write_programs(folder: Path, texts: dict[str, str]) -> Path:
    """Return a folder with these programs, for the PATH."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def prepared(folder: Path, programs: Path) -> list[Generator]:
    """Return copier's commands, and cookiecutter's with a template of the same files."""
    releases = tagged_clone(folder / "template")
    # The newest that is not the working tree's.
    before = [name for name in releases.names if name != releases.next][-1]
    copier, source = programs / "copier", releases.source
    project, older = folder / "project", folder / "older"
    copy: list[str | Path] = [copier, "copy", "--quiet", *ANSWERS]
    run(*copy, source, project, cwd=folder)
    run(*copy, "--vcs-ref", before, source, older, cwd=folder)
    git("init", "--quiet", cwd=older)
    commit(older, "Start")
    trust = ["--trust"] if needs_trust(releases, before, releases.next) else []
    update: list[str | Path] = [copier, "update", "--quiet", "--defaults", *trust]
    cookiecutter: list[str | Path] = [programs / "cookiecutter", "--no-input"]
    small = folder / "small"
    small.mkdir()
    (small / "README.md.jinja").write_text("# {{ service_name }}\n")
    (small / "copier.yml").write_text("service_name: {type: str}\n")
    git("init", "--quiet", cwd=small)
    commit(small, "Start")
    git("tag", "--no-sign", "1.0.0", cwd=small)
    return [
        Generator(COPY, [*copy, source, "orders"]),
        Generator(UPDATE, update, lambda to: shutil.copytree(older, to, symlinks=True)),
        Generator("copier copy, a template of one file", [*copy, small, "orders"]),
        Generator(
            "cookiecutter, the same files",
            [*cookiecutter, cookiecutter_template(files(project), project, folder / "cookies")],
        ),
        Generator(
            "cookiecutter, a template of one file",
            [
                *cookiecutter,
                cookiecutter_template([project / "README.md"], project, folder / "one"),
            ],
        ),
    ]


def cookiecutter_template(paths: list[Path], project: Path, folder: Path) -> Path:
    """Make a template of cookiecutter that renders these files of a project."""
    inside = folder / "{{ cookiecutter.name }}"
    for path in paths:
        copy = inside / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8").replace("{% raw %}", "").replace("{% endraw %}", "")
        copy.write_text("{% raw %}" + text + "{% endraw %}{{ cookiecutter.name[:0] }}", "utf-8")
    (folder / "cookiecutter.json").write_text(json.dumps({"name": "orders"}))
    return folder


def cost_table(generators: list[Generator]) -> Table:
    header = ["command", "files", "CPU s", "s on the clock", "processes of git", "CPU ms a file"]
    rows = []
    for one in generators:
        wall, cpu = best(one.costs)
        row = [one.title, str(one.files), f"{cpu:.2f}", f"{wall:.2f}", str(one.git.total())]
        rows.append([*row, f"{cpu / one.files * 1000:.0f}"])
    return Table(header, rows)


def git_table(generators: list[Generator]) -> Table:
    """Return how often each command of git is run, the most frequent first."""
    every = sum((one.git for one in generators), Counter[str]())
    names = [name for name, _ in every.most_common(8)]
    rows = [[f"git {name}", *(str(one.git[name]) for one in generators)] for name in names]
    others = [one.git.total() - sum(one.git[name] for name in names) for one in generators]
    rows.append(["others", *map(str, others)])
    return Table(["process", *(one.title for one in generators)], rows)


def profile(copy: Generator, folder: Path, python: Path) -> Table:
    """Return the seconds that `copier copy` spends in each package, from Python's own profiler."""
    output = folder / "profile"
    made = folder / "profiled"
    made.mkdir()
    command = [python, "-m", "cProfile", "-o", output, *copy.command]
    run(*command, cwd=made, env=IDENTITY)
    found = packages(pstats.Stats(str(output)))
    total = found.total()
    rows = [
        [name, f"{seconds:.2f}", f"{seconds / total * 100:.0f} %"]
        for name, seconds in found.most_common(10)
    ]
    return Table(["package", "s", "share"], [*rows, ["all", f"{total:.2f}", "100 %"]])


def packages(stats: pstats.Stats) -> Counter[str]:
    """Return seconds by package or module; what is written in C counts to who calls it."""
    found: Counter[str] = Counter()
    for (path, _, _), (_, _, own, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if path == "~" and callers:
            for (caller, _, _), (_, _, part, _) in callers.items():
                found[package(caller)] += part
        else:
            found[package(path)] += own
    return found


def package(path: str) -> str:
    """Return the package of a file, or the module of Python's own library."""
    if "importlib" in path:
        return "imports"
    name = re.sub(r"^.*/(site-packages|python3\.\d+)/", "", path)
    return re.sub(r"\.py$", "", name.partition("/")[0])


def plot(axes: "Axes", generators: list[Generator]) -> None:
    """Draw a bar for each command."""
    axes.barh([one.title for one in generators], [best(one.costs).cpu for one in generators])
    axes.invert_yaxis()
    axes.set_xlabel("CPU seconds")
