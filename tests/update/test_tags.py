"""The releases of a template without tags, `make tags`, and the workflow that pushes them."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.processes import IDENTITY, only, run
from harness.releases import commit, git, write_change_log
from harness.template import ROOT
from harness.template_scripts import clone, tags
from tools.tags import main

PROGRAMS = Path(sys.executable).parent
WORKFLOWS = ROOT / ".github/workflows"


def test_version_of_the_project_is_that_of_the_newest_heading() -> None:
    names = clone.sort_versions(tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == names[-1]


def test_headings_are_versions() -> None:
    text = "## 1.0.0\n## v1.2\r\n## 1.4.0.post1  \n## 2.0.0rc1\n### 3.0.0\n## Next\n## 4.0.0 soon\n"
    assert tags.headings(text) == ["1.0.0", "v1.2", "1.4.0.post1", "2.0.0rc1"]


def test_release_is_the_first_parent_that_adds_the_heading(template: Path) -> None:
    """A heading from a branch is released by the merge; a second one is not a release."""
    (template / "CHANGELOG.md").unlink()
    commit(template, "Lose it")
    write_change_log(template, "1.1.0", "1.0.0")
    merge, first = git("rev-list", "--first-parent", "HEAD~2", cwd=template).split()
    assert tags.released(template) == {"1.0.0": first, "1.1.0": merge}


def test_make_tags(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Annotated and the same in every clone, without a git identity; existing tags stay."""
    other = template.with_name("other")
    git("clone", "--quiet", template, other, cwd=template)
    git("tag", "--no-sign", "1.0.0", "HEAD", cwd=other)
    before = git("rev-parse", "1.0.0", cwd=other)
    for folder in (template, other):
        main(folder)
    assert "tagged 1.1.0: " in capsys.readouterr().out
    assert git("rev-parse", "1.0.0", cwd=other) == before
    assert git("cat-file", "-t", "1.1.0", cwd=template) == "tag"
    assert len({git("rev-parse", "1.1.0", cwd=folder) for folder in (template, other)}) == 1
    main(template)
    assert capsys.readouterr().out == "nothing to do: all 2 releases have tags\n"


def test_make_tags_needs_the_history(template: Path) -> None:
    git("clone", "--quiet", "--depth=1", f"file://{template}", "shallow", cwd=template.parent)
    with pytest.raises(SystemExit, match="git fetch --unshallow"):
        main(template.with_name("shallow"))


def test_make_tags_needs_no_packages() -> None:
    code = "import sys; sys.path[:0] = ['.']; import tools.tags"
    run(sys.executable, "-I", "-S", "-c", code, cwd=ROOT)
    assert "\n\t@python3 -m tools.tags\n" in (ROOT / "Makefile").read_text("utf-8")


def test_workflows_test_and_tag() -> None:
    """Every push is tested; the main branch is also tagged, which needs its whole history."""
    check = ("--builtin-schema", "vendor.github-workflows")
    run(PROGRAMS / "check-jsonschema", *check, *WORKFLOWS.iterdir(), cwd=ROOT)
    run(PROGRAMS / "zizmor", "--offline", "--no-progress", WORKFLOWS, cwd=ROOT)
    test, tag = job("test"), job("tags")
    assert "make test" in scripts_of(test)
    script = scripts_of(tag)[0]
    assert script.splitlines()[0] == "make tags"
    assert "git push" in script
    assert "default_branch" in tag["if"]
    assert test["steps"][0]["with"]["fetch-depth"] == 0
    assert tag["steps"][0]["with"]["fetch-depth"] == 0


def job(name: str) -> dict[str, Any]:
    """Return a job of this repository's workflow."""
    return yaml.safe_load((WORKFLOWS / "test.yml").read_text("utf-8"))["jobs"][name]


def scripts_of(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_tags_are_pushed(template: Path) -> None:
    """The script of the workflow runs twice; the server already has one of the tags."""
    server = template.with_name("server.git")
    git("clone", "--quiet", "--bare", template, server, cwd=template)
    git("tag", "--no-sign", "1.0.0", "trunk~1", cwd=server)
    script = only(scripts_of(job("tags")))
    clone = template.with_name("clone")
    git("clone", "--quiet", server, clone, cwd=template)
    for name in ("Makefile", "tools/__init__.py", "tools/tags.py", "template/scripts/tags.py"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    address = "https://x-access-token:t@github.com/acme/template.git"
    environment = {
        **IDENTITY,
        "GH_TOKEN": "t",
        "GITHUB_REPOSITORY": "acme/template",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{server}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }
    for _ in range(2):
        run("bash", "-eo", "pipefail", "-c", script, cwd=clone, env=environment)
    assert git("tag", cwd=server).split() == ["1.0.0", "1.1.0"]
    assert git("cat-file", "-t", "1.1.0", cwd=server) == "tag"
