"""The program `python -m app`, which serves the API."""

import argparse
import importlib.util
import logging
import os
import signal
import socket
import sys
from typing import Any

from structlog.contextvars import get_contextvars

from kit._internal.auth.chosen import create_authenticator
from kit._internal.connections import ConnectionLimit, client_limit, listen_backlog
from kit._internal.hosts import is_loopback
from kit._internal.processes import Config, serve
from kit.project import PROJECT_DIR
from kit.settings import Settings, load, prefix_of

__all__ = ["main"]

logger = logging.getLogger(__name__)

OPEN_API = "clients are not authenticated, so everyone who reaches the port may call every route"


def refuse_taken_port(settings: Settings) -> None:
    """Exit with a message if another process uses the service's host and port."""
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


def refuse_open_port(settings: Settings) -> None:
    """Exit with a message if other machines could call the API, and no setting allows it."""
    if settings.allow_anonymous is not False or may_serve_everyone(settings):
        return
    prefix = prefix_of(type(settings))
    raise SystemExit(
        f"cannot listen on {settings.host}: {OPEN_API};"
        f" set {prefix}ALLOW_ANONYMOUS=true if they may, or {prefix}HOST=127.0.0.1"
    )


def warn_of_open_port(settings: Settings) -> None:
    """Log a warning if other machines can call the API, and no setting allows or forbids it."""
    if settings.allow_anonymous is None and not may_serve_everyone(settings):
        name = f"{prefix_of(type(settings))}ALLOW_ANONYMOUS"
        logger.warning("%s: set %s=true if they may; a later release requires it", OPEN_API, name)


def may_serve_everyone(settings: Settings) -> bool:
    """Return whether clients are authenticated, or are on this machine."""
    return create_authenticator(settings) is not None or is_loopback(settings.host)


def main(app: str, settings_class: type[Settings]) -> None:
    """Serve the application that `module:function` returns."""
    package = app.partition(".")[0]
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description="Serve the API.")
    parser.add_argument("--reload", action="store_true", help="reload when the code changes")
    reload = parser.parse_args().reload
    settings = load(settings_class)
    if reload and "development" not in settings.model_fields_set:
        # The reloaded process reads the settings again.
        os.environ[f"{prefix_of(settings_class)}DEVELOPMENT"] = "true"
    refuse_open_port(settings)
    refuse_taken_port(settings)
    # uvicorn raises the signal again after a graceful shutdown: exit with status 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.path.insert(0, str(PROJECT_DIR))
    process_options = {
        "workers": settings.workers,
        "timeout_graceful_shutdown": settings.shutdown_timeout,
    }
    if reload:
        process_options = reload_options(package)
    config = create_config(app, settings, process_options)
    warn_of_open_port(settings)
    serve(config)


def reload_options(package: str) -> dict[str, Any]:
    """Return uvicorn's options for one process that reloads the code."""
    return {
        "reload": True,
        "reload_dirs": folders_of(package),
        # Open streams must not delay a reload.
        "timeout_graceful_shutdown": 0.5,
    }


def create_config(app: str, settings: Settings, process_options: dict[str, Any]) -> Config:
    """Return uvicorn's configuration."""
    limit = client_limit(settings.limit_concurrency, sum(settings.pool_sizes))
    return Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=settings.log_config(get_contextvars),
        access_log=False,
        server_header=False,
        backlog=listen_backlog(),
        ws_max_size=settings.max_body_size,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        connections=ConnectionLimit(limit),
        **process_options,
    )


def folders_of(package: str) -> list[str]:
    """Return the folders of a package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return [str(PROJECT_DIR)]
    return list(spec.submodule_search_locations)
