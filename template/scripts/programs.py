"""Runs git and copier, and returns their output."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Runs copier with each of several lists of arguments. Importing it takes longer than a copy.
COPIER_RUNS = """
import json, runpy, sys
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["copier", *arguments]
    try:
        runpy.run_module("copier", run_name="__main__")
    except (Exception, SystemExit):
        pass
"""


def run(
    *command: str | Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with additional environment variables; return its output and exit status."""
    environment = {**os.environ, **without_hooks(), **(settings or {})}
    environment.pop("VIRTUAL_ENV", None)
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", check=False
        )
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed") from None


def output(*command: str | Path) -> str:
    """Return what a program prints; exit with its errors if it fails."""
    done = run(*command)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout.strip()


def without_hooks() -> dict[str, str]:
    """Return environment variables that disable git hooks, which the update may have changed."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": "core.hooksPath",
        f"GIT_CONFIG_VALUE_{count}": os.devnull,
    }


def copier(
    *arguments: str | Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    # -I: copier must not import modules of this folder.
    command = (sys.executable, "-I", "-m", "copier", *arguments)
    return run(*command, settings=settings)


def copier_runs(commands: Sequence[Sequence[str]]) -> None:
    """Run copier with these lists of arguments, one after another, also after one that fails."""
    run(sys.executable, "-I", "-c", COPIER_RUNS, json.dumps(commands))
