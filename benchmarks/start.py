"""The way from an empty folder to the first 200 from a migrated database, in three commands.

Whoever measures it has limits to keep: COPY_LIMIT for `copier copy`, TOTAL_LIMIT for all three.
"""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

from benchmarks.costs import Cost, now, since
from benchmarks.report import Report, Table
from harness.releases import commit, git
from harness.servers import free_port
from harness.template import copy_of_working_tree

COPY_LIMIT, TOTAL_LIMIT, PATIENCE = 3, 30, 60  # seconds
ROUNDS = 3
DATABASES = ("postgresql", "sqlite")
STEPS = ("copier copy", "make setup", "make dev, to the first 200")


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
    return since(before)


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
    return Cost(wall, since(before).cpu)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def release(folder: Path) -> Path:
    """Return a repository that has the working tree as a release: what users copy from."""
    git("init", "--quiet", cwd=copy_of_working_tree(folder))
    commit(folder, "Release")
    git("tag", "--no-sign", "1.0.0", cwd=folder)
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


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure with either database; quick: one round on SQLite, whose package cache may be cold."""
    report = Report(versions={"copier": version("copier")})
    uv = shutil.which("uv", path=users_environment(0)["PATH"])
    report.notes["uv"] = "uv was " + (
        "installed." if uv else "not installed: `make setup` fetched it."
    )
    template = release(folder / "template")
    rows, limits = [], []
    for database in DATABASES[1:] if quick else DATABASES:
        rounds = [start(template, database, folder) for _ in range(1 if quick else ROUNDS + 1)]
        # The first round fills the package cache.
        rounds = rounds if quick else rounds[1:]
        costs = sorted(rounds, key=total)[len(rounds) // 2]
        for step, cost in zip((*STEPS, "total"), (*costs, total(costs)), strict=True):
            rows.append([database, step, f"{cost.wall:.1f}", f"{cost.cpu:.1f}"])
        copying = statistics.median(costs[0].wall for costs in rounds)
        for what, took, limit in (
            ("copier copy", copying, COPY_LIMIT),
            ("total", total(costs).wall, TOTAL_LIMIT),
        ):
            limits.append([database, what, f"{took:.1f}", str(limit)])
            if took >= limit:
                report.missed.append(f"{database}, {what}: {took:.1f} s (limit {limit} s)")
    report.tables["time"] = Table(["database", "step", "s on the clock", "CPU s"], rows)
    report.tables["limits"] = Table(["database", "what", "s on the clock", "limit, s"], limits)
    return report
