"""`make demo`: a service from this template, answering from a migrated database."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from harness.processes import run
from harness.project import Project, stopped
from harness.template import ROOT, copy_of_working_tree

FOLDER = ROOT / "build/demo"
PROJECT = Project(FOLDER / "orders", "postgresql")


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is done and how long it took; end with the reason when it fails."""
    print(f"\n$ {title}", flush=True)
    start = time.monotonic()
    try:
        yield
    except (AssertionError, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        raise SystemExit(f"the demo failed at this step: {title}\n{error}") from None
    print(f"  ({time.monotonic() - start:.1f} s)")


def clear() -> None:
    """Remove what an earlier demo left, its database server first."""
    with stopped(PROJECT):
        pass
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints in a folder of any owner, with a name for commits."""
    identity = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
    return run("git", "-c", "safe.directory=*", *identity, *arguments, cwd=folder).stdout


def committed() -> Path:
    """Return a repository to copy from: this one or, where that has changes, a clone with them.

    A copy of changes that are not committed names a commit that does not exist: no update finds it.
    """
    if not git(ROOT, "status", "--porcelain").strip():
        return ROOT
    clone = FOLDER / "template"
    git(FOLDER, "clone", "--quiet", "--no-checkout", str(ROOT), str(clone))
    copy_of_working_tree(clone)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "The changes that are not committed")
    return clone


def commit() -> None:
    """Keep the project in git, as an update needs it."""
    git(PROJECT.folder, "init", "--quiet")
    git(PROJECT.folder, "add", "--all")
    git(PROJECT.folder, "commit", "--quiet", "--message", "Start orders")


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
    with step("copier copy THIS-TEMPLATE build/demo/orders"):
        copy = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
        run(*copy, "--data=service_name=orders", committed(), PROJECT.folder, cwd=ROOT)
    with stopped(PROJECT):
        with step("cd build/demo/orders && make setup"):
            print(PROJECT.make("setup").stdout.strip())
        with step("git init && git add --all && git commit"):
            commit()
        with step("make run"), PROJECT.serve("make", "run", log=FOLDER / "server.log") as server:
            print(f"  listens on {server.address}")
            with httpx.Client(base_url=server.address, timeout=10) as client:
                request(client, "GET", "/health/ready")
                request(client, "POST", "/users", {"email": "ada@example.com", "name": "Ada"})
                request(client, "GET", "/users")
    folder = os.path.relpath(PROJECT.folder)
    print(f"\nServer and database are stopped. Next: cd {folder} && make dev")


if __name__ == "__main__":
    main()
