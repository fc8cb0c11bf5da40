"""`make mutants`: plants each regression in a copy, and runs the test that has to notice it.

`python -m mutants [NAME ...]` runs some of them. Ends with 0 when every one was killed.
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
    """A folder with a service for each database, this repository, and copies of either."""

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
        if any(mutant.database is None for mutant in mutants):
            self.originals[None] = self.copy_repository()

    def copy_repository(self) -> Path:
        """Return a clone, for tests that read the history, with the files as they are now."""
        folder = self.folder / "repository"
        git("clone", "--quiet", "--shared", ROOT, folder, cwd=ROOT)
        git("rm", "--quiet", "-r", ".", cwd=folder)
        copy_of_working_tree(folder)
        (folder / "build").mkdir()
        (folder / "build/uv").symlink_to(CACHE)
        return folder

    def try_(self, mutant: Mutant) -> Result:
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
            (folder / ".venv").exists() or (folder / ".venv").symlink_to(python.parent.parent)
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
    if outcome.status is None:
        return "over the limit"
    if outcome.status == 0:
        return "survived"
    # 1: tests have failed; others say that there was no such test, or that pytest could not start.
    if outcome.status != 1:
        return f"pytest ended with {outcome.status}"
    return "killed" if mutant.says in outcome.output else "killed without a word"


def check_tests(workshop: Workshop, mutants: Sequence[Mutant]) -> None:
    """End with the output of tests that fail without a mutant: they would kill any."""
    for database in {mutant.database: None for mutant in mutants}:
        tests = list({mutant.test: None for mutant in mutants if mutant.database == database})
        outcome = workshop.run(tests, workshop.originals[database], database, limit=1200)
        if outcome.status != 0:
            raise SystemExit(f"{outcome.output}\nthese tests fail without a mutant")


def try_all(workshop: Workshop, mutants: Sequence[Mutant]) -> list[Result]:
    """Plant each of them; print the table as far as it is known."""
    width, results = max(len(mutant.name) for mutant in mutants), []
    pool = ThreadPoolExecutor(PROCESSES)
    try:
        for result in pool.map(workshop.try_, mutants):
            results.append(result)
            show(result, width)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return results


def show(result: Result, width: int) -> None:
    """Print a row of the table."""
    name, state = f"{result.mutant.name:{width}}", f"{result.state:14}"
    print(f"{name}  {state} {result.seconds:5.0f} s  {result.mutant.test}", flush=True)


def report(results: Sequence[Result]) -> None:
    """Print why some have not been killed, and how many have."""
    alive = [result for result in results if not result.is_killed]
    for result in alive:
        print(f"\n{result.mutant.name}: {result.state}\n{result.output[-3000:]}", file=sys.stderr)
    print(f"{len(results) - len(alive)} of {len(results)} killed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--limit", type=float, default=60, help="seconds for a test")
    parser.add_argument("--unchecked", action="store_true", help="do not run the tests as they are")
    given = parser.parse_args()
    mutants = [one for one in load() if not given.names or one.name in given.names]
    if unknown := set(given.names) - {one.name for one in mutants}:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    use_own_cache()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        workshop = Workshop(Path(folder).resolve(), given.limit)
        workshop.prepare(mutants)
        try:
            if not given.unchecked:
                check_tests(workshop, mutants)
            results = try_all(workshop, mutants)
        except KeyboardInterrupt:
            workshop.stop()
            raise
    report(results)
    return int(not all(result.is_killed for result in results))


if __name__ == "__main__":
    sys.exit(main())
