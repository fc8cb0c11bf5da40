"""The process that serves, which reloads with `--reload` when code changes."""

import argparse
import importlib.util
import os
import signal
import socket
import sys

from structlog.contextvars import get_contextvars

from kit._internal.connections import ConnectionLimit, client_limit, listen_backlog
from kit._internal.processes import Config, serve
from kit.project import PROJECT_DIR
from kit.settings import Settings, load, prefix_of

__all__ = ["main"]


def refuse_taken_port(settings: Settings) -> None:
    """End the process with one line when something else listens where the service should."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SystemExit(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror};"
                f" set {prefix_of(type(settings))}HOST or {prefix_of(type(settings))}PORT"
            ) from None


def main(app: str, settings_class: type[Settings]) -> None:
    """Serve the application that a function returns, named as `module:function`."""
    package = app.partition(".")[0]
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description="Serve the API.")
    parser.add_argument("--reload", action="store_true", help="reload when the code changes")
    reload = parser.parse_args().reload
    settings = load(settings_class)
    if reload and "development" not in settings.model_fields_set:
        # For the process that serves.
        os.environ[f"{prefix_of(settings_class)}DEVELOPMENT"] = "true"
    refuse_taken_port(settings)
    # uvicorn lets requests end, then raises the signal again: all went well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.path.insert(0, str(PROJECT_DIR))
    serve(
        Config(
            app,
            host=settings.host,
            port=settings.port,
            workers=None if reload else settings.workers,
            reload=reload,
            reload_dirs=folders_of(package) if reload else None,
            log_config=settings.log_config(get_contextvars),
            access_log=False,
            server_header=False,
            backlog=listen_backlog(),
            ws_max_size=settings.max_body_size,
            header_timeout=settings.header_timeout,
            body_timeout=settings.body_timeout,
            connections=ConnectionLimit(
                client_limit(settings.limit_concurrency, sum(settings.pool_sizes))
            ),
            # While developing, an open stream does not hold up the new code.
            timeout_graceful_shutdown=0.5 if reload else settings.shutdown_timeout,
        )
    )


def folders_of(package: str) -> list[str]:
    """Return where the code of a package is."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return [str(PROJECT_DIR)]
    return list(spec.submodule_search_locations)
