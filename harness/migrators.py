"""Commands of Alembic and of scripts/, forked from a process that has imported what they import.

They begin within milliseconds: many of them at once, or one after the other without its imports.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.processes import (
    DEADLINE,
    Completed,
    Environment,
    clean_environment,
    expect,
    only,
    run,
)
from harness.project import Project

# Reads a line a request, forks that many processes, tells their ids, then how they ended.
FORKS = """
import atexit, gc, importlib, json, os, runpy, sys, traceback
from alembic.config import main

for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # A driver of another database.
# A program finds its own folder here, not the one that it is started in.
sys.path[0] = os.path.dirname(sys.executable)


def work(order, number):
    names = [os.devnull, *(f"{order['log']}-{number}{end}" for end in order["ends"])]
    for descriptor, name in enumerate(names):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), descriptor)
    sys.stdin = open(0, closefd=False)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    program, *arguments = order["command"]
    if program == "alembic":
        sys.argv = [os.path.join(sys.path[0], program), *arguments]
        sys.exit(main())
    assert (program, arguments[0]) == ("python", "-m")
    sys.argv, sys.path[0] = arguments[1:], order["folder"]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def end(order, number):
    # As Python ends, without the time that it takes to tidy up what all have in common.
    try:
        work(order, number)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else error.code is not None
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


gc.freeze()
while line := sys.stdin.readline():
    order = json.loads(line)
    pids = []
    for number in range(order["count"]):
        pid = os.fork()
        if not pid:
            end(order, number)
        pids.append(pid)
    print(json.dumps(pids), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)
"""
# What costs the most. The project's own modules are none of it: its copies have changed them.
LIBRARIES = [
    "alembic.autogenerate",
    "alembic.command",
    "mako.template",
    "psycopg",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.orm",
    "structlog",
    "uuid_utils.compat",
]
# Where a project stays as it is.
OWN = [
    "app.models",
    "kit.migrations",
    "kit._internal.migrations.autogenerate",
    "kit._internal.migrations.history",
]


class Migrators:
    """Starts `alembic` with the same arguments in several processes, within milliseconds."""

    def __init__(self, process: subprocess.Popen[str], project: Project, folder: Path) -> None:
        self.process = process
        self.project = project
        self.folder = folder
        self.runs = 0
        self.busy = threading.Lock()

    def start(self, url: str, *arguments: str, count: int = 1, **env: str) -> list[int]:
        """Return the ids of the processes."""
        environment = {"PATH": self.project.path, "DATABASE_URL": url, **env}
        command = ("alembic", *arguments)
        return self.order(self.project.folder, environment, command, ["", ""], count)

    def wait(self) -> list[int]:
        """Return how they ended: a code, or the signal as a negative number."""
        return self.answer()

    @property
    def logs(self) -> list[str]:
        """What the processes of the last run have written."""
        files = sorted(self.folder.glob(f"migrator-{self.runs}-*"))
        return [file.read_text("utf-8") for file in files]

    def run(
        self,
        *command: str,
        cwd: Path,
        env: Environment,
        code: int | None = 0,
        timeout: float = DEADLINE,
    ) -> Completed:
        """Do what `run` of harness/processes.py does, once at a time; let that do what is more."""
        if not self.busy.acquire(blocking=False):
            return run(*command, cwd=cwd, env=env, code=code, timeout=timeout)
        try:
            self.order(cwd, env, command, [".out", ".err"])
            ended = only(self.answer(timeout))
            out, err = (
                (self.folder / f"migrator-{self.runs}-0{end}").read_text("utf-8", "replace")
                for end in (".out", ".err")
            )
        finally:
            self.busy.release()
        return expect(Completed(command, ended, out, err), cwd, env, code)

    def order(
        self,
        folder: Path,
        env: Environment,
        command: tuple[str, ...],
        ends: list[str],
        count: int = 1,
    ) -> list[int]:
        self.runs += 1
        order = {
            "folder": str(folder),
            "env": clean_environment(env),
            "command": command,
            "count": count,
            "log": str(self.folder / f"migrator-{self.runs}"),
            "ends": ends,
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self, timeout: float = 300) -> list[int]:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else ""
        assert line, f"no answer within {timeout:g} seconds; the processes wrote {self.logs}"
        codes: list[int] = json.loads(line)
        return codes


@contextlib.contextmanager
def migrators(project: Project, folder: Path, own: bool = True) -> Iterator[Migrators]:
    """Start the process; `own` modules are those of the project, which has to stay as it is."""
    with (folder / "migrators.log").open("w") as log:
        process = subprocess.Popen(
            [
                project.folder / ".venv/bin/python",
                *("-c", FORKS, *LIBRARIES, *(OWN if own else [])),
            ],
            cwd=project.folder,
            env=clean_environment({"PATH": project.path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield Migrators(process, project, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings of the service as its environment has them."""
    return {f"ORDERS_{name.upper()}": str(value) for name, value in settings.items()}
