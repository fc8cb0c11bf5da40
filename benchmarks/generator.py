"""Rendering a project: `copier copy` and `copier update` beside cookiecutter and fastapi_template.

All run with the same Python, from folders on this machine.
"""

import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks import fastapi_template
from benchmarks.generator_tables import cost_table, git_table, plot_cost, profile_table
from benchmarks.generators import (
    COPY,
    UPDATE,
    Generator,
    cookiecutter_generators,
    copier_generators,
)
from benchmarks.report import Report, versions
from harness.processes import IDENTITY, clean_environment, run
from harness.programs import working_python
from harness.project import uv_folder

ROUNDS = 5
# A git that writes its arguments to a log, then becomes the real git.
COUNTING_GIT = '#!/bin/sh\necho "$*" >> {log}\nexec {git} "$@"\n'
# fastapi_template installs packages with uv after rendering, which is not measured.
IDLE_UV = "#!/bin/sh\nexit 0\n"


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure all in turns; quick: as they are counted, without fastapi_template."""
    python = None if quick else working_python(fastapi_template.PYTHONS)
    copier = f"copier=={version('copier')}"
    programs = install(folder / "venv", python, copier, "cookiecutter")
    packages = versions(programs / "python", "copier", "cookiecutter", "jinja2")
    generators = copier_generators(folder, programs / "copier")
    cookiecutter, project = programs / "cookiecutter", folder / "project"
    generators += cookiecutter_generators(folder, cookiecutter, project)
    if python:
        # In an environment of its own, as it requires an old cookiecutter.
        own = install(folder / "peers", python, fastapi_template.PACKAGE)
        generators.append(fastapi_template_generator(own))
        packages |= versions(own / "python", fastapi_template.PACKAGE)
    run_all(folder, generators, rounds=0 if quick else ROUNDS)
    # The third is `copier copy` with a template of one file.
    profile = profile_copy(generators[2 if quick else 0], folder, programs / "python")
    with_git = [generator for generator in generators if generator.title in (COPY, UPDATE)]
    return Report(
        tables={
            "cost": cost_table(generators),
            "git": git_table(with_git),
            "profile": profile_table(profile),
        },
        plots={"cost": lambda axes: plot_cost(axes, generators)},
        versions=packages,
    )


def install(folder: Path, python: str | None, *packages: str) -> Path:
    """Install packages in a virtual environment of this Python; return the folder of programs."""
    uv, programs = uv_folder() / "uv", folder / "bin"
    run(uv, "venv", "--quiet", "--python", python or sys.executable, folder, cwd=folder.parent)
    command = [uv, "pip", "install", "--quiet", "--python", programs / "python"]
    run(*command, *packages, cwd=folder)
    return programs


def fastapi_template_generator(programs: Path) -> Generator:
    command = [programs / "fastapi_template", *fastapi_template.OPTIONS.split()]
    return Generator(f"{fastapi_template.PACKAGE}, without its installation", command)


def run_all(folder: Path, generators: list[Generator], rounds: int) -> None:
    """Count what each generator does, then measure them in turns; in no rounds, while counting."""
    git = shutil.which("git", path=clean_environment()["PATH"])
    counting_git = COUNTING_GIT.format(log=folder / "counting/git.log", git=git)
    counting = write_programs(folder / "counting", {"uv": IDLE_UV, "git": counting_git})
    idle = write_programs(folder / "idle", {"uv": IDLE_UV})
    # Not to be measured, as the shell script costs something itself. This also fills the caches.
    for generator in generators:
        cost = generator.count(folder / "made", counting)
        if rounds == 0:
            generator.costs.append(cost)
    for number in range(rounds):
        for generator in generators[:: -1 if number % 2 else 1]:
            generator.measure(folder / "made", idle)


def write_programs(folder: Path, texts: Mapping[str, str]) -> Path:
    """Return a folder with these programs, for the PATH."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def profile_copy(copy: Generator, folder: Path, python: Path) -> Path:
    """Run `copier copy` with Python's own profiler; return the file that it writes."""
    output, project = folder / "profile", folder / "profiled"
    project.mkdir()
    command = [python, "-m", "cProfile", "-o", output, *copy.command]
    run(*command, cwd=project, env=IDENTITY)
    return output
