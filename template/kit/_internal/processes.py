"""The processes that serve: one, or a parent and its workers, or one that is reloaded.

`Multiprocess`, its `Process` and `ChangeReload` are uvicorn's, and not documented. Here the workers
close the port at once when they are to end, are reported when they die, and end with their parent.
Checked with uvicorn 0.54.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload, Multiprocess
from uvicorn.supervisors.multiprocess import Process

from kit._internal.connections import ConnectionLimit

logger = logging.getLogger(__name__)


class Config(uvicorn.Config):
    """Uvicorn's options, and those of server.py; every worker loads the application with it."""

    def __init__(
        self,
        app: str | Callable[[], ASGIApp],
        *,
        header_timeout: float,
        body_timeout: float,
        connections: ConnectionLimit,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(app, factory=True, http="kit._internal.server:HttpConnection", **options)
        self.header_timeout = header_timeout
        self.body_timeout = body_timeout
        self.connections = connections

    def load(self) -> None:
        super().load()
        if multiprocessing.parent_process() is not None:
            threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait until the parent process is gone, killed perhaps; then end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        logger.error("the parent process has ended: shutting down")
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor(Multiprocess):
    """Runs the workers, and starts another one for each that dies."""

    failed = False

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Have all processes close the port now; the loop of uvicorn waits for the workers."""
        self.signal_queue.append(number)
        for listener in self.sockets:
            listener.close()
        for worker in self.processes:
            if worker.pid is not None and worker.exitcode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGTERM)

    def keep_subprocess_alive(self) -> None:
        for index, worker in enumerate(self.processes):
            if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            if self.signal_queue or self.should_exit.is_set():
                return
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                logger.error("worker process %s failed to start: stopping", worker.pid)
                self.failed = True
                self.should_exit.set()
                return
            logger.error(
                "worker process %s died, exit code %s: starting another",
                worker.pid,
                worker.exitcode,
            )
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()


def serve(config: Config) -> None:
    """Serve until the process is asked to end."""
    with contextlib.suppress(KeyboardInterrupt):
        if config.reload:
            server = uvicorn.Server(config)
            ChangeReload(config, target=server.run, sockets=[config.bind_socket()]).run()
        elif config.workers > 1:
            supervisor = Supervisor(config, [config.bind_socket()])
            supervisor.run()
            if supervisor.failed:
                sys.exit(STARTUP_FAILURE)
        else:
            server = uvicorn.Server(config)
            server.run()
            if not server.started:
                sys.exit(STARTUP_FAILURE)
