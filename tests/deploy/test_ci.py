"""The files of `ci`: read by validators, and their commands run in a clone of a project."""

import base64
import contextlib
import itertools
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.ci_files import GITHUB_SHELL, GITLAB_SHELL, PROGRAMS, check_schema, load
from harness.databases import Server
from harness.processes import IDENTITY, Completed, only, run
from harness.project import Project
from harness.template import DATABASES, Answers, Render, choices, render

pytestmark = pytest.mark.seconds(35)

COMBINATIONS = list(itertools.product(DATABASES, [["docker"], []]))
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
STAGES = {"build", "test", "deploy"}


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda one: f"{one[0]}-{len(one[1])}")
def answers(request: pytest.FixtureRequest) -> Answers:
    database, deploy = request.param
    return {"database": database, "deploy": deploy}


@pytest.fixture(scope="module")
def github(answers: Answers, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(source, tmp_path_factory.mktemp("github") / "orders", {"ci": "github", **answers})


@pytest.fixture(scope="module")
def gitlab(answers: Answers, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(source, tmp_path_factory.mktemp("gitlab") / "orders", {"ci": "gitlab", **answers})


def workflows(folder: Path) -> dict[str, Any]:
    return {path.stem: load(path) for path in (folder / ".github/workflows").iterdir()}


def gitlab_jobs(folder: Path) -> dict[str, Any]:
    """Return the jobs of all files that .gitlab-ci.yml includes."""
    pattern = only([one["local"] for one in load(folder / ".gitlab-ci.yml")["include"]])
    files = [load(path) for path in folder.glob(pattern)]
    jobs = {name: job for file in files for name, job in file.items()}
    assert len(jobs) == sum(map(len, files)), "a job of one file replaces that of another"
    return jobs


# What there is


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
    """A tag can be moved to other code; a comment says which version the commit is."""
    for path in (github / ".github/workflows").iterdir():
        used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
        assert used
        for action in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_expressions_name_what_there_is(github: Path) -> None:
    """A misspelt name in an expression is an empty text, and no error."""
    default = "github.base_ref || github.event.repository.default_branch"
    known = {"github.head_ref || github.run_id", "matrix.python", "github.token", default}
    for name, workflow in workflows(github).items():
        text = (github / f".github/workflows/{name}.yml").read_text("utf-8")
        used = set(re.findall(r"\$\{\{ (.*?) \}\}", text))
        assert used <= known
        matrix = workflow["jobs"].get("check", {}).get("strategy", {}).get("matrix", {})
        assert ("matrix.python" in used) is ("python" in matrix)


def test_github_permissions_are_minimal(github: Path, answers: Answers) -> None:
    found = workflows(github)
    assert found.keys() == {"check", *(["image"] if answers["deploy"] else [])}
    for workflow in found.values():
        assert workflow["on"] == {"push": {"branches": ["**"]}, "pull_request": ""}
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow["concurrency"]["cancel-in-progress"] == "true"
    more = {
        name: job["permissions"]
        for workflow in found.values()
        for name, job in workflow["jobs"].items()
        if "permissions" in job
    }
    assert more.keys() == ({"publish"} if answers["deploy"] else set())
    assert set(map(str, more.values())) <= {str({"contents": "read", "packages": "write"})}


def test_github_checks_out_all_that_is_compared(github: Path) -> None:
    for workflow in workflows(github).values():
        for job in workflow["jobs"].values():
            first = job["steps"][0]
            assert first["uses"].startswith("actions/checkout@")
            assert first["with"]["persist-credentials"] == "false"
    check = workflows(github)["check"]["jobs"]["check"]["steps"]
    assert check[0]["with"]["fetch-depth"] == "0"
    assert check[1]["uses"].startswith("astral-sh/setup-uv@")
    assert check[1]["with"] == {"enable-cache": "true"}


@pytest.mark.parametrize("database", DATABASES)
def test_checks_run_every_gate(rendered: Render, database: str) -> None:
    github = workflows(rendered("hub", database=database))["check"]["jobs"]["check"]
    gitlab = gitlab_jobs(rendered("lab", database=database, ci="gitlab"))["check"]
    for lines in (lines_of(github), gitlab["script"]):
        assert lines[0] == "make setup"
        assert lines[-1] == "make check"


IS_DEFAULT = "github.ref_name == github.event.repository.default_branch"


def test_default_branch_is_checked_whatever_its_name_is(github: Path) -> None:
    """And the branch to merge into is known to every step, not to one of them."""
    check = workflows(github)["check"]["jobs"]["check"]
    assert check["if"] == f"github.event_name == 'pull_request' || {IS_DEFAULT}"
    default = "github.base_ref || github.event.repository.default_branch"
    assert check["env"]["base"] == f"origin/${{{{ {default} }}}}"
    assert not [line for line in lines_of(check) if "base=" in line]


def test_gitlab_knows_the_branch_to_merge_into(gitlab: Path) -> None:
    check = gitlab_jobs(gitlab)["check"]
    assert check["variables"]["base"] == "origin/$CI_DEFAULT_BRANCH"
    assert check["variables"]["GIT_DEPTH"] == "0"
    request = check["rules"][0]
    assert request["if"] == "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
    assert request["variables"] == {"base": "origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"}


def test_images_are_published_from_the_main_branch_only(rendered: Render) -> None:
    jobs = workflows(rendered())["image"]["jobs"]
    assert jobs["build"]["if"] == "github.event_name == 'pull_request'"
    assert jobs["publish"]["if"] == f"github.event_name == 'push' && {IS_DEFAULT}"
    assert not [line for line in lines_of(jobs["build"]) if "push" in line]
    gitlab = gitlab_jobs(rendered("lab", ci="gitlab"))["container-image"]["rules"]
    pushing = [rule["if"] for rule in gitlab if rule.get("variables") == {"PUSH": "true"}]
    assert pushing == ["$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"]


def test_gitlab_jobs(gitlab: Path, answers: Answers) -> None:
    jobs = gitlab_jobs(gitlab)
    wanted = {"check", "renovate", *(["container-image"] if answers["deploy"] else [])}
    assert jobs.keys() == wanted
    assert {job["stage"] for job in jobs.values()} <= STAGES
    # A pipeline of a schedule is for updates; every other one is for the rest.
    schedule = '$CI_PIPELINE_SOURCE == "schedule"'
    assert [rule["if"] for rule in jobs["renovate"]["rules"]] == [f"{schedule} && $RENOVATE_TOKEN"]
    request = "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
    rules = [rule["if"] for rule in jobs["check"]["rules"]]
    assert rules == [request, schedule.replace("==", "!=")]
    assert jobs["check"]["variables"]["GIT_DEPTH"] == "0"
    assert jobs["check"]["cache"]["paths"] == [".uv_cache"]
    assert jobs["check"]["variables"]["UV_CACHE_DIR"] == "$CI_PROJECT_DIR/.uv_cache"


@pytest.mark.parametrize("version", choices("python_version"))
def test_oldest_and_newest_python(rendered: Render, version: str) -> None:
    newest = choices("python_version")[-1]
    wanted = list(dict.fromkeys([version, newest]))
    github = workflows(rendered("hub", python_version=version))["check"]["jobs"]["check"]
    assert github["strategy"]["matrix"]["python"] == wanted
    gitlab = gitlab_jobs(rendered("lab", python_version=version, ci="gitlab"))["check"]
    assert gitlab["parallel"]["matrix"] == [{"PYTHON": wanted}]
    assert "$PYTHON" in gitlab["image"]


@pytest.mark.parametrize("database", DATABASES)
def test_only_a_server_needs_a_service(rendered: Render, database: str) -> None:
    github = workflows(rendered("hub", database=database))["check"]["jobs"]["check"]
    gitlab = gitlab_jobs(rendered("lab", database=database, ci="gitlab"))["check"]
    if database == "sqlite":
        assert "services" not in github | gitlab
        return
    service = only(github["services"].values())
    assert service["image"] == "postgres:18"
    assert "--health-cmd" in service["options"]
    assert gitlab["services"] == ["postgres:18"]
    for settings, made in (
        (github["env"], service["env"]),
        (gitlab["variables"], gitlab["variables"]),
    ):
        assert settings["DATABASE_URL"].endswith(f"/{made['POSTGRES_DB']}")
        assert settings["TEST_DATABASE_URL"] != settings["DATABASE_URL"]


def test_dependabot_looks_where_there_is_something(github: Path) -> None:
    looked_at = {
        "uv": "pyproject.toml",
        "github-actions": ".github/workflows",
        "docker": "Dockerfile",
        "docker-compose": "compose.yaml",
    }
    updates = load(github / ".github/dependabot.yml")["updates"]
    assert [one["package-ecosystem"] for one in updates] == [
        ecosystem for ecosystem, path in looked_at.items() if (github / path).exists()
    ]
    assert {one["cooldown"]["default-days"] for one in updates} == {"7"}


def test_kit_is_left_to_the_template(github: Path, gitlab: Path) -> None:
    """Dependabot reads the path of a source and leaves it alone; a member of a workspace it edits."""
    assert "kit/**" in json.loads((gitlab / "renovate.json").read_text("utf-8"))["ignorePaths"]
    assert all(
        "exclude-paths" not in one for one in load(github / ".github/dependabot.yml")["updates"]
    )
    settings = tomllib.loads((github / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    assert settings["sources"]["kit"]["path"] == "kit"
    assert "workspace" not in settings


# What it runs


def lines_of(job: dict[str, Any], event: str = "pull_request") -> list[str]:
    """Return the commands of a job of GitHub for this event."""
    condition = "github.event_name == 'pull_request'"
    return [
        step["run"]
        for step in job["steps"]
        if "run" in step and (step.get("if", condition) == condition)
        if event == "pull_request" or "if" not in step
    ]


@pytest.fixture
def clone(project: Project, source: Path, tmp_path: Path) -> Iterator[Path]:
    """Yield a branch in a clone of the project, as a CI checks it out: without an environment."""
    answers: Answers = {"database": project.database}
    first = render(source, tmp_path / "first", answers)
    (first / "uv.lock").write_bytes((project.folder / "uv.lock").read_bytes())

    def git(folder: Path, *arguments: str | Path) -> None:
        run("git", *arguments, cwd=folder, env=IDENTITY)

    git(first, "init", "--quiet", "--initial-branch=main")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message=Start")
    git(tmp_path, "clone", "--quiet", "--branch=main", first, "clone")
    git(tmp_path / "clone", "switch", "--quiet", "--create=change")
    git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "--message=Change")
    yield tmp_path / "clone"
    # What is set up with an address of a server has none of its own.
    assert not list((tmp_path / "clone").glob(".postgres"))


@pytest.fixture
def addresses(server: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield what the environment of the job names, on the server of the tests."""
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(server.empty_database(tmp_path)) for _ in range(2))
        yield {"DATABASE_URL": one, "TEST_DATABASE_URL": other}


def settings_of(
    job: dict[str, Any], section: str, addresses: dict[str, str], project: Project
) -> dict[str, str]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    given = {
        key: EXPRESSION.sub(
            lambda found: python if found[1] == "matrix.python" else "main",
            addresses.get(key, text).replace("$CI_DEFAULT_BRANCH", "main"),
        )
        for key, text in job[section].items()
        # The packages come from the cache of this machine.
        if key != "UV_CACHE_DIR"
    }
    tools = project.path.split(":", 1)[1]
    return given | {"PATH": tools, "UV_PYTHON": python}


def run_all(
    shell: tuple[str, ...], lines: list[str], folder: Path, settings: dict[str, str]
) -> list[Completed]:
    return [run(*shell, line, cwd=folder, env=settings, timeout=600) for line in lines]


def is_checked(done: Completed, folder: Path) -> None:
    assert re.search(r"\d+ passed", done.stdout)
    assert not run("git", "status", "--porcelain", cwd=folder).stdout


def test_github_check_of_a_push(project: Project, clone: Path, addresses: dict[str, str]) -> None:
    job = workflows(clone)["check"]["jobs"]["check"]
    lines = lines_of(job)
    assert lines == lines_of(job, "push") == ["make setup", "make check"]
    done = run_all(GITHUB_SHELL, lines, clone, settings_of(job, "env", addresses, project))
    assert "new revisions since origin/main: 0, nothing dangerous" in done[-1].stdout
    is_checked(done[-1], clone)


def test_gitlab_check(
    project: Project, clone: Path, addresses: dict[str, str], source: Path, tmp_path: Path
) -> None:
    lab = render(source, tmp_path / "lab", {"database": project.database, "ci": "gitlab"})
    job = gitlab_jobs(lab)["check"]
    assert job["script"] == ["make setup", "make check"]
    settings = settings_of(job, "variables", addresses, project)
    done = run_all(GITLAB_SHELL, ["make setup", "make db-lint"], clone, settings)
    assert done[-1].stdout == "new revisions since origin/main: 0, nothing dangerous\n"


def stand_in(folder: Path, *programs: str) -> dict[str, str]:
    """Put programs on the search path that write down what they are asked to do."""
    folder.mkdir()
    for name in programs:
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{folder}/log\ncat >>{folder}/in')
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


def test_github_image(rendered: Render, tmp_path: Path) -> None:
    jobs = workflows(rendered())["image"]["jobs"]
    tools = stand_in(tmp_path / "tools", "docker", "curl")
    run_all(GITHUB_SHELL, lines_of(jobs["build"]), tmp_path, tools)
    settings = {
        "GITHUB_REPOSITORY": "Ada/Orders",
        "GITHUB_SHA": "1a2b",
        "GITHUB_ACTOR": "ada",
        "TOKEN": "s3cret",
    }
    run_all(GITHUB_SHELL, lines_of(jobs["publish"], "push"), tmp_path, tools | settings)
    asked = (tmp_path / "tools/log").read_text("utf-8").splitlines()
    retry = "--retry 30 --retry-delay 1 --retry-all-errors"
    assert asked == [
        "docker compose up --build --detach",
        f"curl --fail --silent --show-error {retry} http://127.0.0.1:8000/health/ready",
        "docker build --tag ghcr.io/ada/orders:1a2b .",
        "docker login ghcr.io --username ada --password-stdin",
        "docker push ghcr.io/ada/orders:1a2b",
    ]
    assert (tmp_path / "tools/in").read_text("utf-8") == "s3cret\n"


def test_gitlab_image(rendered: Render, tmp_path: Path) -> None:
    job = gitlab_jobs(rendered(ci="gitlab"))["container-image"]
    tools = stand_in(tmp_path / "tools", "buildctl-daemonless.sh")
    settings = {
        "CI_REGISTRY": "registry.example.com",
        "CI_REGISTRY_IMAGE": "registry.example.com/ada/orders",
        "CI_REGISTRY_USER": "ada",
        "CI_REGISTRY_PASSWORD": 's3cret "with\\ everything%s',
        "CI_COMMIT_SHA": "1a2b",
        "PUSH": "false",
    }
    # The image's shell is a plain one.
    run("sh", "-ec", "\n".join(job["script"]), cwd=tmp_path, env=tools | settings)
    asked = only((tmp_path / "tools/log").read_text("utf-8").splitlines())
    assert asked == (
        "buildctl-daemonless.sh build --frontend dockerfile.v0 --local context=. --local"
        " dockerfile=. --output type=image,name=registry.example.com/ada/orders:1a2b,push=false"
    )
    written = json.loads((tmp_path / "tools/.docker/config.json").read_text("utf-8"))
    given = base64.b64decode(written["auths"]["registry.example.com"]["auth"]).decode()
    assert given == f"ada:{settings['CI_REGISTRY_PASSWORD']}"
