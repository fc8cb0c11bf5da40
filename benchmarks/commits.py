"""What a durable commit costs, which waits for the disk, and one that does not.

A process adds users one after the other, each in a transaction of its own, as a request does. Both
values of ORDERS_DURABLE_COMMITS take turns, as other work of the disk affects both.
"""

import json
from pathlib import Path

from benchmarks.report import Report, Table, versions
from harness.project import Project, set_up
from harness.template import copy_of_working_tree, render

ROUNDS, COMMITS = 4, 500
QUICK_COMMITS = 50
DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
HEADER = ["database", "`ORDERS_DURABLE_COMMITS`", "commits a second", "median, ms", "99 %, ms"]
PROGRAM = """
import asyncio, json, sys, time
from uuid import uuid4
from app.models import User
from app.settings import Settings
from kit.db import Database
from kit.settings import load

async def main(commits):
    database = Database.from_settings(load(Settings))
    times = []
    for number in range(commits + 1):
        start = time.perf_counter()
        async with database.write_sessions.begin() as session:
            session.add(User(email=f"{uuid4()}@example.com", name="A user"))
        times.append(time.perf_counter() - start)
    await database.close()
    print(json.dumps(times[1:]))  # The first one connects.

asyncio.run(main(int(sys.argv[1])))
"""


def time_commits(project: Project, commits: int, durable: str) -> list[float]:
    """Return the seconds of each commit, with this value of ORDERS_DURABLE_COMMITS."""
    env = {"ORDERS_DURABLE_COMMITS": durable}
    done = project.run("python", "-c", PROGRAM, str(commits), env=env)
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def table_row(database: str, durable: str, times: list[float]) -> list[str]:
    times = sorted(times)
    median, slow = times[len(times) // 2], times[len(times) * 99 // 100]
    rate = len(times) / sum(times)
    return [database, durable, f"{rate:,.0f}", f"{median * 1000:.2f}", f"{slow * 1000:.2f}"]


def best_rounds(project: Project, rounds: int, commits: int) -> dict[str, list[float]]:
    """Return the times of the fastest round with each value of ORDERS_DURABLE_COMMITS."""
    best: dict[str, list[float]] = {}
    for _ in range(rounds):
        for durable in ("true", "false"):
            times = time_commits(project, commits, durable)
            if durable not in best or sum(times) < sum(best[durable]):
                best[durable] = times
    return best


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure with either database; quick: one round of few commits on SQLite."""
    template = folder / "template"
    template.mkdir()
    copy_of_working_tree(template)
    databases, rounds, commits = list(DRIVERS), ROUNDS, COMMITS
    if quick:
        databases, rounds, commits = ["sqlite"], 1, QUICK_COMMITS
    table = Table(HEADER, [])
    packages: dict[str, str] = {}
    for database in databases:
        rendered = render(template, folder / database / "orders", {"database": database})
        with set_up(rendered, database) as project:
            for durable, times in best_rounds(project, rounds, commits).items():
                table.rows.append(table_row(database, durable, times))
            python = project.folder / ".venv/bin/python"
            packages |= versions(python, "sqlalchemy", DRIVERS[database])
    return Report(tables={"commits": table}, versions=packages)
