"""Which releases a template has, with tags and without, and which of them a project may go to."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from harness.processes import IDENTITY, only, run
from harness.releases import commit, git
from harness.template import ROOT
from tools.tags import main, tags

from scripts.clone import Release, choose, describe, resolve, sort_versions  # isort: skip
from scripts.release import Step  # isort: skip

PROGRAMS = Path(sys.executable).parent
WORKFLOWS = ROOT / ".github/workflows"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a repository whose releases 1.0.0 and 1.1.0 are headings, 1.1.0 by a merge."""
    folder = tmp_path / "template"
    folder.mkdir()
    git("init", "--quiet", "--initial-branch", "trunk", cwd=folder)
    write(folder, "1.0.0")
    git("switch", "--quiet", "--create", "work", cwd=folder)
    write(folder, "1.1.0", "1.0.0")
    git("switch", "--quiet", "trunk", cwd=folder)
    git("merge", "--quiet", "--no-ff", "--no-edit", "work", cwd=folder)
    return folder


def write(folder: Path, *names: str) -> None:
    text = "\n".join(f"## {name}\n\n- Something.\n" for name in names)
    (folder / "CHANGELOG.md").write_text(f"# Changes\n\n{text}", "utf-8")
    commit(folder, f"Write {names[0]}")


def release(folder: Path, name: str) -> None:
    commit(folder, name)
    git("tag", "--no-sign", name, cwd=folder)


def chosen(folder: Path, at: str, to: str = "") -> str:
    return choose(folder, describe(folder, resolve(folder, at)), to).name


def test_version_of_the_project_is_that_of_the_newest_heading() -> None:
    names = sort_versions(tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == names[-1]


def test_headings_are_versions() -> None:
    text = "## 1.0.0\n## v1.2\r\n## 1.4.0.post1  \n## 2.0.0rc1\n### 3.0.0\n## Next\n## 4.0.0 soon\n"
    assert tags.headings(text) == ["1.0.0", "v1.2", "1.4.0.post1", "2.0.0rc1"]


def test_release_is_the_first_parent_that_adds_the_heading(template: Path) -> None:
    """A heading that was written on a branch is released by the merge."""
    (template / "CHANGELOG.md").unlink()
    commit(template, "Lose it")
    write(template, "1.1.0", "1.0.0")
    merge, first = git("rev-list", "--first-parent", "HEAD~2", cwd=template).split()
    assert tags.released(template) == {"1.0.0": first, "1.1.0": merge}


def test_make_tags(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Annotated, the same in every clone, also where git does not know who runs it; only once."""
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


def test_make_tags_without_an_environment() -> None:
    """Python's standard library, and git, are all that a reader needs."""
    code = "import sys; sys.path[:0] = ['.']; import tools.tags"
    run(sys.executable, "-I", "-S", "-c", code, cwd=ROOT)
    assert "\n\t@python3 -m tools.tags\n" in (ROOT / "Makefile").read_text("utf-8")


def test_newest_release_that_contains_that_of_the_project(template: Path) -> None:
    """A fork has fetched the tags of its upstream, which has since released two more."""
    release(template, "1.4.0")
    release(template, "1.5.0")
    release(template, "1.7.0")
    git("switch", "--quiet", "--create", "fork", "1.4.0", cwd=template)
    release(template, "1.4.0.post1")
    assert chosen(template, "1.4.0") == "1.7.0"
    assert chosen(template, "1.4.0.post1") == "1.4.0.post1"
    with pytest.raises(SystemExit, match=r"^1\.7\.0 does not contain 1\.4\.0\.post1, where this"):
        chosen(template, "1.4.0.post1", to="1.7.0")
    with pytest.raises(SystemExit, match=r"is at 1\.4\.0\.post1, and cannot go back to 1\.4\.0$"):
        chosen(template, "1.4.0.post1", to="1.4.0")
    git("merge", "--quiet", "--no-edit", "1.7.0", cwd=template)
    release(template, "1.7.0.post1")
    assert chosen(template, "1.4.0.post1") == "1.7.0.post1"
    assert chosen(template, "1.4.0", to="1.5.0") == "1.5.0"


def test_versions_are_those_of_pep_440(template: Path) -> None:
    for name in ("v1.2", "1.9.0", "1.10", "nightly", "release-7", "2.0.0rc1"):
        release(template, name)
    assert chosen(template, "v1.2") == "1.10"
    assert chosen(template, "v1.2", to="2.0.0rc1") == "2.0.0rc1"
    with pytest.raises(SystemExit, match="^there is no release nightly; the newest is "):
        chosen(template, "v1.2", to="nightly")
    release(template, "2.0.0rc2")
    assert chosen(template, "1.10") == "1.10"
    assert chosen(template, "2.0.0rc1") == "2.0.0rc2"
    release(template, "2.0.0")
    assert chosen(template, "2.0.0rc1") == chosen(template, "1.10") == "2.0.0"


def test_commits_between_releases(template: Path) -> None:
    release(template, "1.4.0")
    commit(template, "More")
    between = git("rev-parse", "HEAD", cwd=template)
    assert describe(template, between).name == f"1.4.0-1-g{between[:7]}"
    assert chosen(template, between) == f"1.4.0-1-g{between[:7]}"
    release(template, "1.5.0")
    assert chosen(template, between) == "1.5.0"
    assert describe(template, resolve(template, "1.4.0~1")).version is None


def hooks(template: Path, text: str) -> list[str]:
    """Return what would run where copier.yml has this text, from 1.4.0 to 1.5.0."""
    (template / "copier.yml").write_text(text, "utf-8")
    commit(template, "Write copier.yml")
    before = Release("1.4.0", "", sort_key("1.4.0"))
    after = Release("1.5.0", resolve(template, "HEAD"), sort_key("1.5.0"))
    return Step(before, after, "", template, tagged=True).hooks()


def sort_key(name: str) -> object:
    from packaging.version import Version

    return Version(name)


ENTRY = "_migrations:\n  - {}\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("_migrations:\n", []),
        (ENTRY.format('{version: "1.5.0", command: ls}'), ["1.5.0"]),
        (ENTRY.format("{version: 1.5, command: ls}"), ["1.5"]),
        (ENTRY.format('{version: "1.4.0", command: ls}'), []),
        (ENTRY.format('{version: "1.4.0.post1", command: ls}'), ["1.4.0.post1"]),
        (ENTRY.format('{version: "1.6.0", command: ls}'), []),
        (ENTRY.format("{command: ls}"), ["every update"]),
        (ENTRY.format("ls"), ["every update"]),
        (ENTRY.format("[ls, -l]"), ["every update"]),
        ("_tasks: [ls]\n", ["every update"]),
        ("a: 1\n---\n!include options/*.yml\n", ["1.5.0"]),
    ],
)
def test_what_runs_code_is_known(template: Path, text: str, names: list[str]) -> None:
    (template / "options").mkdir()
    included = ENTRY.format('{version: "1.5.0", command: ls}')
    (template / "options/more.yml").write_text(included, "utf-8")
    assert hooks(template, text) == names


DATABASE = "database: {type: str}\ndrivers: {default: [], when: false}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"_subdirectory: template\nname: {{type: str}}\n{DATABASE}",
        "_subdirectory: template\nname: {type: str}\n--- !include options/20-database.yml\n",
        "--- # Nothing.\n--- !include options/10-name.yml\n--- !include options/20-database.yml\n",
        "!include options/*.yml\n",
    ],
)
def test_what_is_asked_is_known(template: Path, text: str) -> None:
    """In one file, as releases until 1.8 have it, and in a file for each question."""
    (template / "options").mkdir()
    (template / "options/10-name.yml").write_text("name: {type: str}\n", "utf-8")
    (template / "options/20-database.yml").write_text(f"{DATABASE}_exclude: [a]\n", "utf-8")
    (template / "copier.yml").write_text(text, "utf-8")
    commit(template, "Write copier.yml")
    after = Release("1.5.0", resolve(template, "HEAD"), sort_key("1.5.0"))
    assert Step(after, after, "", template, tagged=True).questions() == ["database", "name"]


def test_workflows_test_and_tag() -> None:
    """Every push is tested; one of the main branch also sets the tags, for which history is needed."""
    check = ("--builtin-schema", "vendor.github-workflows")
    run(PROGRAMS / "check-jsonschema", *check, *WORKFLOWS.iterdir(), cwd=ROOT)
    run(PROGRAMS / "zizmor", "--offline", "--no-progress", WORKFLOWS, cwd=ROOT)
    jobs = {
        name: job
        for path in WORKFLOWS.iterdir()
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items()
    }
    lines = [step.get("run", "") for step in jobs["test"]["steps"]]
    assert "make test" in lines
    lines = [step.get("run", "") for step in jobs["tags"]["steps"]]
    assert lines[1].splitlines()[0] == "make tags"
    assert "git push" in lines[1]
    assert "default_branch" in jobs["tags"]["if"]
    for job in (jobs["test"], jobs["tags"]):
        assert job["steps"][0]["with"]["fetch-depth"] == 0


def test_tags_are_pushed(template: Path) -> None:
    """The step of the workflow, with a server that has one of the tags already."""
    server = template.with_name("server.git")
    git("clone", "--quiet", "--bare", template, server, cwd=template)
    git("tag", "--no-sign", "1.0.0", "trunk~1", cwd=server)
    workflow = yaml.safe_load((WORKFLOWS / "test.yml").read_text("utf-8"))
    step = only([step for step in workflow["jobs"]["tags"]["steps"] if "run" in step])
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
        run("bash", "-eo", "pipefail", "-c", step["run"], cwd=clone, env=environment)
    assert git("tag", cwd=server).split() == ["1.0.0", "1.1.0"]
    assert git("cat-file", "-t", "1.1.0", cwd=server) == "tag"
