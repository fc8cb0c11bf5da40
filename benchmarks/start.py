"""Three commands from an empty folder to the first 200 of a service with a migrated database.

Limits: COPY_LIMIT for `copier copy`, TOTAL_LIMIT for all three.
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

from benchmarks.report import Report, Table
from benchmarks.resource_usage import Cost, now, since
from harness.releases import commit, git
from harness.servers import free_port
from harness.template import copy_of_working_tree

COPY_LIMIT, TOTAL_LIMIT, PATIENCE = 3, 30, 60  # seconds
ROUNDS = 3
DATABASES = ("postgresql", "sqlite")
STEPS = ("copier copy", "make setup", "make dev, to the first 200")
# Variables of this process that would help or hinder the commands.
DROPPED = ("DATABASE_URL", "MAKE", "ORDERS_", "PORT", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")


def users_environment(port: int) -> dict[str, str]:
    """Return the environment of a user's shell, without what comes from this process."""
    environment = {}
    for name, value in os.environ.items():
        if not name.startswith(DROPPED):
            environment[name] = value
    # Without the uv of the template's virtual environment, which a user does not have.
    folders = environment["PATH"].split(os.pathsep)
    own = Path(sys.executable).parent
    environment["PATH"] = os.pathsep.join(folder for folder in folders if Path(folder) != own)
    environment["ORDERS_PORT"] = str(port)
    return environment


def run(command: list[str], folder: Path, env: dict[str, str]) -> Cost:
    """Return the cost of a command; exit with its output when it fails."""
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
    """Return a repository with the working tree as a release, as users copy it."""
    git("init", "--quiet", cwd=copy_of_working_tree(folder))
    commit(folder, "Release")
    git("tag", "--no-sign", "1.0.0", cwd=folder)
    return folder


def start(template: Path, database: str, scratch: Path) -> list[Cost]:
    """Return the cost of each of the three commands in an empty folder."""
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
    walls, cpus = zip(*costs, strict=True)
    return Cost(sum(walls), sum(cpus))


def measure_rounds(template: Path, database: str, scratch: Path, rounds: int) -> list[list[Cost]]:
    """Return the costs of the three commands of each round."""
    return [start(template, database, scratch) for _ in range(rounds)]


def add_rows(report: Report, database: str, rounds: list[list[Cost]]) -> None:
    """Add the median round to the tables, and what exceeds a limit to `missed`."""
    costs = sorted(rounds, key=total)[len(rounds) // 2]
    sum_of_costs = total(costs)
    for step, cost in zip((*STEPS, "total"), (*costs, sum_of_costs), strict=True):
        row = [database, step, f"{cost.wall:.1f}", f"{cost.cpu:.1f}"]
        report.tables["time"].rows.append(row)
    copying = statistics.median(costs[0].wall for costs in rounds)
    limits = (("copier copy", copying, COPY_LIMIT), ("total", sum_of_costs.wall, TOTAL_LIMIT))
    for step, seconds, limit in limits:
        report.tables["limits"].rows.append([database, step, f"{seconds:.1f}", str(limit)])
        if seconds >= limit:
            report.missed.append(f"{database}, {step}: {seconds:.1f} s (limit {limit} s)")


def note_on_uv() -> str:
    if shutil.which("uv", path=users_environment(0)["PATH"]):
        return "uv was installed."
    return "uv was not installed: `make setup` fetched it."


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure with either database; quick: one round on SQLite, whose package cache may be cold."""
    report = Report(versions={"copier": version("copier")}, notes={"uv": note_on_uv()})
    report.tables["time"] = Table(["database", "step", "s on the clock", "CPU s"], [])
    report.tables["limits"] = Table(["database", "what", "s on the clock", "limit, s"], [])
    template = release(folder / "template")
    if quick:
        add_rows(report, "sqlite", measure_rounds(template, "sqlite", folder, 1))
        return report
    for database in DATABASES:
        # The first round fills the package cache.
        rounds = measure_rounds(template, database, folder, ROUNDS + 1)[1:]
        add_rows(report, database, rounds)
    return report
