"""Revisions of two branches that follow the same one, and what `make db-rebase` prints."""

import re
from pathlib import Path

from harness.processes import only, variables
from harness.project import Project
from harness.working_copy import add_column, commit, git, init_repository

ADA, ADA_TOO, BOB, BOB_TOO = "aaaaaaaaaaa1", "aaaaaaaaaaa2", "bbbbbbbbbbb1", "bbbbbbbbbbb2"
COLUMNS = {ADA: "phone", BOB: "fax"}
JOIN = "`alembic merge heads` adds a revision that follows both."


def merged(copy: Project, own: str = ADA, theirs: str = BOB) -> Project:
    """Return a project on a branch of its own, into which the main branch was merged."""
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "work")
    add_column(copy, own, COLUMNS[own])
    commit(copy)
    git(copy, "switch", "--quiet", "main")
    add_column(copy, theirs, COLUMNS[theirs])
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    git(copy, "merge", "--quiet", "--no-edit", "main")
    return copy


def rebase(project: Project, *arguments: str) -> list[str]:
    """Return what it prints; it must succeed."""
    return project.script("rebase", env=variables(arguments)).stdout.splitlines()


def refusal(project: Project, *arguments: str) -> str:
    """Return the line that it refuses with; it must change nothing."""
    before = git(project, "diff")
    done = project.script("rebase", env=variables(arguments), code=None)
    line = only(done.stderr.splitlines())
    assert git(project, "diff") == before
    return line


def parents(project: Project) -> dict[str, str]:
    """Return the revision that each revision follows."""
    following: dict[str, str] = {}
    for path in project.revisions:
        pattern = r'(?m)^revision.*= "(\w+)"\ndown_revision.*= "?(\w+)"?$'
        following.update(re.findall(pattern, path.read_text("utf-8")))
    return following


def file_of(project: Project, revision: str) -> Path:
    return project.folder / f"migrations/versions/2026_01_02_0000-{revision}.py"
