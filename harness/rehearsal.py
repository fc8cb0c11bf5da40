"""Runs `make db-rehearse` in a copy of a project, on the server of its tests."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.processes import Completed, clean_environment
from harness.project import FIRST, Project


@dataclass(frozen=True)
class Rehearsal:
    """A project, and the URL of the server on which its copies are created; empty for SQLite."""

    project: Project
    server: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables of each run: only the first revision is merged."""
        return {"TEST_DATABASE_URL": self.server, "base": FIRST}

    def run(self, code: int = 0, **variables: str) -> Completed:
        """Rehearse with these variables of make, and expect this exit status."""
        environment = {**self.environment, **variables}
        return self.project.script("rehearse", env=environment, code=code)

    def report(self, code: int = 0, **variables: str) -> dict[str, Any]:
        """Rehearse, and return the report."""
        report: dict[str, Any] = json.loads(self.run(code, format="json", **variables).stdout)
        return report

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """Start a rehearsal that the caller ends."""
        environment = {"PATH": self.project.path, **self.environment, **variables}
        return subprocess.Popen(
            ["python", "-m", "scripts.rehearse"],
            cwd=self.project.folder,
            env=clean_environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def databases(self) -> set[str]:
        """Return the databases on the server."""
        with psycopg.connect(self.server) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {str(name) for (name,) in rows}


def statements_of(report: dict[str, Any], revision: str) -> list[dict[str, Any]]:
    """Return the statements of a revision in a report."""
    statements = []
    for entry in report["revisions"]:
        if entry["revision"] == revision:
            statements += entry["statements"]
    return statements


def locks_of(statement: dict[str, Any]) -> list[str]:
    return [f"{lock['mode']} {lock['table']}" for lock in statement["locks"]]
