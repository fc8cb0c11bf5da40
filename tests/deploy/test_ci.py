"""The files of `ci`, as validators read them, and what their jobs check, publish and update."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest

from harness.ci_files import (
    IS_PULL_REQUEST,
    PROGRAMS,
    Job,
    check_schema,
    github_jobs,
    github_script,
    github_workflows,
    gitlab_jobs,
    load,
)
from harness.processes import only, run
from harness.template import DATABASES, Answers, Render, choices, render

COMBINATIONS = list(itertools.product(DATABASES, [["docker"], []]))
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
ACTION = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
STAGES = {"build", "test", "deploy"}
TARGET_BRANCH = "github.base_ref || github.event.repository.default_branch"
IS_DEFAULT_BRANCH = "github.ref_name == github.event.repository.default_branch"
IS_MERGE_REQUEST = "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
# What dependabot updates, where a project has it.
ECOSYSTEMS = {
    "uv": "pyproject.toml",
    "github-actions": ".github/workflows",
    "docker": "Dockerfile",
    "docker-compose": "compose.yaml",
}


@pytest.fixture(
    scope="module", params=COMBINATIONS, ids=lambda answers: f"{answers[0]}-{len(answers[1])}"
)
def answers(request: pytest.FixtureRequest) -> Answers:
    database, deploy = request.param
    return {"database": database, "deploy": deploy}


@pytest.fixture(scope="module")
def github(answers: Answers, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(source, tmp_path_factory.mktemp("github") / "orders", {"ci": "github", **answers})


@pytest.fixture(scope="module")
def gitlab(answers: Answers, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(source, tmp_path_factory.mktemp("gitlab") / "orders", {"ci": "gitlab", **answers})


def check_jobs(rendered: Render, **answers: str) -> tuple[Job, Job]:
    """Return the jobs that check a project: of GitHub and of GitLab."""
    github = rendered("hub", **answers)
    gitlab = rendered("lab", ci="gitlab", **answers)
    return github_jobs(github)["check"], gitlab_jobs(gitlab)["check"]


def test_github_files_have_the_schema(github: Path) -> None:
    check_schema(github, "github-workflows", *(github / ".github/workflows").iterdir())
    check_schema(github, "dependabot", ".github/dependabot.yml")


def test_github_workflows_are_secure(github: Path) -> None:
    run(PROGRAMS / "zizmor", "--offline", "--no-progress", ".", cwd=github)


def test_gitlab_files_have_the_schema(gitlab: Path) -> None:
    files = [gitlab / ".gitlab-ci.yml", *(gitlab / ".gitlab/ci").iterdir()]
    check_schema(gitlab, "gitlab-ci", "--data-transform", "gitlab-ci", *files)
    check_schema(gitlab, "renovate", "renovate.json")


def test_actions_are_commits(github: Path) -> None:
    """A tag can be moved to other code; a comment names the version of the commit."""
    for path in (github / ".github/workflows").iterdir():
        actions = re.findall(r"uses: (.*)", path.read_text("utf-8"))
        assert actions
        for action in actions:
            assert ACTION.fullmatch(action), action


def test_expressions_name_what_exists(github: Path) -> None:
    """A misspelt name in an expression is an empty text, and no error."""
    known = {"github.head_ref || github.run_id", "matrix.python", "github.token", TARGET_BRANCH}
    known |= {
        "github.base_ref",
        "github.event.pull_request.number",
        "needs.rehearse.outputs.report",
        "steps.report.outputs.report",
    }
    for name, workflow in github_workflows(github).items():
        text = (github / f".github/workflows/{name}.yml").read_text("utf-8")
        used = set(EXPRESSION.findall(text))
        assert used <= known
        matrix = workflow["jobs"].get("check", {}).get("strategy", {}).get("matrix", {})
        assert ("matrix.python" in used) is ("python" in matrix)


def test_github_workflows_follow_pushes_and_pull_requests(github: Path, answers: Answers) -> None:
    workflows = github_workflows(github)
    image = ["image"] if answers["deploy"] else []
    assert workflows.keys() == {"check", "compat", "rehearse", *image}
    for workflow in workflows.values():
        assert workflow["concurrency"]["cancel-in-progress"] == "true"
    revisions = {"paths": ["**/migrations/versions/**"]}
    for name in ("compat", "rehearse"):
        assert workflows.pop(name)["on"] == {"pull_request": revisions}
    for workflow in workflows.values():
        assert workflow["on"] == {"push": {"branches": ["**"]}, "pull_request": ""}


def test_github_permissions_are_minimal(github: Path, answers: Answers) -> None:
    for workflow in github_workflows(github).values():
        assert workflow["permissions"] == {"contents": "read"}
    jobs = github_jobs(github)
    publish = jobs.pop("publish", None)
    assert jobs.pop("comment")["permissions"] == {"pull-requests": "write"}
    for name, job in jobs.items():
        assert "permissions" not in job, name
    if answers["deploy"]:
        assert publish
        assert publish["permissions"] == {"contents": "read", "packages": "write"}
    else:
        assert publish is None


def test_github_checks_out_all_that_is_compared(github: Path) -> None:
    jobs = github_jobs(github)
    # The job that may write has no code of the branch.
    assert only(jobs.pop("comment")["steps"]).keys() == {"name", "run"}
    for job in jobs.values():
        first = job["steps"][0]
        assert first["uses"].startswith("actions/checkout@")
        assert first["with"]["persist-credentials"] == "false"
    for name in ("check", "compat"):
        checkout, setup, *_ = jobs[name]["steps"]
        assert checkout["with"]["fetch-depth"] == "0"
        assert setup["uses"].startswith("astral-sh/setup-uv@")
        assert setup["with"] == {"enable-cache": "true"}


@pytest.mark.parametrize("database", DATABASES)
def test_checks_run_every_gate(rendered: Render, database: str) -> None:
    github, gitlab = check_jobs(rendered, database=database)
    for script in (github_script(github), gitlab["script"]):
        assert script == ["make setup", "make check", "make openapi-check"]


def test_default_branch_is_checked_whatever_its_name_is(github: Path) -> None:
    """And the branch to merge into is known to every step, not to a single step."""
    check = github_jobs(github)["check"]
    assert check["if"] == f"{IS_PULL_REQUEST} || {IS_DEFAULT_BRANCH}"
    assert check["env"]["base"] == f"origin/${{{{ {TARGET_BRANCH} }}}}"
    assert "base=" not in "\n".join(github_script(check))


def test_gitlab_knows_the_branch_to_merge_into(gitlab: Path) -> None:
    check = gitlab_jobs(gitlab)["check"]
    assert check["variables"]["base"] == "origin/$CI_DEFAULT_BRANCH"
    assert check["variables"]["GIT_DEPTH"] == "0"
    request = check["rules"][0]
    assert request["if"] == IS_MERGE_REQUEST
    assert request["variables"] == {"base": f"origin/{IS_MERGE_REQUEST}"}


def test_images_are_published_from_the_main_branch_only(rendered: Render) -> None:
    jobs = github_jobs(rendered())
    assert jobs["build"]["if"] == IS_PULL_REQUEST
    assert jobs["publish"]["if"] == f"github.event_name == 'push' && {IS_DEFAULT_BRANCH}"
    assert "push" not in "\n".join(github_script(jobs["build"]))
    gitlab = gitlab_jobs(rendered("lab", ci="gitlab"))["container-image"]
    pushing = only(rule for rule in gitlab["rules"] if rule.get("variables") == {"PUSH": "true"})
    assert pushing["if"] == "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"


def test_gitlab_jobs(gitlab: Path, answers: Answers) -> None:
    jobs = gitlab_jobs(gitlab)
    image = {"container-image"} if answers["deploy"] else set()
    of_revisions = {"compat", "rehearse", "rehearse-note"}
    assert jobs.keys() == {"check", *of_revisions, "renovate", *image}
    for job in jobs.values():
        assert job["stage"] in STAGES
    # A pipeline of a schedule is for updates; every other one is for the rest.
    update = only(jobs["renovate"]["rules"])
    assert update["if"] == '$CI_PIPELINE_SOURCE == "schedule" && $RENOVATE_TOKEN'
    check = jobs["check"]
    request, push = check["rules"]
    assert request["if"] == IS_MERGE_REQUEST
    assert push["if"] == '$CI_PIPELINE_SOURCE != "schedule"'
    assert check["variables"]["GIT_DEPTH"] == "0"
    assert check["cache"]["paths"] == [".uv_cache"]
    assert check["variables"]["UV_CACHE_DIR"] == "$CI_PROJECT_DIR/.uv_cache"


@pytest.mark.parametrize("version", choices("python_version"))
def test_oldest_and_newest_python(rendered: Render, version: str) -> None:
    newest = choices("python_version")[-1]
    versions = list(dict.fromkeys([version, newest]))
    github, gitlab = check_jobs(rendered, python_version=version)
    assert github["strategy"]["matrix"]["python"] == versions
    assert gitlab["parallel"]["matrix"] == [{"PYTHON": versions}]
    assert "$PYTHON" in gitlab["image"]


@pytest.mark.parametrize("database", DATABASES)
def test_only_a_server_needs_a_service(rendered: Render, database: str) -> None:
    github, gitlab = check_jobs(rendered, database=database)
    if database == "sqlite":
        assert "services" not in github | gitlab
        return
    service = only(github["services"].values())
    assert service["image"] == "postgres:18"
    assert "--health-cmd" in service["options"]
    assert gitlab["services"] == ["postgres:18"]
    for settings, created in (
        (github["env"], service["env"]),
        (gitlab["variables"], gitlab["variables"]),
    ):
        assert settings["DATABASE_URL"].endswith(f"/{created['POSTGRES_DB']}")
        assert settings["TEST_DATABASE_URL"] != settings["DATABASE_URL"]


def test_dependabot_updates_what_the_project_has(github: Path) -> None:
    ecosystems = [name for name, path in ECOSYSTEMS.items() if (github / path).exists()]
    updates = load(github / ".github/dependabot.yml")["updates"]
    assert [update["package-ecosystem"] for update in updates] == ecosystems
    for update in updates:
        assert update["cooldown"]["default-days"] == "7"


def test_kit_is_left_to_the_template(github: Path, gitlab: Path) -> None:
    """Dependabot reads the path of a source and leaves it alone; a member of a workspace it edits."""
    assert "kit/**" in json.loads((gitlab / "renovate.json").read_text("utf-8"))["ignorePaths"]
    for update in load(github / ".github/dependabot.yml")["updates"]:
        assert "exclude-paths" not in update
    settings = tomllib.loads((github / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    assert settings["sources"]["kit"]["path"] == "kit"
    assert "workspace" not in settings
