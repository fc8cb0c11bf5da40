"""Workflows of GitHub and pipelines of GitLab: how tests read, validate and run them."""

import sys
from pathlib import Path
from typing import Any

import yaml

from harness.processes import only, run

PROGRAMS = Path(sys.executable).parent
# The shells that run the steps of each, with their options.
GITHUB_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
GITLAB_SHELL = ("bash", "-eo", "pipefail", "-c")
IS_PULL_REQUEST = "github.event_name == 'pull_request'"

Job = dict[str, Any]


def load(path: Path) -> Any:
    """Return the content of a YAML file with all scalars as text: YAML 1.1 reads `on` as true."""
    return yaml.load(path.read_text("utf-8"), yaml.BaseLoader)


def check_schema(folder: Path, schema: str, *options: str | Path) -> None:
    """Check files against a schema of check-jsonschema; raise AssertionError unless they match."""
    check = ("--builtin-schema", f"vendor.{schema}", *options)
    run(PROGRAMS / "check-jsonschema", *check, cwd=folder)


def check_own_schema(schema: Path, *paths: Path) -> None:
    """Check files against a schema of these tests; raise AssertionError unless they match."""
    run(PROGRAMS / "check-jsonschema", "--schemafile", schema, *paths, cwd=schema.parent)


def github_workflows(folder: Path) -> dict[str, Any]:
    """Return the workflows of a project by the names of their files."""
    return {path.stem: load(path) for path in (folder / ".github/workflows").iterdir()}


def github_jobs(folder: Path) -> dict[str, Job]:
    """Return the jobs of all workflows."""
    jobs: dict[str, Job] = {}
    for workflow in github_workflows(folder).values():
        add_jobs(jobs, workflow["jobs"])
    return jobs


def gitlab_jobs(folder: Path) -> dict[str, Job]:
    """Return the jobs of all files that .gitlab-ci.yml includes."""
    included = only(load(folder / ".gitlab-ci.yml")["include"])
    jobs: dict[str, Job] = {}
    for path in folder.glob(included["local"]):
        add_jobs(jobs, load(path))
    return jobs


def add_jobs(jobs: dict[str, Job], others: dict[str, Job]) -> None:
    assert not jobs.keys() & others.keys(), "a job of one file replaces that of another"
    jobs.update(others)


def github_script(job: Job, event: str = "pull_request") -> list[str]:
    """Return the commands of a job of GitHub for this event."""
    script = []
    for step in job["steps"]:
        is_for_event = "if" not in step
        if event == "pull_request" and step.get("if") == IS_PULL_REQUEST:
            is_for_event = True
        if is_for_event and "run" in step:
            script.append(step["run"])
    return script
