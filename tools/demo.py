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
    """Print what is done and how long it took; exit with the reason when it fails."""
    print(f"\n$ {title}", flush=True)
    start = time.monotonic()
    try:
        yield
    except (AssertionError, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        raise SystemExit(f"the demo failed at this step: {title}\n{error}") from None
    print(f"  ({time.monotonic() - start:.1f} s)")


def clear() -> None:
    """Remove what an earlier demo created, its database server first."""
    with stopped(PROJECT):
        pass
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def git(folder: Path, *arguments: str) -> str:
    """Return the output of git in a folder of any owner, with an author for commits."""
    identity = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
    return run("git", "-c", "safe.directory=*", *identity, *arguments, cwd=folder).stdout


def committed_template() -> Path:
    """Return a repository to copy from: this one or, if it has changes, a clone with them committed.

    A project copied from uncommitted changes names a commit that does not exist: it cannot be updated.
    """
    if not git(ROOT, "status", "--porcelain").strip():
        return ROOT
    clone = FOLDER / "template"
    git(FOLDER, "clone", "--quiet", "--no-checkout", str(ROOT), str(clone))
    copy_of_working_tree(clone)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "The changes that are not committed")
    return clone


def commit_project() -> None:
    """Commit the project: an update needs it in git."""
    git(PROJECT.folder, "init", "--quiet")
    git(PROJECT.folder, "add", "--all")
    git(PROJECT.folder, "commit", "--quiet", "--message", "Start orders")


def request(client: httpx.Client, method: str, path: str, body: object = None) -> None:
    """Send a request; print it and its response."""
    content = json.dumps(body) if body else ""
    print(f"\n> {method} {path} {content}")
    response = client.request(method, path, json=body)
    print(f"< {response.status_code} {response.reason_phrase}")
    print("< " + json.dumps(response.json(), indent=2).replace("\n", "\n< "))
    assert response.is_success, f"{method} {path} answered {response.status_code}"


def main() -> None:
    with step("clear build/demo"):
        clear()
    with step("copier copy THIS-TEMPLATE build/demo/orders"):
        copy = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD"]
        run(*copy, "--data=service_name=orders", committed_template(), PROJECT.folder, cwd=ROOT)
    with stopped(PROJECT):
        with step("cd build/demo/orders && make setup"):
            print(PROJECT.make("setup").stdout.strip())
        with step("git init && git add --all && git commit"):
            commit_project()
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
