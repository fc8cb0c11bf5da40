"""Runs `python -m ...` and hooks in forks of a process that has already imported copier.

    python copier_server.py DESCRIPTOR PROGRAM

The descriptor is that of a listening socket. Each connection is a command: a line of JSON with its
arguments, folder and environment, and the descriptors of its standard streams. The response is its
exit code. PROGRAM is what the command finds as `sys.executable`. See `forking_copier()` in
`fast_rendering`.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import traceback
from typing import Any

# The most bytes of a command; those of its environment are a fraction of them.
LARGEST = 2**20


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a command, and the descriptors of its standard streams."""
    received, descriptors, _, _ = socket.recv_fds(connection, LARGEST, 3)
    while not received.endswith(b"\n"):
        more = connection.recv(LARGEST)
        if not more:
            raise EOFError("the command is incomplete")
        received += more
    return json.loads(received), descriptors


def use_streams(descriptors: list[int]) -> None:
    """Make these the standard streams, as Python opens them when it starts."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)


def use_environment(folder: str, environment: dict[str, str]) -> None:
    """Change to the folder, and have copier's git run with this environment."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # copier runs git with the variables of when plumbum was imported.
    local = importlib.import_module("plumbum").local
    local.env.clear()
    local.env.update(environment)


def run_module(arguments: list[str], folder: str) -> None:
    """Run `-m MODULE ...`, `-I -m MODULE ...` or a script."""
    if arguments[0].endswith(".py"):
        sys.path[0] = os.path.dirname(arguments[0])
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
        return
    if arguments[0] == "-I":
        arguments = arguments[1:]
        del sys.path[0]
    else:
        sys.path[0] = folder
    sys.argv = arguments[1:]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def execute(connection: socket.socket) -> int:
    """Run the command of a connection; return its exit code."""
    try:
        command, descriptors = receive(connection)
        use_streams(descriptors)
        use_environment(command["folder"], command["environment"])
        run_module(command["arguments"], command["folder"])
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            return 1
        return error.code or 0
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


def serve(listener: socket.socket) -> None:
    gc.freeze()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            code = execute(connection)
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            connection.sendall(b"%d" % code)
            # Without spending time on freeing the modules.
            os._exit(0)
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    importlib.import_module("copier._cli")
    sys.executable = sys.argv[2]
    serve(socket.socket(fileno=int(sys.argv[1])))
