"""Commands of Alembic and of scripts/, forked from a process that has already imported their modules.

They start within milliseconds: several at the same time, or one after the other without imports.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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

# Reads a request a line and forks its processes; prints their ids, then their exit codes.
FORKS = """
import atexit, gc, importlib, json, os, runpy, sys, traceback
from alembic.config import main

for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # It belongs to another database.
# The folder of the program, as for a console script.
sys.path[0] = os.path.dirname(sys.executable)


def execute(request, number):
    names = [os.devnull, *(f"{request['log']}-{number}{suffix}" for suffix in request["suffixes"])]
    for descriptor, name in enumerate(names):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), descriptor)
    sys.stdin = open(0, closefd=False)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    program, *arguments = request["command"]
    if program == "alembic":
        sys.argv = [os.path.join(sys.path[0], program), *arguments]
        sys.exit(main())
    assert (program, arguments[0]) == ("python", "-m")
    sys.argv, sys.path[0] = arguments[1:], request["folder"]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def run_and_exit(request, number):
    # Exits as Python does, but does not spend time on freeing the shared modules.
    try:
        execute(request, number)
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
    request = json.loads(line)
    pids = []
    for number in range(request["count"]):
        pid = os.fork()
        if not pid:
            run_and_exit(request, number)
        pids.append(pid)
    print(json.dumps(pids), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)
"""
# The slowest imports. Modules of the project are not among them, as copies of it change theirs.
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
# Modules of a project, for tests that do not change it.
PROJECT_MODULES = [
    "app.models",
    "kit.migrations",
    "kit._internal.migrations.autogenerate",
    "kit._internal.migrations.history",
]


class Migrators:
    """Starts `alembic` in several processes at the same time, or a single command without its imports."""

    def __init__(self, process: subprocess.Popen[str], project: Project, folder: Path) -> None:
        self.process = process
        self.project = project
        self.folder = folder
        self.runs = 0
        self.busy = threading.Lock()
        # What the forking process has written after the last response.
        self.received = b""

    def start(self, url: str, *arguments: str, count: int = 1, **env: str) -> list[int]:
        """Start `alembic` with the same arguments in `count` processes; return their ids."""
        environment = {"PATH": self.project.path, "DATABASE_URL": url, **env}
        command = ("alembic", *arguments)
        return self.request(self.project.folder, environment, command, ["", ""], count)

    def wait(self) -> list[int]:
        """Return the exit codes; a signal is a negative number."""
        return self.response()

    @property
    def logs(self) -> list[str]:
        """The output of the processes of the last run."""
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
        """Run a command as processes.run() does; while another one runs, call processes.run()."""
        if not self.busy.acquire(blocking=False):
            return run(*command, cwd=cwd, env=env, code=code, timeout=timeout)
        try:
            self.request(cwd, env, command, [".out", ".err"])
            exit_code = only(self.response(timeout))
            output = (self.folder / f"migrator-{self.runs}-0.out").read_text("utf-8", "replace")
            errors = (self.folder / f"migrator-{self.runs}-0.err").read_text("utf-8", "replace")
        finally:
            self.busy.release()
        return expect(Completed(command, exit_code, output, errors), cwd, env, code)

    def request(
        self,
        folder: Path,
        env: Environment,
        command: tuple[str, ...],
        suffixes: list[str],
        count: int = 1,
    ) -> list[int]:
        """Have a command run in `count` processes; return their ids.

        The suffixes are those of the files for standard output and standard error.
        """
        self.runs += 1
        request = {
            "folder": str(folder),
            "env": clean_environment(env),
            "command": command,
            "count": count,
            "log": str(self.folder / f"migrator-{self.runs}"),
            "suffixes": suffixes,
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.response()

    def response(self, timeout: float = 300) -> list[int]:
        """Return the next line of the forking process: ids or exit codes."""
        assert self.process.stdout
        # Not by readline(): of two lines that arrive together, select() would not see the second,
        # which the file object has read, too.
        pipe = self.process.stdout.fileno()
        end = time.monotonic() + timeout
        while b"\n" not in self.received:
            ready, _, _ = select.select([pipe], [], [], max(0, end - time.monotonic()))
            content = os.read(pipe, 65_536) if ready else b""
            assert content, (
                f"no response within {timeout:g} seconds; the processes wrote {self.logs}"
            )
            self.received += content
        line, _, self.received = self.received.partition(b"\n")
        codes: list[int] = json.loads(line)
        return codes


@contextlib.contextmanager
def migrators(
    project: Project, folder: Path, own: bool = True, also: Sequence[str] = ()
) -> Iterator[Migrators]:
    """Start the process that forks; with `own`, it imports PROJECT_MODULES, too, and `also`."""
    modules = [*LIBRARIES, *also]
    if own:
        modules += PROJECT_MODULES
    with (folder / "migrators.log").open("w") as log:
        process = subprocess.Popen(
            [project.folder / ".venv/bin/python", "-c", FORKS, *modules],
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
    """Return settings of the service as environment variables."""
    return {f"ORDERS_{name.upper()}": str(value) for name, value in settings.items()}
