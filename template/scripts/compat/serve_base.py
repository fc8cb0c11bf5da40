"""Serves the code of another commit on a new database: run in its folder, by its Python.

The settings are those of its tests, so that it sends nothing to other services. Clients have all
permissions. Writes its URL and its OpenAPI document to the file in the first argument.
"""

import asyncio
import importlib
import json
import os
import signal
import socket
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn

from kit._internal.testing.further import clones, templates
from kit._internal.testing.guard import forget_settings
from kit.testing import TestedService, create_database, upgrade


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    service = load_service()
    forget_settings(service)
    server_url = os.environ["TEST_DATABASE_URL"]
    for variable in service.databases:
        os.environ[variable] = server_url
    server = service.settings_for(server_url).database_url
    with ExitStack() as stack:
        url = stack.enter_context(create_database(server))
        upgrade(url)
        others = stack.enter_context(templates(service, server))
        stack.enter_context(clones(others, server))
        app = service.create_app(service.settings_for(url))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        announce(app, listener.getsockname()[1], Path(sys.argv[1]))
        serve(with_all_permissions(app), listener)


def load_service() -> TestedService[Any]:
    """Return the service that tests/conftest.py names."""
    # Of the commit that is served, whose tests are not those of this script.
    conftest = importlib.import_module("tests.conftest")
    service: TestedService[Any] = conftest.pytest_kit_service()
    return service


def announce(app: Any, port: int, answer: Path) -> None:  # noqa: ANN401
    """Write the file in one step: another process waits for it."""
    with warnings.catch_warnings(action="ignore"):
        document = app.openapi()
    served = {"url": f"http://127.0.0.1:{port}", "document": document}
    unfinished = answer.with_suffix(".part")
    unfinished.write_text(json.dumps(served), "utf-8")
    unfinished.rename(answer)


def with_all_permissions(app: Any) -> Any:  # noqa: ANN401
    """Return an application that takes every client for one with all permissions.

    kit of 2.0.0 has no authentication.
    """
    try:
        from kit._internal.testing.clients import all_permissions, as_principal  # noqa: PLC0415
    except ImportError:
        return app
    inner = as_principal(app, all_permissions(app))

    async def call(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        # The lifespan has no caller.
        await (app if scope["type"] == "lifespan" else inner)(scope, receive, send)

    return call


def serve(app: Any, listener: socket.socket) -> None:  # noqa: ANN401
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
