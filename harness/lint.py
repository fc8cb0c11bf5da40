"""What `make db-lint` prints."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.processes import only, variables
from harness.project import FIRST, Project
from harness.working_copy import revise


class Finding(NamedTuple):
    file: str
    rule: str
    what: str
    advice: str = ""


def lint(project: Project, *arguments: str) -> list[Finding]:
    """Return what it finds; it must fail."""
    done = project.script("lint", env=settings(project, arguments), code=None)
    findings = []
    for paragraph in re.split(r"\n(?! )", done.stdout.strip()):
        first, _, advice = paragraph.partition("\n    ")
        file, rule, what = first.split(": ", 2)
        assert (project.folder / file).exists() or rule == "merged-revision"
        findings.append(Finding(Path(file).name, rule, what.strip(), advice))
    return findings


def settings(project: Project, arguments: Iterable[str]) -> dict[str, str]:
    """Return its variables; where git has no history, only the template's revision is merged."""
    for folder in (project.folder, *project.folder.parents):
        if (folder / ".git").exists():
            return variables(arguments)
    return {"base": FIRST, **variables(arguments)}


def broken_rules(project: Project) -> list[str]:
    """Return the rules of what it finds."""
    return [finding.rule for finding in lint(project)]


def clean(project: Project, *arguments: str) -> str:
    """Return the line that it prints when it finds nothing; it must succeed."""
    done = project.script("lint", env=settings(project, arguments))
    return only(done.stdout.splitlines())


def write_chain(project: Project, bodies: Iterable[str]) -> list[Path]:
    """Write a revision for each body of upgrade(), one after the other."""
    paths = []
    before = FIRST
    for number, body in enumerate(bodies):
        name = f"{number:012d}"
        paths.append(revise(project, name, body, after=before))
        before = name
    return paths
