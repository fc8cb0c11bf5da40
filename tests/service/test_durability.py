"""A commit waits for the disk, unless a setting turns that off; the benchmark measures both."""

import json

from benchmarks.commits import time_commits
from harness.project import Project

QUESTIONS = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
# What each database answers by default, and with `durable_commits=False`.
ANSWERS = {"sqlite": [2, 1], "postgresql": ["on", "off"]}
PROGRAM = """
import asyncio, json, sys
from sqlalchemy import text
from app.settings import Settings
from kit.db import Database
from kit.settings import load

async def ask(settings):
    database = Database.from_settings(settings)
    answers = []
    for sessions in (database.write_sessions, database.read_sessions):
        async with sessions() as session:
            answers.append(await session.scalar(text(sys.argv[1])))
    await database.close()
    (answer,) = set(answers)
    return answer

default = load(Settings)
relaxed = default.model_copy(update={"durable_commits": False})
print(json.dumps([asyncio.run(ask(default)), asyncio.run(ask(relaxed))]))
"""


def test_commits_wait_for_the_disk(copy: Project) -> None:
    done = copy.run("python", "-c", PROGRAM, QUESTIONS[copy.database])
    assert json.loads(done.stdout) == ANSWERS[copy.database]


def test_benchmark_of_commits(copy: Project) -> None:
    copy.alembic(copy.environment_file["DATABASE_URL"], "upgrade", "head")
    for durable in ("true", "false"):
        times = time_commits(copy, 3, durable)
        assert len(times) == 3
        assert min(times) > 0
