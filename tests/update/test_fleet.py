"""docs/how-to/fleet: scheduled updates, with a service and a git server on this machine."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from harness.ci_files import GITHUB_SHELL, GITLAB_SHELL, PROGRAMS, check_schema, load
from harness.processes import run
from harness.releases import Releases, commit, edit, git, publish, tagged_clone
from harness.template import ROOT
from harness.updates import start_service

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

FLEET = ROOT / "docs/how-to/fleet"
# Programs of the CI server: copier of these tests for uvx, gh without GitHub, uv without a network.
STUBS = {
    "uvx": '[ "$1" = "copier>=9.19.1,<10" ] && shift && exec "$COPIER_PYTHON" -m copier "$@"',
    "uv": 'echo "$@" >> uv.lock',
    "gh": 'echo "$@" >> "$CALLS"',
}
NEW = "90.0.0"


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    made = tagged_clone(tmp_path_factory.mktemp("template") / "template")
    rules = made.source / "template/kit/ruff.toml"
    edit(rules, "line-length", "# As wide as a screen.\nline-length")
    publish(made.source, NEW)
    return made


def scripts(name: str) -> list[str]:
    """Return what each step runs in a shell of its own."""
    if name == "gitlab":
        return ["\n".join(load(FLEET / "gitlab.yml")["update"]["script"])]
    steps = load(FLEET / "github.yml")["jobs"]["update"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def add_stubs(folder: Path) -> Path:
    """Write the programs of STUBS to a folder for the PATH."""
    folder.mkdir()
    for program, line in STUBS.items():
        (folder / program).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (folder / program).chmod(0o755)
    return folder


def environment_of_ci(server: Path, programs: Path, calls: Path) -> dict[str, str]:
    """Return the variables of both kinds of CI; their repositories are that of the server."""
    return {
        "PATH": f"{programs}:{sys.base_prefix}/bin:/usr/bin:/bin",
        "CALLS": str(calls),
        "GH_TOKEN": "t",
        "GITHUB_REPOSITORY": "acme/orders",
        "UPDATE_TOKEN": "t",
        "CI_SERVER_HOST": "gitlab.com",
        "CI_PROJECT_PATH": "acme/orders",
        "CI_DEFAULT_BRANCH": "main",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{server}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:t@github.com/acme/orders.git",
        "GIT_CONFIG_KEY_1": f"url.{server}.insteadOf",
        "GIT_CONFIG_VALUE_1": "https://oauth2:t@gitlab.com/acme/orders.git",
    }


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_scheduled_update(releases: Releases, tmp_path: Path, name: str) -> None:
    """A branch is pushed when there is a release, also with conflicts, and only then."""
    folder = start_service(releases, tmp_path / "orders", releases.next, {"database": "sqlite"})
    server, calls = tmp_path / "server.git", tmp_path / "calls"
    git("clone", "--quiet", "--bare", folder, server, cwd=tmp_path)
    git("config", "receive.advertisePushOptions", "true", cwd=server)
    environment = environment_of_ci(server, add_stubs(tmp_path / "programs"), calls)
    shell = {"github": GITHUB_SHELL, "gitlab": GITLAB_SHELL}[name]

    edit(folder / "kit/ruff.toml", "line-length", "# Mine.\nline-length")
    commit(folder, "Edit")
    for script in scripts(name):
        run(*shell, script, cwd=folder, env=environment)
    pushed = git("show", "template-update:kit/ruff.toml", cwd=server)
    assert "<<<<<<< before updating\n# Mine.\n=======\n# As wide as a screen.\n" in pushed
    assert f"_commit: {NEW}" in git("show", "template-update:.copier-answers.yml", cwd=server)
    if name == "github":
        assert "pr create --head template-update" in calls.read_text("utf-8")

    git("branch", "--delete", "--force", "template-update", cwd=server)
    git("rm", "--quiet", "--cached", "uv.lock", cwd=folder)
    (folder / ".git/info/exclude").write_text("uv.lock\n", "utf-8")
    commit(folder, "Without a lock")
    for script in scripts(name):
        run(*shell, script, cwd=folder, env=environment)
    assert not git("branch", "--list", "template-update", cwd=server)


def test_files_have_the_schema() -> None:
    check_schema(FLEET, "github-workflows", "github.yml")
    check_schema(FLEET, "gitlab-ci", "--data-transform", "gitlab-ci", "gitlab.yml")
    check_schema(FLEET, "renovate", "renovate.json")


def test_workflow_is_secure(tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "update.yml").write_bytes((FLEET / "github.yml").read_bytes())
    run(PROGRAMS / "zizmor", "--offline", "--no-progress", ".", cwd=tmp_path)


def test_versions_are_those_of_the_services(source: Path) -> None:
    """A change of versions in one of them has to be made in both."""
    workflows = source / "template/.github/workflows"
    texts = [path.read_text("utf-8") for path in workflows.iterdir()]
    actions = re.findall(r"uses: (.*)", (FLEET / "github.yml").read_text("utf-8"))
    assert actions
    for action in actions:
        assert action in "".join(texts)


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_scheduled_updates_are_not_trusted(name: str) -> None:
    text = (FLEET / name).read_text("utf-8")
    assert "--trust" not in text
    assert yaml.safe_load(text)
