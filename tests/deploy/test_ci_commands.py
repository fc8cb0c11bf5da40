"""The commands of the files of `ci`, run in a clone of a project."""

import base64
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.ci_files import (
    GITHUB_SHELL,
    GITLAB_SHELL,
    Job,
    github_jobs,
    github_script,
    gitlab_jobs,
)
from harness.databases import Server
from harness.processes import IDENTITY, Completed, only, run
from harness.project import Project
from harness.template import DATABASES, Render, render

pytestmark = pytest.mark.seconds(35)

EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Writes down its arguments and its input.
RECORDER = '#!/bin/sh\necho {name} "$@" >>{folder}/log\ncat >>{folder}/in'


@pytest.fixture
def clone(project: Project, source: Path, tmp_path: Path) -> Iterator[Path]:
    """Yield a branch in a clone of the project, as a CI checks it out: without an environment."""
    first = render(source, tmp_path / "first", {"database": project.database})
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
    # With the URL of a server in the environment, setup creates no server.
    assert not list((tmp_path / "clone").glob(".postgres"))


@pytest.fixture
def addresses(server: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield the variables of the job that name a database, on the server of the tests."""
    with contextlib.ExitStack() as stack:
        yield {
            "DATABASE_URL": stack.enter_context(server.empty_database(tmp_path)),
            "TEST_DATABASE_URL": stack.enter_context(server.empty_database(tmp_path)),
        }


def environment_of(
    job: Job, section: str, addresses: dict[str, str], project: Project
) -> dict[str, str]:
    """Return the environment of a job, with the CI's expressions evaluated."""
    # All tools but those of the project, whose environment the job creates.
    environment = {"PATH": project.path.split(":", 1)[1], "UV_PYTHON": PYTHON}
    for key, text in job[section].items():
        # The packages come from the cache of this machine.
        if key != "UV_CACHE_DIR":
            environment[key] = evaluate(addresses.get(key, text))
    return environment


def evaluate(text: str) -> str:
    text = text.replace("${{ matrix.python }}", PYTHON).replace("$CI_DEFAULT_BRANCH", "main")
    # The only other expression is the branch to merge into.
    return EXPRESSION.sub("main", text)


def run_all(
    shell: tuple[str, ...], script: list[str], folder: Path, environment: dict[str, str]
) -> list[Completed]:
    return [run(*shell, line, cwd=folder, env=environment, timeout=600) for line in script]


@pytest.mark.parametrize("database", DATABASES)
def test_each_ci_checks_each_database_by_the_same_commands(rendered: Render, database: str) -> None:
    """So that the tests below run those of a CI each."""
    commands = ["make setup", "make check", "make openapi-check"]
    job = github_jobs(rendered("hub", database=database, ci="github"))["check"]
    assert github_script(job) == github_script(job, "push") == commands
    other = gitlab_jobs(rendered("lab", database=database, ci="gitlab"))["check"]
    assert other["script"] == commands
    urls = {"DATABASE_URL", "TEST_DATABASE_URL"}
    assert urls & {*job["env"]} == urls & {*other["variables"]}


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_github_check_of_a_push(project: Project, clone: Path, addresses: dict[str, str]) -> None:
    job = github_jobs(clone)["check"]
    script = github_script(job)
    environment = environment_of(job, "env", addresses, project)
    _, checked, compared = run_all(GITHUB_SHELL, script, clone, environment)
    assert "new revisions since origin/main: 0, nothing dangerous" in checked.stdout
    assert re.search(r"\d+ passed", checked.stdout)
    assert re.fullmatch(r"operations since origin/main: \d+, no breaking change\n", compared.stdout)
    assert not run("git", "status", "--porcelain", cwd=clone).stdout


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_gitlab_check(
    project: Project, clone: Path, addresses: dict[str, str], source: Path, tmp_path: Path
) -> None:
    lab = render(source, tmp_path / "lab", {"database": project.database, "ci": "gitlab"})
    job = gitlab_jobs(lab)["check"]
    environment = environment_of(job, "variables", addresses, project)
    _, checked = run_all(GITLAB_SHELL, ["make setup", "make db-lint"], clone, environment)
    assert checked.stdout == "new revisions since origin/main: 0, nothing dangerous\n"


def record(folder: Path, *programs: str) -> dict[str, str]:
    """Put programs that record their calls on a search path; return it as an environment."""
    folder.mkdir()
    for name in programs:
        (folder / name).write_text(RECORDER.format(name=name, folder=folder))
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


def test_github_image(rendered: Render, tmp_path: Path) -> None:
    jobs = github_jobs(rendered())
    tools = record(tmp_path / "tools", "docker", "curl")
    run_all(GITHUB_SHELL, github_script(jobs["build"]), tmp_path, tools)
    settings = {
        "GITHUB_REPOSITORY": "Ada/Orders",
        "GITHUB_SHA": "1a2b",
        "GITHUB_ACTOR": "ada",
        "TOKEN": "s3cret",
    }
    run_all(GITHUB_SHELL, github_script(jobs["publish"], "push"), tmp_path, tools | settings)
    calls = (tmp_path / "tools/log").read_text("utf-8").splitlines()
    retry = "--retry 30 --retry-delay 1 --retry-all-errors"
    assert calls == [
        "docker compose up --build --detach",
        f"curl --fail --silent --show-error {retry} http://127.0.0.1:8000/health/ready",
        "docker build --tag ghcr.io/ada/orders:1a2b .",
        "docker login ghcr.io --username ada --password-stdin",
        "docker push ghcr.io/ada/orders:1a2b",
    ]
    assert (tmp_path / "tools/in").read_text("utf-8") == "s3cret\n"


def test_gitlab_image(rendered: Render, tmp_path: Path) -> None:
    job = gitlab_jobs(rendered(ci="gitlab"))["container-image"]
    tools = record(tmp_path / "tools", "buildctl-daemonless.sh")
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
    call = only((tmp_path / "tools/log").read_text("utf-8").splitlines())
    assert call == (
        "buildctl-daemonless.sh build --frontend dockerfile.v0 --local context=. --local"
        " dockerfile=. --output type=image,name=registry.example.com/ada/orders:1a2b,push=false"
    )
    written = json.loads((tmp_path / "tools/.docker/config.json").read_text("utf-8"))
    credentials = base64.b64decode(written["auths"]["registry.example.com"]["auth"]).decode()
    assert credentials == f"ada:{settings['CI_REGISTRY_PASSWORD']}"
