"""Measures the way from an empty folder to the first 200 from a migrated database.

Prints a table for each database, and ends with 1 when a limit is missed.
"""

import argparse
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).resolve().parent.parent
COPY_LIMIT, TOTAL_LIMIT, PATIENCE = 3, 30, 60  # seconds
STEPS = ("copier copy", "make setup", "make dev, to the first 200")


class Cost(NamedTuple):
    wall: float
    cpu: float


def now() -> Cost:
    """Return the time, and the CPU seconds of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter(), usage.ru_utime + usage.ru_stime)


def users_environment(port: int) -> dict[str, str]:
    """Return the environment of a user's shell: nothing of this one may help or hinder."""
    dropped = ("DATABASE_URL", "MAKE", "ORDERS_", "PORT", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # The uv of the template's own environment is none that the user would have.
    own = Path(sys.executable).parent
    folders = [folder for folder in kept["PATH"].split(os.pathsep) if Path(folder) != own]
    return kept | {"PATH": os.pathsep.join(folders), "ORDERS_PORT": str(port)}


def run(command: list[str], folder: Path, env: dict[str, str]) -> Cost:
    before = now()
    done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    after = now()
    return Cost(after.wall - before.wall, after.cpu - before.cpu)


def serve(folder: Path, env: dict[str, str], port: int) -> Cost:
    """Run `make dev` until it is ready: the wall time until then, the CPU until it has stopped."""
    before = now()
    output = folder / "dev.log"
    with output.open("w") as log:
        server = subprocess.Popen(
            ["make", "dev"], cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        while not is_ready(port):
            if server.poll() is not None or time.perf_counter() - before.wall > PATIENCE:
                raise SystemExit(f"make dev failed:\n{output.read_text()}")
            time.sleep(0.02)
        wall = time.perf_counter() - before.wall
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=PATIENCE)
    return Cost(wall, now().cpu - before.cpu)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def release(folder: Path) -> Path:
    """Return a repository that has the working tree as a release: what users copy from."""
    folder.mkdir()
    for name in ("includes", "template"):
        shutil.copytree(TEMPLATE / name, folder / name)
    shutil.copy(TEMPLATE / "copier.yml", folder)
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com"]
    for command in (["init"], ["add", "."], [*author, "commit", "-m", "Release"], ["tag", "1.0.0"]):
        run(["git", *command], folder, dict(os.environ))
    return folder


def start(template: Path, database: str, scratch: Path) -> list[Cost]:
    """Return what each of the three commands costs, in an empty folder."""
    port = free_port()
    env = users_environment(port)
    project = scratch / "orders"
    answers = ["--defaults", "--data", "service_name=orders", "--data", f"database={database}"]
    copier = [sys.executable, "-m", "copier", "copy", *answers, str(template), project.name]
    copying = run(copier, scratch, env)
    try:
        return [copying, run(["make", "setup"], project, env), serve(project, env, port)]
    finally:
        subprocess.run(["make", "db-stop"], check=False, cwd=project, env=env, capture_output=True)
        shutil.rmtree(project)


def total(costs: list[Cost]) -> Cost:
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))


def report(database: str, rounds: list[list[Cost]]) -> bool:
    """Print the round whose total is the median; return whether the limits were kept."""
    costs = sorted(rounds, key=total)[len(rounds) // 2]
    print(f"\n{database:28}wall s  CPU s")
    for step, cost in zip((*STEPS, "total"), (*costs, total(costs)), strict=True):
        print(f"{step:28}{cost.wall:6.1f} {cost.cpu:6.1f}")
    copying, all_of_it = statistics.median(costs[0].wall for costs in rounds), total(costs).wall
    print(
        f"copier copy, median of {len(rounds)} runs: {copying:.1f} s (limit {COPY_LIMIT} s);",
        end=" ",
    )
    print(f"total: {all_of_it:.1f} s (limit {TOTAL_LIMIT} s)", flush=True)
    return copying < COPY_LIMIT and all_of_it < TOTAL_LIMIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], help="both by default")
    parser.add_argument("--rounds", type=int, default=3, help="that count, after one that does not")
    arguments = parser.parse_args()
    uv = shutil.which("uv", path=users_environment(0)["PATH"])
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores", end=", ")
    print(f"Python {platform.python_version()}, copier {version('copier')}", end=", ")
    print("uv installed" if uv else "uv not installed: make setup fetches it")
    databases = [arguments.database] if arguments.database else ["postgresql", "sqlite"]
    with tempfile.TemporaryDirectory(prefix="start-") as name:
        scratch = Path(name)
        template = release(scratch / "template")
        kept = []
        for database in databases:
            # The first round fills the package cache.
            rounds = [start(template, database, scratch) for _ in range(arguments.rounds + 1)]
            kept.append(report(database, rounds[1:]))
    raise SystemExit(not all(kept))


if __name__ == "__main__":
    main()
