"""What a commit costs that waits for the disk, and one that does not: ORDERS_DURABLE_COMMITS.

One process adds users one after the other, each in a transaction of its own, as a request does. Both
settings take turns, so that whatever else the disk does hits both.
"""

import json
from pathlib import Path

from benchmarks.report import Report, Table, versions
from harness.project import Project, set_up
from harness.template import DATABASES, copy_of_working_tree, render

ROUNDS, COMMITS = 4, 500
QUICK_COMMITS = 50
PACKAGES = ["sqlalchemy", "asyncpg", "aiosqlite"]
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


def commit(project: Project, commits: int, durable: str) -> list[float]:
    """Return the seconds that each of these commits took."""
    env = {"ORDERS_DURABLE_COMMITS": durable}
    done = project.run("python", "-c", PROGRAM, str(commits), env=env)
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def row(database: str, durable: str, rounds: list[list[float]]) -> list[str]:
    """Return the figures of the best round."""
    times = sorted(min(rounds, key=sum))
    median, slow = times[len(times) // 2], times[len(times) * 99 // 100]
    rate = len(times) / sum(times)
    return [database, durable, f"{rate:,.0f}", f"{median * 1000:.2f}", f"{slow * 1000:.2f}"]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure with either database; quick: one round of few commits on SQLite."""
    template = folder / "template"
    template.mkdir()
    copy_of_working_tree(template)
    report, rows = Report(), []
    for database in ("sqlite",) if quick else DATABASES:
        rendered = render(template, folder / database / "orders", {"database": database})
        with set_up(rendered, database) as project:
            times: dict[str, list[list[float]]] = {"true": [], "false": []}
            for _ in range(1 if quick else ROUNDS):
                for durable, rounds in times.items():
                    commits = QUICK_COMMITS if quick else COMMITS
                    rounds.append(commit(project, commits, durable))
            rows += [row(database, durable, rounds) for durable, rounds in times.items()]
            driver = PACKAGES[1 if database == "postgresql" else 2]
            python = project.folder / ".venv/bin/python"
            report.versions = {**report.versions, **versions(python, PACKAGES[0], driver)}
    header = ["database", "`ORDERS_DURABLE_COMMITS`", "commits a second", "median, ms", "99 %, ms"]
    report.tables["commits"] = Table(header, rows)
    return report
