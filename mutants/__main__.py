"""`make mutants`: plants each regression in a copy, and runs the test that has to notice it.

`python -m mutants [NAME ...]` runs some of them. Ends with 0 when all were killed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.package_cache import CACHE, use_own_cache
from harness.processes import clean_environment, kill_group
from harness.project import NOT_COPIED, Project
from harness.releases import git
from harness.template import ROOT, add_kit_tests, copy_of_working_tree, render
from mutants import SERVICES, DoesNotApplyError, Mutant, load

PROCESSES = 2
# Where the tests of this repository find environments that are set up already: tests/conftest.py.
SHARED = "PROJECT_ENVIRONMENTS"


class Outcome(NamedTuple):
    """How the run of a test ended: its exit status, None after the limit, and what it printed."""

    status: int | None
    output: str


class Result(NamedTuple):
    mutant: Mutant
    state: str
    seconds: float
    output: str

    @property
    def is_killed(self) -> bool:
        return self.state == "killed"


@dataclass
class Workshop:
    """A folder with a service for each database and this repository, and copies to plant in."""

    folder: Path
    limit: float
    originals: dict[str | None, Path] = field(default_factory=dict)
    running: set["subprocess.Popen[bytes]"] = field(default_factory=set)

    def prepare(self, mutants: Sequence[Mutant]) -> None:
        """Render the services that are needed, each with an environment, and copy the repository."""
        # As root PostgreSQL runs as another user, who has to reach the environment.
        self.folder.chmod(0o755)
        source = copy_of_working_tree(self.folder / "source")
        # Tests of the repository that set up a project take any of the environments.
        for database, answers in SERVICES.items():
            service = render(source, self.folder / database, answers)
            add_kit_tests(service, database)
            Project(service, database).make(".venv/.synced", timeout=600)
            self.originals[database] = service
        for mutant in mutants:
            if mutant.database not in self.originals:
                self.originals[mutant.database] = self.copy_repository()

    def copy_repository(self) -> Path:
        """Return a clone, for tests that read the history, with the files as they are now."""
        folder = self.folder / "repository"
        git("clone", "--quiet", "--shared", ROOT, folder, cwd=ROOT)
        git("rm", "--quiet", "-r", ".", cwd=folder)
        copy_of_working_tree(folder)
        (folder / "build").mkdir()
        (folder / "build/uv").symlink_to(CACHE)
        return folder

    def try_mutant(self, mutant: Mutant) -> Result:
        """Plant a mutant in a copy, and run its test there."""
        start = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="mutant-", dir=self.folder)) / "orders"
        shutil.copytree(self.originals[mutant.database], folder, ignore=NOT_COPIED, symlinks=True)
        try:
            mutant.apply(folder)
        except DoesNotApplyError as error:
            return Result(mutant, "does not apply", 0, str(error))
        outcome = self.run([mutant.test], folder, mutant.database, self.limit)
        shutil.rmtree(folder.parent, ignore_errors=True)
        seconds = time.monotonic() - start
        return Result(mutant, state_of(mutant, outcome), seconds, outcome.output)

    def run(
        self, tests: Sequence[str], folder: Path, database: str | None, limit: float
    ) -> Outcome:
        """Run tests in a folder; end all that they have started."""
        python = Path(sys.executable)
        if database:
            python = self.originals[database] / ".venv/bin/python"
            if not (folder / ".venv").exists():
                (folder / ".venv").symlink_to(python.parent.parent)
        environment = clean_environment(
            {
                "PATH": f"{python.parent}:{os.environ['PATH']}",
                "MYPY_CACHE_DIR": str(self.folder / "types"),
                SHARED: str(self.folder),
            }
        )
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        with (folder.parent / "output").open("w+") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self.running.add(process)
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                kill_group(process)
                status = None
            self.running.discard(process)
            output.seek(0)
            return Outcome(status, output.read())

    def stop(self) -> None:
        """End the tests that run."""
        for process in self.running:
            kill_group(process)


def state_of(mutant: Mutant, outcome: Outcome) -> str:
    """Return "killed" if the test has failed for the right reason, or what happened instead."""
    if outcome.status is None:
        return "over the limit"
    if outcome.status == 0:
        return "survived"
    # 1: tests have failed; others say that there was no such test, or that pytest could not start.
    if outcome.status != 1:
        return f"pytest ended with {outcome.status}"
    if mutant.says not in outcome.output:
        return "killed without a word"
    return "killed"


def check_tests(workshop: Workshop, mutants: Sequence[Mutant]) -> None:
    """End with the output of tests that fail without a mutant: they would kill any."""
    tests: dict[str | None, list[str]] = {}
    for mutant in mutants:
        names = tests.setdefault(mutant.database, [])
        if mutant.test not in names:
            names.append(mutant.test)
    for database, names in tests.items():
        outcome = workshop.run(names, workshop.originals[database], database, limit=1200)
        if outcome.status != 0:
            raise SystemExit(f"{outcome.output}\nthese tests fail without a mutant")


def try_all(workshop: Workshop, mutants: Sequence[Mutant]) -> list[Result]:
    """Plant each of them; print a row of the table after each."""
    width, results = max(len(mutant.name) for mutant in mutants), []
    pool = ThreadPoolExecutor(PROCESSES)
    try:
        for result in pool.map(workshop.try_mutant, mutants):
            results.append(result)
            show(result, width)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return results


def show(result: Result, width: int) -> None:
    """Print a row of the table."""
    name, state = f"{result.mutant.name:{width}}", f"{result.state:14}"
    print(f"{name}  {state} {result.seconds:5.0f} s  {result.mutant.test}", flush=True)


def report(results: Sequence[Result]) -> int:
    """Print why some have not been killed, and how many have; return 0 if all have."""
    killed = 0
    for result in results:
        if result.is_killed:
            killed += 1
            continue
        print(f"\n{result.mutant.name}: {result.state}\n{result.output[-3000:]}", file=sys.stderr)
    print(f"{killed} of {len(results)} killed")
    return int(killed < len(results))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--limit", type=float, default=60, help="seconds for a test")
    parser.add_argument("--unchecked", action="store_true", help="do not run the tests as they are")
    arguments = parser.parse_args()
    mutants = {mutant.name: mutant for mutant in load()}
    unknown = set(arguments.names) - mutants.keys()
    if unknown:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutants[name] for name in arguments.names or mutants]
    results = run_chosen(chosen, arguments.limit, check=not arguments.unchecked)
    return report(results)


def run_chosen(mutants: Sequence[Mutant], limit: float, *, check: bool) -> list[Result]:
    """Plant mutants in a folder of their own; with `check` their tests have to pass without them."""
    use_own_cache()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        workshop = Workshop(Path(folder).resolve(), limit)
        workshop.prepare(mutants)
        try:
            if check:
                check_tests(workshop, mutants)
            return try_all(workshop, mutants)
        except KeyboardInterrupt:
            workshop.stop()
            raise


if __name__ == "__main__":
    sys.exit(main())
