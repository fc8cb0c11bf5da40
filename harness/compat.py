"""Runs `make db-compat`, or the command behind it, and reads what it prints."""

import re
from typing import Any

from harness.processes import Completed, variables
from harness.project import Project

# The command runs the tests of another commit, several times: more than the usual minute.
TIMEOUT = 300.0
ONLY_TESTS = "load=0"


def compat(project: Project, *arguments: str, code: int = 0, **options: Any) -> Completed:
    """Run the command with arguments of make, such as load=0."""
    settings = {"base": "main", **variables(arguments)}
    environment = {"PATH": project.path, **settings}
    command = ("python", "-m", "scripts.compat")
    return project.run(*command, env=environment, code=code, timeout=TIMEOUT, **options)


def incompatible(done: Completed) -> dict[str, str]:
    """Return the reasons by the tests and operations that break."""
    return dict(re.findall(r"(?m)^incompatible: (.+?): (.*)$", done.stdout))


def last_line(done: Completed) -> str:
    return done.stdout.splitlines()[-1]
