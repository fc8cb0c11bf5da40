"""Runs uvicorn in one process, in several workers, or in a process that reloads the code.

Unlike uvicorn's, these workers close the port as soon as they must stop, are logged when they die,
and stop with their parent. `Multiprocess`, its `Process` and `ChangeReload` are not documented;
uvicorn has no public equivalent. Checked with uvicorn 0.54; the tests of processes fail when they
change.
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

HTTP_PROTOCOL = "kit._internal.http_connection:HttpConnection"


class Config(uvicorn.Config):
    """Options of uvicorn and of http_connection.py, with which workers load the application."""

    def __init__(
        self,
        app: str | Callable[[], ASGIApp],
        *,
        header_timeout: float,
        body_timeout: float,
        connections: ConnectionLimit,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(app, factory=True, http=HTTP_PROTOCOL, **options)
        self.header_timeout = header_timeout
        self.body_timeout = body_timeout
        self.connections = connections

    def load_app(self) -> Callable[[], ASGIApp]:
        """Return a function that creates the application, or exits if it must not start."""
        create_app = super().load_app()

        def create_checked_app() -> ASGIApp:
            app: ASGIApp = create_app()
            reasons = reasons_of(app)
            if reasons:
                print(*reasons, sep="\n", file=sys.stderr)  # noqa: T201
                sys.exit(STARTUP_FAILURE)
            return app

        return create_checked_app

    def load(self) -> None:
        super().load()
        if multiprocessing.parent_process() is not None:
            threading.Thread(target=end_with_parent, daemon=True).start()


def reasons_of(app: object) -> list[str]:
    """Return why an application must not start; it may be wrapped in middleware."""
    while not hasattr(app, "reasons_not_to_start"):
        if not hasattr(app, "app"):
            return []
        app = app.app
    reasons: list[str] = app.reasons_not_to_start()
    return reasons


def end_with_parent() -> None:
    """Wait until the parent process ends or is killed, then stop this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        logger.error("the parent process has ended: shutting down")
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor(Multiprocess):
    """Runs the workers and replaces those that die."""

    failed = False

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Close the port in all processes; uvicorn then waits for the workers."""
        self.signal_queue.append(number)
        for listener in self.sockets:
            listener.close()
        for worker in self.processes:
            if worker.pid is not None and worker.exitcode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGTERM)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died; uvicorn calls this repeatedly."""
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
    """Serve until the process is stopped."""
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
