"""`python -m app` serves the application; `--reload` starts it anew when its code changes."""

import argparse
import os
import signal
import socket
import sys

from structlog.contextvars import get_contextvars

from app.connections import ConnectionLimit, client_limit, listen_backlog
from app.logging import logging_config
from app.processes import Config, serve
from app.settings import PREFIX, PROJECT_DIR, Settings, load_settings


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
                f" {PREFIX}HOST and {PREFIX}PORT say where to"
            ) from None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="for development")
    reload = parser.parse_args().reload
    settings = load_settings()
    if reload and "development" not in settings.model_fields_set:
        os.environ[f"{PREFIX}DEVELOPMENT"] = "true"  # For the process that serves.
    refuse_taken_port(settings)
    # uvicorn lets requests end, then raises the signal again: all went well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.path.insert(0, str(PROJECT_DIR))
    serve(
        Config(
            "app.main:create_app",
            host=settings.host,
            port=settings.port,
            workers=None if reload else settings.workers,
            reload=reload,
            reload_dirs=[str(PROJECT_DIR / "app")] if reload else None,
            log_config=logging_config(settings.log_level, get_contextvars),
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


if __name__ == "__main__":
    main()
