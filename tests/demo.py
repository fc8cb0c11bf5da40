"""`make demo`: a service from this template, answering from a migrated database."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.project import Project, stopped
from tests.support import run
from tests.template import ROOT, copy_of_working_tree

FOLDER = ROOT / "build/demo"
PROJECT = Project(FOLDER / "orders", "postgresql")


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is done and how long it took; end with the reason when it fails."""
    print(f"\n$ {title}", flush=True)
    start = time.monotonic()
    try:
        yield
    except (AssertionError, OSError, httpx.HTTPError) as error:
        raise SystemExit(f"the demo failed at this step: {title}\n{error}") from None
    print(f"  ({time.monotonic() - start:.1f} s)")


def clear() -> None:
    """Remove what an earlier demo left, its database server first."""
    with stopped(PROJECT):
        pass
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def request(client: httpx.Client, method: str, path: str, body: object = None) -> None:
    written = json.dumps(body) if body else ""
    print(f"\n> {method} {path} {written}")
    answer = client.request(method, path, json=body)
    print(f"< {answer.status_code} {answer.reason_phrase}")
    print("< " + json.dumps(answer.json(), indent=2).replace("\n", "\n< "))
    assert answer.is_success, f"{method} {path} answered {answer.status_code}"


def main() -> None:
    with step("clear build/demo"):
        clear()
    with (
        tempfile.TemporaryDirectory() as source,
        step("copier copy THIS-TEMPLATE build/demo/orders"),
    ):
        copy_of_working_tree(Path(source))
        copy = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults"]
        run(*copy, "--data", "service_name=orders", source, PROJECT.folder, cwd=ROOT)
    with stopped(PROJECT):
        with step("cd build/demo/orders && make setup"):
            print(PROJECT.make("setup").stdout.strip())
        with step("make run"), PROJECT.serve("make", "run", log=FOLDER / "server.log") as server:
            print(f"  listens on {server.address}")
            with httpx.Client(base_url=server.address, timeout=10) as client:
                request(client, "GET", "/health/ready")
                request(client, "POST", "/users", {"email": "ada@example.com", "name": "Ada"})
                request(client, "GET", "/users")
    folder = os.path.relpath(PROJECT.folder)
    print(f"\nServer and database are stopped. To go on: cd {folder} && make dev")


if __name__ == "__main__":
    main()
