"""Processes that migrate, started at once: a process that has imported everything forks them."""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.project import Project
from tests.support import clean_environment

# Reads a line a request, forks that many processes, tells their ids, then how they ended.
FORKS = """
import json, os, sys
from alembic import command
from alembic.config import main

for line in sys.stdin:
    order = json.loads(line)
    os.environ.update(order["env"])
    sys.stdout.flush()
    pids = []
    for number in range(order["count"]):
        pid = os.fork()
        if not pid:
            log = os.open(f"{order['log']}-{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdin = open(os.devnull)
            try:
                main(order["arguments"])
                sys.stdout.flush()
                os._exit(0)
            except SystemExit as end:
                sys.stdout.flush()
                os._exit(end.code if isinstance(end.code, int) else 1)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        pids.append(pid)
    print(json.dumps(pids), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)
"""
WARM = "import app.models, migrations.history, migrations.autogenerate\n"


class Migrators:
    """Starts `alembic` with the same arguments in several processes, within milliseconds."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.runs = 0

    def start(self, url: str, *arguments: str, count: int = 1, **env: str) -> list[int]:
        """Return the ids of the processes."""
        self.runs += 1
        order = {
            "env": {"DATABASE_URL": url, **env},
            "arguments": arguments,
            "count": count,
            "log": str(self.folder / f"migrator-{self.runs}"),
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def wait(self) -> list[int]:
        """Return how they ended: a code, or the signal as a negative number."""
        return self.answer()

    @property
    def logs(self) -> list[str]:
        """What the processes of the last run have written."""
        files = sorted(self.folder.glob(f"migrator-{self.runs}-*"))
        return [file.read_text("utf-8") for file in files]

    def answer(self) -> list[int]:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], 120)
        line = self.process.stdout.readline() if ready else ""
        assert line, f"no answer within 120 seconds; the processes wrote {self.logs}"
        codes: list[int] = json.loads(line)
        return codes


@contextlib.contextmanager
def migrators(project: Project, folder: Path) -> Iterator[Migrators]:
    with (folder / "migrators.log").open("w") as log:
        process = subprocess.Popen(
            [project.folder / ".venv/bin/python", "-c", WARM + FORKS],
            cwd=project.folder,
            env=clean_environment({"PATH": project.path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield Migrators(process, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings of the service as its environment has them."""
    return {f"ORDERS_{name.upper()}": str(value) for name, value in settings.items()}
