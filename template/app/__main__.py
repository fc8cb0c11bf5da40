"""`python -m app` serves the application; `--reload` starts it anew when its code changes."""

import argparse
import os
import signal
import socket
import sys

import uvicorn
from structlog.contextvars import get_contextvars

from app.logging import logging_config
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
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=None if reload else settings.workers,
        reload=reload,
        reload_dirs=[str(PROJECT_DIR / "app")] if reload else None,
        app_dir=str(PROJECT_DIR),
        log_config=logging_config(settings.log_level, get_contextvars),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )


if __name__ == "__main__":
    main()
