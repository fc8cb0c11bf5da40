"""The CI jobs that run only where a branch changes revisions."""

import pytest

from harness.ci_files import (
    Job,
    github_jobs,
    github_script,
    github_workflows,
    gitlab_jobs,
)
from harness.processes import only
from harness.template import DATABASES, Render

REVISIONS_OF_MERGE_REQUESTS: Job = {
    "if": "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "changes": ["**/migrations/versions/**/*"],
}


@pytest.mark.parametrize("database", DATABASES)
def test_old_code_is_tested_on_github(rendered: Render, database: str) -> None:
    """Only for a merge: GITHUB_BASE_REF is the base."""
    folder = rendered(database=database, ci="github")
    assert github_script(github_jobs(folder)["compat"]) == ["make db-compat"]
    workflow = github_workflows(folder)["compat"]
    assert workflow["concurrency"]["cancel-in-progress"] == "true"
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("database", DATABASES)
def test_old_code_is_tested_on_gitlab(rendered: Render, database: str) -> None:
    """Only for a merge: CI_MERGE_REQUEST_TARGET_BRANCH_NAME is the base."""
    job = gitlab_jobs(rendered("lab", database=database, ci="gitlab"))["compat"]
    assert job["script"] == ["make db-compat"]
    assert only(job["rules"]) == REVISIONS_OF_MERGE_REQUESTS
    assert job["variables"]["GIT_DEPTH"] == "0"
